// What people read of a training: a sentence or a few for each message.

import type { TrainMessage } from "./train_message.ts";

/** The sentences for a message; steps have none. */
export function sentenceFor(message: Exclude<TrainMessage, { readonly kind: "step" }>): string {
  switch (message.kind) {
    case "start": {
      const { device, choices, parameters, tensor, zero, data } = message;
      return `${parameters} parameters on ${tensor} x ${zero} ranks, device ${device}\n` +
        choices.map((choice) => `${choice}\n`).join("") + data;
    }
    case "evaluation":
      return [
        `after ${message.step} steps: held-out loss ${message.loss.toFixed(4)}`,
        ...Object.entries(message.metrics).map(([name, value]) =>
          `${name} ${value.toPrecision(4)}`
        ),
      ].join(", ");
    case "sample":
      return `--- the model continues ${JSON.stringify(message.prompt)} ---\n${
        printable(message.text)
      }\n---`;
    case "resumed":
      return `going on after ${message.step} steps, from ${message.folder}`;
    case "checkpoint":
      return `checkpoint in ${message.folder}`;
    case "warning":
      return `warning: ${message.text}`;
    case "saved":
      return `saved in ${message.folder}`;
    case "stopped":
      return `stopped after ${message.step} steps${
        message.reason === undefined ? "" : `: ${message.reason}`
      }`;
  }
}

/** Text with control characters replaced. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]/g, "·");
}
