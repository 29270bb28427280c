// Rotary position embedding (Su et al. 2021): at position t, pair k of a head's features is rotated by t f_k, so that the product of a
// query and a key depends on their distance.
//
//   (a, b) -> (a cos - b sin, a sin + b cos)        the gradient is rotated back
//
// Pairs are (i, i + R / 2) as in Llama, or (2 i, 2 i + 1) as in the paper, of the first R features of a head or of others; the rest is
// not rotated.

import { kindOf, requireDevice } from "../tensor/argument_checks.ts";
import { checkOptions } from "../tensor/option_names.ts";
import type { Device } from "../device/device.ts";
import { formatShape } from "../tensor/shape.ts";
import { type FloatTensor, Tensor } from "../tensor/tensor.ts";
import { embeddingAt } from "./embedding.ts";
import { checkFloats, checkNumbers, inF32 } from "./operands.ts";

/**
 * Cosines and sines of every position; shared by all layers of a model.
 *
 * @category Ops
 */
export class RotaryAngles implements Disposable {
  /** [T, R / 2], or [B T, R / 2] if every token has its own. */
  readonly cos: Tensor;
  /** As `cos`. */
  readonly sin: Tensor;
  /** Whether they are the angles of positions 0 ... T - 1, the same in every row, or of the tokens of a batch, one by one. */
  readonly of: "positions" | "tokens";

  /**
   * Tables for positions 0 ... `positions` - 1. `frequencies` are the f_k in radians per position; R is twice their number. All values
   * are multiplied by `scale`.
   */
  constructor(
    device: Device,
    options: RotaryAnglesOptions | Pick<RotaryAngles, "cos" | "sin" | "of">,
  ) {
    const names = "cos" in Object(options)
      ? ["cos", "sin", "of"]
      : ["positions", "frequencies", "scale"];
    checkOptions("RotaryAngles", options, names);
    const { cos, sin, of } = "cos" in options ? options : tablesOf(device, options);
    checkFloats("RotaryAngles", { cos, sin });
    this.cos = cos;
    this.sin = sin;
    this.of = of;
  }

  /** The angles of tokens [B, T] at the given positions. @throws {RangeError} if there are no such angles */
  at(positions: Uint32Array): RotaryAngles {
    const rows = (table: Tensor) => embeddingAt(table, positions, { shape: [positions.length] });
    const { cos, sin } = this;
    return new RotaryAngles(cos.device, { cos: rows(cos), sin: rows(sin), of: "tokens" });
  }

  /** Releases the tables. */
  [Symbol.dispose](): void {
    this.cos[Symbol.dispose]();
    this.sin[Symbol.dispose]();
  }
}

/**
 * Options of {@linkcode RotaryAngles}.
 *
 * @category Ops
 */
export interface RotaryAnglesOptions {
  /** T */
  readonly positions: number;
  /** f_k, in radians per position. */
  readonly frequencies: readonly number[];
  /** Factor of cosines and sines. Default: 1. */
  readonly scale?: number;
}

function tablesOf(
  device: Device,
  options: RotaryAnglesOptions,
): Pick<RotaryAngles, "cos" | "sin" | "of"> {
  const { positions, frequencies, scale = 1 } = options;
  requireDevice("RotaryAngles", device);
  checkNumbers("RotaryAngles", "frequencies", frequencies);
  const half = frequencies.length;
  const table = (f: (angle: number) => number) =>
    Tensor.from(
      device,
      Float32Array.from(
        { length: positions * half },
        (_, at) => scale * f(Math.floor(at / half) * frequencies[at % half]),
      ),
      { shape: [positions, half] },
    );
  return { cos: table(Math.cos), sin: table(Math.sin), of: "positions" };
}

/**
 * Options of {@linkcode rotary}.
 *
 * @category Ops
 */
export interface RotaryOptions {
  /** Cosines and sines of the positions. */
  readonly angles: RotaryAngles;
  /** The features of a pair: i and i + R / 2 (default), or neighbours. */
  readonly pairs?: "halves" | "neighbours";
  /** The first feature that is rotated. Default: 0. */
  readonly begin?: number;
}

/**
 * Rotates queries or keys `x` [B, T, H, D] by their positions 0 ... T - 1, or each token by angles of its own.
 *
 * @throws {RangeError} if there are more positions than angles, or fewer features than are rotated.
 *
 * @example
 * ```ts
 * import { requestDevice, Tensor } from "@meshfactor/adafactor";
 * import { rotary, RotaryAngles } from "@meshfactor/adafactor/nn";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * using angles = new RotaryAngles(device, { positions: 4, frequencies: [1, 0.1] });
 * using q = Tensor.from(device, new Float32Array(12).fill(1), { shape: [1, 3, 1, 4] });
 * using y = rotary(q, { angles });
 * console.log(y.shape); // [1, 3, 1, 4]
 * ```
 *
 * @category Ops
 */
export function rotary(
  x: FloatTensor,
  options: RotaryOptions,
): Tensor {
  checkOptions("rotary()", options, ["angles", "pairs", "begin"]);
  const { angles, pairs = "halves", begin = 0 } = options;
  checkFloats("rotary", { x });
  if (!(angles instanceof RotaryAngles)) {
    throw new TypeError(
      `rotary() wants angles: new RotaryAngles(device, { positions, frequencies }), got ${
        kindOf(angles)
      }`,
    );
  }
  const [batch, length, , dim] = x.shape;
  const positions = angles.of === "tokens" ? batch * length : length;
  const [known, half] = angles.cos.shape;
  if (x.shape.length !== 4 || positions > known || !(begin >= 0 && begin + 2 * half <= dim)) {
    throw new RangeError(
      `rotary() wants x of [B, T, H, D] with ${
        angles.of === "tokens" ? "B T" : "T"
      } <= ${known} and D >= ${begin + 2 * half}, got ${formatShape(x.shape)}`,
    );
  }
  const rotate = (from: FloatTensor, sign: 1 | -1) => rotated(from, { angles, pairs, begin, sign });
  return rotate(x, 1).computedBy({ op: "rotary", inputs: [x], gradient: (dy) => [rotate(dy, -1)] });
}

function rotated(
  x: FloatTensor,
  { angles, pairs, begin, sign }: Required<RotaryOptions> & { readonly sign: 1 | -1 },
): Tensor {
  const [batch, length, heads, dim] = x.shape;
  const out = Tensor.empty(x.device, x.shape);
  if (x.length === 0) return out;
  inF32([x], (x) => {
    x.device.run("rotary", {
      x: x.buffer,
      cos: angles.cos.buffer,
      sin: angles.sin.buffer,
      out: out.buffer,
    }, {
      rows: batch * length * heads,
      heads,
      positions: angles.of === "tokens" ? batch * length : length,
      dim,
      sign,
      rotaryBegin: begin,
      rotaryDim: 2 * angles.cos.shape[1],
      interleaved: pairs === "neighbours" ? 1 : 0,
    });
  });
  return out;
}
