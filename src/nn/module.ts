// A module: parameters, and a forward pass that uses them. Its parameters are found in its own fields, and recursively in modules,
// arrays, Maps, Sets and plain objects in them, so a model is a plain class:
//
//   class Mlp extends Module {
//     constructor(readonly up: Linear, readonly down: Linear) { super(); }
//     override async forward(x: Tensor) { return await this.down.forward(gelu(await this.up.forward(x))); }
//   }
//
// A parameter's name is its path, `up.weight`; one that is used twice has its first path, and is listed once. Buffers, which are saved
// but never trained, are found in the same way. JavaScript lets nobody look into private fields (`#up`): a class with parameters there
// answers for them itself.

import { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";

/**
 * Parameters and the computation that uses them. Disposing it releases the parameters. They are found in its fields, and in modules,
 * arrays, Maps, Sets and plain objects there, but not in private fields (`#weight`).
 *
 * @example
 * ```ts
 * import { gelu, Linear, Module, RandomSource, requestDevice, Tensor } from "@meshfactor/adafactor";
 *
 * using device = await requestDevice({ kind: "wasm" });
 * const random = new RandomSource(1);
 * class Mlp extends Module {
 *   readonly up = new Linear(device, { inFeatures: 4, outFeatures: 8, random });
 *   readonly down = new Linear(device, { inFeatures: 8, outFeatures: 4, random });
 *
 *   override async forward(x: Tensor): Promise<Tensor> {
 *     return await this.down.forward(gelu(await this.up.forward(x)));
 *   }
 * }
 * using mlp = new Mlp();
 * console.log([...mlp.namedParameters().keys()]); // up.weight, up.bias, down.weight, down.bias
 * ```
 *
 * @category Layers
 */
export abstract class Module<Input = Tensor> implements Disposable {
  /** Computes the output; a promise, as parallel layers communicate. */
  abstract forward(input: Input): Promise<Tensor>;

  /** All parameters in the order of the fields, by path; sets each one's `name`. Buffers are not among them. */
  namedParameters(): Map<string, Parameter> {
    return new Map(this.#named().filter(([, { isBuffer }]) => !isBuffer));
  }

  /** All buffers in the order of the fields, by path: what belongs to the model and is saved with it, but never trained. */
  namedBuffers(): Map<string, Parameter> {
    return new Map(this.#named().filter(([, { isBuffer }]) => isBuffer));
  }

  /** All parameters, in the order of {@linkcode namedParameters}. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** This module and all modules in it, each before those in it. */
  modules(): Module<never>[] {
    return [...this.namedModules().values()];
  }

  /** This module, whose path is "", and all modules in it by path, each before those in it. */
  namedModules(): Map<string, Module<never>> {
    const visited = new Map<object, string>();
    collect(this, { path: "", found: new Map(), visited });
    return new Map(
      [...visited].flatMap(([each, path]) => each instanceof Module ? [[path, each]] : []),
    );
  }

  /** Releases the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }

  /** Releases all parameters and buffers. */
  [Symbol.dispose](): void {
    for (const [, parameter] of this.#named()) parameter[Symbol.dispose]();
  }

  #named(): [name: string, parameter: Parameter][] {
    const found = new Map<Parameter, string>();
    collect(this, { path: "", found, visited: new Map() });
    return [...found].map(([parameter, name]) => {
      parameter.name = name;
      return [name, parameter];
    });
  }
}

/**
 * A layer that maps rows to rows, whole or split over ranks.
 *
 * @category Layers
 */
export type Layer = Module<FloatTensor>;

interface Walk {
  readonly path: string;
  readonly found: Map<Parameter, string>;
  /** Modules and what holds them, with their paths. */
  readonly visited: Map<object, string>;
}

function collect(value: unknown, { path, found, visited }: Walk): void {
  if (value instanceof Parameter) {
    if (!found.has(value)) found.set(value, path);
    return;
  }
  if (typeof value !== "object" || value === null || visited.has(value)) return;
  const entries = entriesOf(value);
  if (entries === undefined) return;
  visited.set(value, path);
  for (const [key, field] of entries) {
    collect(field, { path: path === "" ? key : `${path}.${key}`, found, visited });
  }
}

/** Keys and values of what may hold parameters; undefined for other objects. */
function entriesOf(value: object): [key: string, value: unknown][] | undefined {
  if (value instanceof Map) return [...value].map(([key, each]) => [`${key}`, each]);
  if (value instanceof Set) return [...value].map((each, index) => [`${index}`, each]);
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  return isPlain || Array.isArray(value) || value instanceof Module
    ? Object.entries(value)
    : undefined;
}
