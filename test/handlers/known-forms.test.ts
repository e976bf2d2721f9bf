import { expect, test } from "vitest";
import { Forms } from "../../handlers/slack/known-forms.ts";

const HOUR = 60 * 60_000;

test("one message that is refused costs the others nothing", () => {
  const forms = new Forms();
  forms.refused(0);
  forms.refused(0);
  expect(forms.first).toBe(0);
  forms.taken(0);
  forms.refused(0);
  forms.refused(0);
  expect(forms.first).toBe(0);
});

test("a form that is refused again and again is not asked for, until an hour later", () => {
  let now = 0;
  const forms = new Forms(() => now);
  for (let count = 0; count < 3; count++) forms.refused(0);
  expect(forms.first).toBe(1);
  for (let count = 0; count < 3; count++) forms.refused(1);
  expect(forms.first).toBe(2);
  now += HOUR;
  expect(forms.first).toBe(0);
  // Still unknown there: one refusal is enough now.
  forms.refused(0);
  expect(forms.first).toBe(1);
  forms.taken(0);
  expect(forms.first).toBe(0);
});
