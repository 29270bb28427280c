// The rules of architecture_rules.ts on this repository, and each rule on made-up files that break it.

import assert from "node:assert/strict";
import {
  cycles,
  type Import,
  importsOf,
  vagueNames,
  wrongDirections,
  wrongOwners,
} from "./architecture_rules.ts";

const ROOT = new URL("../", import.meta.url);
const SKIPPED = new Set(["node_modules", "target", "pkg", ".git", ".deno"]);

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    if (SKIPPED.has(name)) return [];
    return isDirectory ? filesUnder(`${folder}${name}/`) : [`${folder}${name}`];
  });
}

function importsUnder(folder: string): Import[] {
  return filesUnder(folder)
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => importsOf(file, Deno.readTextFileSync(new URL(file, ROOT))));
}

Deno.test("imports run from cli down to device and distributed, and never back", () => {
  const imports = importsUnder("src/");
  assert.ok(imports.length > 100);
  assert.deepEqual(wrongDirections(imports), []);
});

Deno.test("compiled Rust, generated WGSL and npm packages are imported where they belong only", () => {
  const imports = importsUnder("src/");
  const importersOf = (what: RegExp) =>
    new Set(imports.filter(({ to }) => what.test(to)).map(({ from }) => from));
  assert.deepEqual([...importersOf(/^rust_collectives\//)], ["src/distributed/calls/engine.ts"]);
  assert.deepEqual([...importersOf(/^rust_kernels\//)], ["src/device/wasm.ts"]);
  assert.deepEqual(wrongOwners(imports), []);
});

Deno.test("imports make no cycle", () => {
  assert.deepEqual(cycles(importsUnder("src/")), []);
});

Deno.test("no file has a name that says nothing", () => {
  const files = filesUnder("");
  assert.ok(files.includes("src/tensor/tensor.ts"));
  assert.deepEqual(vagueNames(files), []);
});

Deno.test("importsOf() finds every form of import", () => {
  const text = `
import assert from "node:assert/strict";
import type { Device } from "../device/device.ts";
import { type A, b } from "./b.ts";
import {
  c,
  type D,
} from "../ops/c.ts";
import * as all from "../../rust_kernels/pkg/rust_kernels.js";
import "./effect.ts";
export { e } from "./e.ts";
export type { F } from "./f.ts";
export * from "./g.ts";
const h = await import("./h.ts");
// import { no } from a comment
const text = 'export from "nothing"';
export const type = 1;
`;
  const imports = importsOf("src/nn/x.ts", text);
  assert.deepEqual(imports.map(({ to, isTypeOnly }) => isTypeOnly ? `type ${to}` : to), [
    "node:assert/strict",
    "type src/device/device.ts",
    "src/nn/b.ts",
    "src/ops/c.ts",
    "rust_kernels/pkg/rust_kernels.js",
    "src/nn/effect.ts",
    "src/nn/e.ts",
    "type src/nn/f.ts",
    "src/nn/g.ts",
    "src/nn/h.ts",
  ]);
});

Deno.test("an import against the order of the folders is caught, of types only too", () => {
  const wrong = [
    ["src/device/webgpu/device.ts", "src/distributed/group.ts"],
    ["src/distributed/group.ts", "src/device/device.ts"],
    ["src/distributed/group.ts", "src/tensor/tensor.ts"],
    ["src/tensor/tensor.ts", "src/distributed/layout.ts"],
    ["src/tensor/tensor.ts", "src/ops/add.ts"],
    ["src/ops/add.ts", "src/distributed/group.ts"],
    ["src/ops/add.ts", "src/nn/linear.ts"],
    ["src/nn/linear.ts", "src/optim/adafactor.ts"],
    ["src/optim/adafactor.ts", "src/nn/module.ts"],
    ["src/models/mlp.ts", "src/train/loop.ts"],
    ["src/train/loop.ts", "src/cli/demo.ts"],
  ] as const;
  for (const isTypeOnly of [true, false]) {
    for (const [from, to] of wrong) {
      assert.deepEqual(wrongDirections([{ from, to, isTypeOnly }]), [
        `${from} must not import ${to}`,
      ]);
    }
  }
  const right = [
    ["src/tensor/exchange.ts", "src/distributed/group.ts"],
    ["src/tensor/parameter.ts", "src/distributed/layout.ts"],
    ["src/ops/add.ts", "src/tensor/tensor.ts"],
    ["src/nn/linear.ts", "src/distributed/layout.ts"],
    ["src/cli/demo.ts", "src/device/request_device.ts"],
    ["src/nn/linear.ts", "src/nn/module.ts"],
  ] as const;
  for (const [from, to] of right) {
    assert.deepEqual(wrongDirections([{ from, to, isTypeOnly: false }]), []);
  }
  const lost = { from: "src/attic/old.ts", to: "src/ops/add.ts", isTypeOnly: false };
  assert.throws(() => wrongDirections([lost]), /src\/attic\/old.ts lies in a folder without rules/);
});

Deno.test("an import of what belongs to another file is caught", () => {
  const wrong = [
    ["src/distributed/group.ts", "rust_collectives/pkg/rust_collectives.js"],
    ["src/device/pool.ts", "rust_kernels/pkg/rust_kernels.js"],
    ["src/device/webgpu/device.ts", "src/device/wgsl_generated.ts"],
    ["src/train/loop.ts", "commander"],
  ] as const;
  for (const [from, to] of wrong) {
    assert.deepEqual(wrongOwners([{ from, to, isTypeOnly: false }]), [
      `${from} must not import ${to}`,
    ]);
  }
  const right = [
    ["src/distributed/calls/engine.ts", "rust_collectives/pkg/rust_collectives.js"],
    ["src/cli/demo.ts", "commander"],
    ["src/cli/demo.ts", "node:path"],
  ] as const;
  for (const [from, to] of right) {
    assert.deepEqual(wrongOwners([{ from, to, isTypeOnly: false }]), []);
  }
});

Deno.test("a cycle of imports is caught, unless a type closes it", () => {
  const [ab, bc, ca] = [["a", "b"], ["b", "c"], ["c", "a"]].map(([from, to]) => ({
    from,
    to,
    isTypeOnly: false,
  }));
  assert.deepEqual(cycles([ab, bc]), []);
  assert.deepEqual(cycles([ab, bc, { ...ca, isTypeOnly: true }]), []);
  assert.deepEqual(cycles([ab, bc, ca]), ["a -> b -> c -> a"]);
});

Deno.test("a vague file name is caught", () => {
  const files = [
    "src/ops/utils.ts",
    "src/nn/index.ts",
    "rust_kernels/src/common.rs",
    "src/nn/base.ts",
  ];
  assert.deepEqual(vagueNames([...files, "src/nn/linear.ts", "src/tensor/dtype.ts"]), files);
});
