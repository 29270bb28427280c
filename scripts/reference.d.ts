/**
 * All public symbols as one module, for `deno task docs`: of a single `.d.ts` file `deno doc --html` makes a page for each
 * `@category`.
 *
 * @module
 */

export * from "../src/optim/mod.ts";
export * from "../src/nn/mod.ts";
export * from "../src/models/mod.ts";
export * from "../src/checkpoint/mod.ts";
export * from "../src/train/mod.ts";
export * from "../src/distributed/mod.ts";
export * from "../src/device/mod.ts";
