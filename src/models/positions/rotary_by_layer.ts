// Rotary settings of models whose blocks attend to all tokens, globally, or within a window, locally: each kind has its own base.
//
// `rope_parameters` has the settings of both under the names of `layer_types`; older configs have a name for each base.

import * as v from "valibot";
import type { Device } from "../../device/device.ts";
import type { RotaryAngles } from "../../ops/rotary.ts";
import { type ModelConfig, orNull, positive } from "../config/model_config.ts";
import { readRotary, type RotarySettings, type RotarySizes } from "./rotary_frequencies.ts";
import { RotaryTables } from "./rotary_tables.ts";

/**
 * The rotary settings of a model.
 *
 * @category Models
 */
export interface RotaryByLayer {
  /** Of blocks whose attention does not ask for others. */
  readonly settings: RotarySettings;
  /** Of blocks whose attention asks for "local" ones. Default: there are no such blocks. */
  readonly local?: RotarySettings;
}

/** The bases of older configs: their names, and the values if there are none. */
export interface RotaryBases {
  readonly global: readonly [name: string, otherwise: number];
  readonly local: readonly [name: string, otherwise: number];
  /** Whether `rope_scaling` of older configs is that of local blocks, too. */
  readonly scalesLocal: boolean;
}

/** Reads the settings of both kinds of blocks. @throws {TypeError} as `readRotary()` */
export function readRotaryByLayer(
  config: ModelConfig,
  sizes: RotarySizes,
  { global, local, scalesLocal }: RotaryBases,
): Required<RotaryByLayer> {
  const { rope_parameters: given, rope_scaling: scaling } = config.read(inConfig);
  const baseOf = (name: string) => config.read(v.object({ [name]: orNull(positive) }))[name];
  const kind = (
    type: "full_attention" | "sliding_attention",
    { scaling, names: [name, otherwise] }: {
      readonly scaling: unknown;
      readonly names: readonly [string, number];
    },
  ) =>
    readRotary(config, { ...sizes, base: otherwise }, {
      ...config.values,
      rope_theta: baseOf(name),
      rope_parameters: given?.[type] ?? null,
      rope_scaling: scaling,
    });
  return {
    settings: kind("full_attention", { scaling, names: global }),
    local: kind("sliding_attention", { scaling: scalesLocal ? scaling : null, names: local }),
  };
}

const inConfig = v.object({
  rope_parameters: orNull(v.strictObject({
    full_attention: orNull(v.record(v.string(), v.unknown())),
    sliding_attention: orNull(v.record(v.string(), v.unknown())),
  })),
  rope_scaling: orNull(v.record(v.string(), v.unknown())),
});

/** The angles of one pass. */
export interface PassAngles extends Disposable {
  readonly global: RotaryAngles;
  readonly local: RotaryAngles | undefined;
}

/** The tables of both kinds, which a model owns. */
export class RotaryTablesByLayer implements Disposable {
  readonly #global: RotaryTables;
  readonly #local: RotaryTables | undefined;

  /** Tables are made on demand. */
  constructor(device: Device, { settings, local }: RotaryByLayer) {
    this.#global = new RotaryTables(device, settings);
    this.#local = local && new RotaryTables(device, local);
  }

  /** Angles for a text of `length` tokens. */
  anglesFor(length: number): PassAngles {
    const [global, local] = [this.#global.anglesFor(length), this.#local?.anglesFor(length)];
    return { global, local, [Symbol.dispose]() {} };
  }

  /** The angles of tokens at the given positions; the caller's to dispose of. */
  anglesAt(positions: Uint32Array): PassAngles {
    const [global, local] = [this.#global.anglesAt(positions), this.#local?.anglesAt(positions)];
    return {
      global,
      local,
      [Symbol.dispose]() {
        global[Symbol.dispose]();
        local?.[Symbol.dispose]();
      },
    };
  }

  /** Releases all tables. */
  [Symbol.dispose](): void {
    this.#global[Symbol.dispose]();
    this.#local?.[Symbol.dispose]();
  }
}
