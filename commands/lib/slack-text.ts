/**
 * Undoes what Slack does to the text of a slash command: `&`, `<` and `>` arrive as entities, and people,
 * channels and links as `<…|label>` when the app asks Slack to escape them.
 * https://docs.slack.dev/interactivity/implementing-slash-commands/
 */
export function fromSlack(text: string): string {
  return text
    .replace(/<([^<>|]*)(?:\|([^<>]*))?>/g, (_, target: string, label: string | undefined) =>
      plainForm(target, label ?? ""),
    )
    .replace(/&(amp|lt|gt);/g, (_, name: string) => (name === "amp" ? "&" : name === "lt" ? "<" : ">"));
}

function plainForm(target: string, label: string): string {
  const mark = /^[@#!]/.exec(target)?.[0];
  if (mark === undefined) return label === "" ? target : label;
  const shown = label === "" ? target.slice(1) : label;
  return `${mark === "#" ? "#" : "@"}${shown.replace(/^[@#]/, "")}`;
}
