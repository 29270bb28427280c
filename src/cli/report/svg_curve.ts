// The curve of a training as a picture: each step's loss as a pale line, their means as a strong one, and the held-out loss as circles.
// Its colours suit light and dark backgrounds: a viewer's preference chooses between two sets.

import { axesOf, type Axis } from "./curve_scales.ts";
import { averaged, type LossHistory, type LossPoint } from "./loss_history.ts";

/** The picture, a text in SVG; undefined if there are fewer than two losses. */
export function svgCurve(
  history: LossHistory,
  { title, unit }: { readonly title: string; readonly unit: string },
): string | undefined {
  const axes = axesOf(history, { stepTicks: 8, lossTicks: 6 });
  if (axes === undefined) return undefined;
  const { steps, losses } = axes;
  const x = (step: number) => LEFT + steps.at(step) * (WIDTH - LEFT - RIGHT);
  const y = (loss: number) => HEIGHT - BOTTOM - losses.at(loss) * (HEIGHT - TOP - BOTTOM);
  const path = (points: readonly LossPoint[]) =>
    points.map(({ step, loss }, k) => `${k === 0 ? "M" : "L"}${digits(x(step))} ${digits(y(loss))}`)
      .join("");
  const { training, heldOut } = history;
  const means = averaged(training, MEANS);
  const isAveraged = means.length < training.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">
<title>${escaped(title)}</title>
${STYLE}
<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="${LEFT}" y="26">${escaped(title)}</text>
${gridOf({ steps, losses, unit, x, y })}
${isAveraged ? `<path class="each" d="${path(averaged(training, MOST_POINTS))}"/>` : ""}
<path class="mean" d="${path(means)}"/>
<path class="held" d="${path(heldOut)}"/>
${heldOut.map(({ step, loss }) => circle(x(step), y(loss))).join("\n")}
${legendOf(isAveraged ? Math.ceil(training.length / means.length) : 1)}
</svg>
`;
}

function gridOf({ steps, losses, unit, x, y }: {
  readonly unit: string;
  readonly steps: Axis;
  readonly losses: Axis;
  readonly x: (step: number) => number;
  readonly y: (loss: number) => number;
}): string {
  const bottom = HEIGHT - BOTTOM;
  const lines = [
    ...losses.ticks.map(({ value, text }) => {
      const at = digits(y(value));
      return `<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>` +
        `<text x="${LEFT - 8}" y="${at}" dy="0.35em" text-anchor="end">${text}</text>`;
    }),
    ...steps.ticks.map(({ value, text }) => {
      const at = digits(x(value));
      return `<path class="axis" d="M${at} ${bottom}v5"/>` +
        `<text x="${at}" y="${bottom + 20}" text-anchor="middle">${text}</text>`;
    }),
  ];
  const middle = (TOP + bottom) / 2;
  return `${lines.join("\n")}
<path class="axis" d="M${LEFT} ${bottom}H${WIDTH - RIGHT}"/>
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">steps</text>
<text transform="translate(18 ${middle}) rotate(-90)" text-anchor="middle">loss (${
    escaped(unit)
  })</text>`;
}

function legendOf(stepsPerMean: number): string {
  const [right, first, second] = [WIDTH - RIGHT, TOP + 12, TOP + 32];
  const means = stepsPerMean > 1 ? `training, means of ${stepsPerMean} steps` : "training";
  return `<path class="mean" d="M${right - 24} ${first}h24"/>
<text x="${right - 32}" y="${first}" dy="0.35em" text-anchor="end">${means}</text>
<path class="held" d="M${right - 24} ${second}h24"/>
${circle(right - 12, second)}
<text x="${right - 32}" y="${second}" dy="0.35em" text-anchor="end">held out</text>`;
}

function circle(x: number, y: number): string {
  return `<circle class="mark" cx="${digits(x)}" cy="${digits(y)}" r="3.5"/>`;
}

function digits(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replace(
    /[&<>]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;" })[character] ?? "&gt;",
  );
}

const [WIDTH, HEIGHT] = [800, 440];
const [TOP, BOTTOM, LEFT, RIGHT] = [44, 52, 68, 24];
/** Points of the strong line, and the most of the pale one. */
const MEANS = 120;
const MOST_POINTS = 4000;

const STYLE = `<style>
.paper { fill: #ffffff }
text { font: 13px system-ui, sans-serif; fill: #3b4252 }
.title { font-size: 15px; font-weight: 600 }
.grid { stroke: #d8dee9; fill: none }
.axis { stroke: #6b7280; fill: none }
.each { stroke: #1f6fb4; stroke-opacity: 0.3; fill: none }
.mean { stroke: #1f6fb4; stroke-width: 2; fill: none; stroke-linejoin: round }
.held { stroke: #c2410c; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none }
.mark { fill: #c2410c }
@media (prefers-color-scheme: dark) {
  .paper { fill: #14171c }
  text { fill: #d8dee9 }
  .grid { stroke: #2f3640 }
  .axis { stroke: #8b95a5 }
  .each { stroke: #6cb6ff }
  .mean { stroke: #6cb6ff }
  .held { stroke: #ffa657 }
  .mark { fill: #ffa657 }
}
</style>`;
