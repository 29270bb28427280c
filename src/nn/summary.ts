// A module as a text table: its modules as a tree, their parameters and buffers, and totals.
//
//   Mlp                                 58
//     up        Linear                  40
//       weight  [4, 8]   f32  trained   32

import { bytesPerElement } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { elementCount, formatShape } from "../tensor/shape.ts";
import { checkOptions } from "../tensor/option_names.ts";
import { Module } from "./module.ts";

/**
 * Options of {@linkcode summary}.
 *
 * @category Layers
 */
export interface SummaryOptions {
  /** How many levels of modules have lines, from 0, the module alone; deeper ones count in those above. Default: all. */
  readonly depth?: number;
}

/**
 * A text table of a module: its modules and their parameters and buffers, with the shape, type and number of elements of each, whether
 * it is trained, frozen or a buffer, and the sums. Of what is split over ranks, elements are those of all ranks, and the shape and the
 * bytes in memory are this rank's. What is used twice is counted once.
 *
 * @throws {TypeError} if `module` is no module, or an option is unknown.
 * @throws {RangeError} if `depth` is no integer from 0.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { gelu, Linear, requestDevice, Sequential, summary } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using model = new Sequential([
 *   new Linear(device, { inFeatures: 4, outFeatures: 8 }),
 *   gelu,
 *   new Linear(device, { inFeatures: 8, outFeatures: 2 }),
 * ]);
 * model.namedParameters().get("layers.0.weight")!.requiresGrad = false;
 * console.log(summary(model));
 * assert.match(summary(model, { depth: 0 }), /58 parameters \(26 trained, 32 frozen\)/);
 * ```
 *
 * @category Layers
 */
export function summary(module: Module<never>, options: SummaryOptions = {}): string {
  if (!(module instanceof Module)) {
    throw new TypeError("summary() wants a module, such as a layer or a model");
  }
  checkOptions("summary()", options, ["depth"]);
  const { depth = Infinity } = options;
  if (depth !== Infinity && (!Number.isSafeInteger(depth) || depth < 0)) {
    throw new RangeError(`summary() wants depth to be an integer from 0, got ${depth}`);
  }
  const named = [...module.namedParameters(), ...module.namedBuffers()];
  const lines = treeOf(module, named).filter((node) => node.depth <= depth).flatMap(
    (node) => [
      moduleLine(node),
      ...(node.depth < depth ? node.own.map((each) => parameterLine(each, node)) : []),
    ],
  );
  return [...table(lines), "", ...totals(named.map(([, parameter]) => parameter))].join("\n");
}

type Named = readonly [name: string, parameter: Parameter];

interface Node {
  readonly path: string;
  readonly depth: number;
  /** The path from the module around it. */
  readonly name: string;
  readonly className: string;
  /** Parameters and buffers that are in no module within it. */
  readonly own: Named[];
  /** Number of elements, with those of modules within it. */
  count: number;
}

/** The modules, each before those within it. */
function treeOf(module: Module<never>, named: readonly Named[]): Node[] {
  const nodes = new Map<string, Node>();
  for (const [path, each] of module.namedModules()) {
    const around = innermost(nodes, path);
    nodes.set(path, {
      path,
      depth: around === undefined ? 0 : around.depth + 1,
      name: relative(path, around?.path ?? ""),
      className: each.constructor.name,
      own: [],
      count: 0,
    });
  }
  for (const each of named) {
    innermost(nodes, each[0])!.own.push(each);
    for (const node of nodes.values()) {
      if (isWithin(each[0], node.path)) node.count += wholeCount(each[1]);
    }
  }
  return [...nodes.values()];
}

function innermost(nodes: ReadonlyMap<string, Node>, path: string): Node | undefined {
  for (let end = path.lastIndexOf("."); end !== -1; end = path.lastIndexOf(".", end - 1)) {
    const node = nodes.get(path.slice(0, end));
    if (node !== undefined) return node;
    if (end === 0) break;
  }
  return nodes.get("");
}

function isWithin(path: string, module: string): boolean {
  return module === "" || path.startsWith(`${module}.`);
}

function relative(path: string, around: string): string {
  return around === "" ? path : path.slice(around.length + 1);
}

function wholeCount({ layout }: Parameter): number {
  return elementCount(layout.globalShape);
}

function moduleLine({ depth, name, className, count }: Node): string[] {
  const label = name === "" ? [className, ""] : [name, className];
  return ["  ".repeat(depth) + label[0], label[1], "", "", formatCount(count)];
}

function parameterLine([path, parameter]: Named, { path: around, depth }: Node): string[] {
  const { layout, dtype, shape } = parameter;
  const whole = layout.splits.length === 0 ? "" : ` of ${formatShape(layout.globalShape)}`;
  return [
    "  ".repeat(depth + 1) + relative(path, around),
    formatShape(shape) + whole,
    dtype,
    stateOf(parameter),
    formatCount(wholeCount(parameter)),
  ];
}

function stateOf({ isBuffer, requiresGrad }: Parameter): "buffer" | "trained" | "frozen" {
  if (isBuffer) return "buffer";
  return requiresGrad ? "trained" : "frozen";
}

/** Columns of equal width, two spaces apart; the last one, of numbers, to the right. */
function table(lines: readonly string[][]): string[] {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const last = widths.length - 1;
  return lines.map((line) =>
    line.map((cell, column) =>
      column === last ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    ).join("  ")
  );
}

function totals(parameters: readonly Parameter[]): string[] {
  const count = (state: string) =>
    parameters.filter((each) => stateOf(each) === state)
      .reduce((total, each) => total + wholeCount(each), 0);
  const [trained, frozen, buffers] = [count("trained"), count("frozen"), count("buffer")];
  const bytes = parameters.reduce(
    (total, { dtype, length }) => total + length * bytesPerElement(dtype),
    0,
  );
  const isSplit = parameters.some(({ layout }) => layout.splits.length > 0);
  return [
    `${formatCount(trained + frozen)} parameters (${formatCount(trained)} trained, ` +
    `${formatCount(frozen)} frozen), ${formatCount(buffers)} in buffers`,
    `${formatCount(bytes)} bytes${isSplit ? " on this rank" : ""}`,
  ];
}

function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}
