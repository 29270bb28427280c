// A module: parameters, and a forward pass that uses them. Its parameters are found in its own fields, in modules and arrays of
// modules recursively, so a model is a plain class:
//
//   class Mlp extends Module {
//     constructor(readonly up: Linear, readonly down: Linear) { super(); }
//     override async forward(x: Tensor) { return await this.down.forward(gelu(await this.up.forward(x))); }
//   }
//
// A parameter's name is its path, `up.weight`; one that is used twice has its first path, and is listed once.

import { Parameter } from "../tensor/parameter.ts";
import type { FloatTensor, Tensor } from "../tensor/tensor.ts";

/** Parameters and the computation that uses them. Disposing it releases the parameters. */
export abstract class Module<Input = Tensor> implements Disposable {
  /** Computes the output; a promise, as parallel layers communicate. */
  abstract forward(input: Input): Promise<Tensor>;

  /** All parameters in the order of the fields, by path; sets each one's `name`. */
  namedParameters(): Map<string, Parameter> {
    const found = new Map<Parameter, string>();
    collect(this, { path: "", found, visited: new Set() });
    return new Map([...found].map(([parameter, name]) => {
      parameter.name = name;
      return [name, parameter];
    }));
  }

  /** All parameters, in the order of {@linkcode namedParameters}. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** This module and all modules in it, each before those in it. */
  modules(): Module<never>[] {
    const visited = new Set<object>();
    collect(this, { path: "", found: new Map(), visited });
    return [...visited].filter((each) => each instanceof Module);
  }

  /** Releases the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }

  /** Releases all parameters. */
  [Symbol.dispose](): void {
    for (const parameter of this.parameters()) parameter[Symbol.dispose]();
  }
}

/** A layer that maps rows to rows, whole or split over ranks. */
export type Layer = Module<FloatTensor>;

interface Walk {
  readonly path: string;
  readonly found: Map<Parameter, string>;
  readonly visited: Set<object>;
}

function collect(value: unknown, { path, found, visited }: Walk): void {
  if (value instanceof Parameter) {
    if (!found.has(value)) found.set(value, path);
  } else if ((value instanceof Module || Array.isArray(value)) && !visited.has(value)) {
    visited.add(value);
    for (const [key, field] of Object.entries(value)) {
      collect(field, { path: path === "" ? key : `${path}.${key}`, found, visited });
    }
  }
}
