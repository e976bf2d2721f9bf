import type { ObligationKinds } from "../engine/obligation.ts";
import type { Pipeline } from "../engine/pipeline.ts";
import { launchPipeline } from "./launch.ts";
import { ingressKind } from "./owed/ingress.ts";
import { instanceKind } from "./owed/instance.ts";
import { localJobKind, remoteJobKind } from "./owed/jobs.ts";
import { forwardKind, oldTargetsKind, targetKind } from "./owed/targets.ts";
import { testsKind } from "./owed/tests.ts";
import type { PipelineServices } from "./services.ts";
import { isInjected, userDataFor } from "./steps/instance.ts";
import { swapPipeline } from "./swap.ts";
import { terminatePipeline } from "./terminate.ts";
import { testPipeline } from "./test.ts";
import { updatePipeline } from "./update.ts";

export type { CommitObjection, PinnedCommits, PipelineServices } from "./services.ts";

/** One line per pipeline. */
export function pipelines(services: PipelineServices): Pipeline[] {
  return [
    launchPipeline(services),
    updatePipeline(services),
    swapPipeline(services),
    testPipeline(services),
    terminatePipeline(),
  ];
}

/** One line per kind of obligation. */
export function registerKinds(kinds: ObligationKinds, services: PipelineServices): ObligationKinds {
  const { cloud, masterSecret } = services;
  return kinds
    .register(
      instanceKind(cloud, (facts) => userDataFor(masterSecret, facts, isInjected(masterSecret, facts))),
    )
    .register(ingressKind(cloud))
    .register(targetKind(cloud))
    .register(oldTargetsKind(cloud))
    .register(forwardKind(cloud))
    .register(remoteJobKind((hash) => services.configOf(hash)))
    .register(localJobKind(services.jobsFolder))
    .register(testsKind(services.testRunners));
}
