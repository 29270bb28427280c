// The rules of architecture_rules.ts on this repository, and each rule on made-up files that break it.

import assert from "node:assert/strict";
import {
  cycles,
  type Import,
  importsOf,
  needlessCycles,
  vagueNames,
  wrongDirections,
  wrongOwners,
} from "./architecture_rules.ts";
import {
  codeOf,
  needlessPlatform,
  platformUses,
  type SourceFile,
  wrongPlatform,
} from "./architecture_platform.ts";
import { wrongWings } from "./architecture_wings.ts";

const ROOT = new URL("../", import.meta.url);
const SKIPPED = new Set(["node_modules", "target", "pkg", ".git", ".deno", ".docs"]);

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    if (SKIPPED.has(name)) return [];
    return isDirectory ? filesUnder(`${folder}${name}/`) : [`${folder}${name}`];
  });
}

function sourcesUnder(folder: string): SourceFile[] {
  return filesUnder(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => ({ file, text: Deno.readTextFileSync(new URL(file, ROOT)) }));
}

function importsUnder(folder: string): Import[] {
  return sourcesUnder(folder).flatMap(({ file, text }) => importsOf(file, text));
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
  assert.deepEqual([...importersOf(/^rust_collectives\//)].sort(), [
    "src/distributed/calls/engine.ts",
    "src/distributed/wire/algorithms.ts",
  ]);
  assert.deepEqual([...importersOf(/^rust_kernels\//)], ["src/device/wasm/rust_kernels.ts"]);
  assert.deepEqual(wrongOwners(imports), []);
});

Deno.test("there are no import cycles, those of types included", () => {
  const imports = importsUnder("src/");
  assert.deepEqual(cycles(imports), []);
  assert.deepEqual(needlessCycles(imports), []);
});

Deno.test("wings import only the wings that the table allows", () => {
  assert.deepEqual(wrongWings(importsUnder("src/")), []);
});

Deno.test("only files that mean the platform use Deno or node modules", () => {
  const sources = sourcesUnder("src/");
  assert.deepEqual(wrongPlatform(sources), []);
  assert.deepEqual(needlessPlatform(sources), []);
});

Deno.test("no file has a vague name", () => {
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
    ["src/models/blocks/mlp.ts", "src/train/loop.ts"],
    ["src/train/loop.ts", "src/cli/demo.ts"],
    ["src/optim/adafactor.ts", "src/nn/mod.ts"],
    ["src/optim/adafactor.ts", "src/optim/mod.ts"],
    ["src/models/mod.ts", "src/cli/demo.ts"],
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
    ["src/models/mod.ts", "src/checkpoint/pretrained.ts"],
    ["src/optim/mod.ts", "src/nn/mod.ts"],
  ] as const;
  for (const [from, to] of right) {
    assert.deepEqual(wrongDirections([{ from, to, isTypeOnly: false }]), []);
  }
  const lost = { from: "src/attic/old.ts", to: "src/ops/add.ts", isTypeOnly: false };
  assert.throws(() => wrongDirections([lost]), /src\/attic\/old.ts is in a folder without rules/);
});

Deno.test("an import of what belongs to another file is caught", () => {
  const wrong = [
    ["src/distributed/group.ts", "rust_collectives/pkg/rust_collectives.js"],
    ["src/device/pool.ts", "rust_kernels/pkg/rust_kernels.js"],
    ["src/device/webgpu/device.ts", "src/device/webgpu/wgsl_sources.ts"],
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

Deno.test("an import cycle is caught, also one that a type closes", () => {
  const [ab, bc, ca] = [["a", "b"], ["b", "c"], ["c", "a"]].map(([from, to]) => ({
    from,
    to,
    isTypeOnly: false,
  }));
  assert.deepEqual(cycles([ab, bc]), []);
  for (const isTypeOnly of [true, false]) {
    assert.deepEqual(cycles([ab, bc, { ...ca, isTypeOnly }]), ["a -> b -> c -> a"]);
  }
});

Deno.test("an allowed cycle hides no other cycle through its files", () => {
  const arrow = (from: string, to: string) => ({ from, to, isTypeOnly: false });
  const pair = [arrow("a", "b"), arrow("b", "a")];
  assert.deepEqual(cycles(pair, [["a", "b"]]), []);
  assert.equal(needlessCycles(pair).length, 1, "the files of src/tensor import nothing here");
  assert.deepEqual(cycles([...pair, arrow("b", "c")], [["a", "b"]]), []);
  assert.deepEqual(cycles([...pair, arrow("b", "c"), arrow("c", "a")], [["a", "b"]]), [
    "a + b -> c -> a + b",
  ]);
});

Deno.test("an import against the table of wings is caught, of types only too", () => {
  const wrong = [
    ["src/distributed/wire/frame.ts", "src/distributed/failures/failure.ts"],
    ["src/distributed/wire/frame.ts", "src/distributed/world.ts"],
    ["src/distributed/records/dump.ts", "src/distributed/calls/engine.ts"],
    ["src/distributed/failures/stall.ts", "src/distributed/records/dump.ts"],
    ["src/distributed/calls/engine.ts", "src/distributed/membership/rendezvous.ts"],
    ["src/distributed/launcher/cores.ts", "src/distributed/failures/failure.ts"],
    ["src/optim/factoring/dim_roles.ts", "src/optim/options/schedule.ts"],
    ["src/optim/sums/packed_sums.ts", "src/optim/plan/plan.ts"],
    ["src/optim/zero/zero.ts", "src/optim/factoring/dim_roles.ts"],
    ["src/optim/step/step.ts", "src/optim/adafactor.ts"],
    ["src/device/kernels/adafactor.ts", "src/device/webgpu/device.ts"],
    ["src/models/families/gpt2.ts", "src/models/families_of_others/x.ts"],
  ] as const;
  for (const isTypeOnly of [true, false]) {
    for (const [from, to] of wrong.slice(0, -1)) {
      assert.deepEqual(wrongWings([{ from, to, isTypeOnly }]), [`${from} must not import ${to}`]);
    }
  }
  const right = [
    ["src/distributed/calls/engine.ts", "src/distributed/wire/frame.ts"],
    ["src/distributed/world.ts", "src/distributed/membership/rendezvous.ts"],
    ["src/distributed/wire/frame.ts", "src/distributed/wire/clock.ts"],
    ["src/optim/plan/plan.ts", "src/optim/factoring/dim_roles.ts"],
    ["src/optim/zero/zero.ts", "src/ops/add.ts"],
    ["src/nn/linear.ts", "src/optim/zero/zero.ts"],
  ] as const;
  for (const [from, to] of right) {
    assert.deepEqual(wrongWings([{ from, to, isTypeOnly: false }]), []);
  }
  for (const [from, to] of [wrong.at(-1)!, [...wrong.at(-1)!].reverse()]) {
    assert.throws(
      () => wrongWings([{ from, to, isTypeOnly: false }]),
      /src\/models\/families_of_others\/x.ts is in a wing without rules/,
    );
  }
});

Deno.test("Deno and node modules are found in code, not in comments and strings", () => {
  const quiet = `
// Deno.read in a comment
/** Deno.open,
 * over lines */
const a = "Deno.cwd()" + 'Deno "x"' + \`Deno \\\` \${b} Deno\`;
const c = /"Deno[/"]'/g.test(a) ? 1 / 2 : 2 / 1;
import { DenoLike } from "./Deno.ts";
`;
  assert.deepEqual(platformUses({ file: "src/ops/x.ts", text: quiet }), []);
  const wrong = [
    ["const a = Deno.cwd();", "Deno"],
    ["const a = `x ${ { b: `${Deno.cwd()}` }.b } y`;", "Deno"],
    ["let a: Deno.FsFile;", "Deno"],
    ["const a = 4 / 2; // Deno\nDeno.exit(a / 2);", "Deno"],
    ["globalThis.Deno?.exit();", "Deno"],
    ['const a = /"/; Deno.exit();', "Deno"],
    ['import process from "node:process";', "node:process"],
    ['import type { Socket } from "node:net";', "node:net"],
    ['const fs = await import("node:fs");', "node:fs"],
  ] as const;
  for (const [text, use] of wrong) {
    const file = "src/ops/x.ts";
    assert.deepEqual(wrongPlatform([{ file, text }]), [`${file} must not use ${use}`]);
    for (const right of ["src/distributed/x.ts", "src/cli/x.ts", "src/train/text_files.ts"]) {
      assert.deepEqual(wrongPlatform([{ file: right, text }]), []);
    }
  }
  assert.ok(needlessPlatform([]).includes("src/train/text_files.ts"));
  assert.equal(codeOf("a(`b ${c} d`) /* e */ + f"), "a(c)  + f");
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
