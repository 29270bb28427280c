import assert from "node:assert/strict";
import { nameOf, namesWithin, partsOf } from "../../../src/models/config/checkpoint_names.ts";

const names = {
  modules: {
    "tokens": "model.wte",
    "blocks.*.attention.qkv": "model.h.*.attn.c_attn",
    "experts.*.layers.*": "model.*.e.*",
    "classToken": "embeddings.cls_token",
    "blocks.1.norm.weight": "model.groups.0.norm.scale",
    "blocks.*.attention.gridPositions.rows": "model.h.*.attn.rel_pos_h",
  },
};

Deno.test("nameOf() looks names up in the table and inserts the numbers of blocks", () => {
  assert.equal(nameOf("tokens.weight", names), "model.wte.weight");
  assert.equal(nameOf("blocks.12.attention.qkv.bias", names), "model.h.12.attn.c_attn.bias");
  assert.equal(nameOf("blocks.1.norm.weight", names), "model.groups.0.norm.scale");
  assert.equal(nameOf("classToken", names), "embeddings.cls_token");
  assert.equal(
    nameOf("blocks.12.attention.gridPositions.rows", names),
    "model.h.12.attn.rel_pos_h",
  );
  assert.equal(nameOf("experts.3.layers.4.weight", names), "model.3.e.4.weight");
});

Deno.test("nameOf() refuses a module that is missing in the table", () => {
  assert.throws(() => nameOf("blocks.12.mlp.weight", names), {
    name: "TypeError",
    message: /the parameter blocks\.12\.mlp\.weight: name blocks\.\*\.mlp in the table/,
  });
});

Deno.test("namesWithin() has the names of a model that is a part of another", () => {
  const part = namesWithin({
    ...names,
    ignored: [/^pooler|^old/, /\.mask$/],
    tied: { "head.weight": "model.wte.weight" },
  }, { field: "text", prefix: "language." });
  assert.equal(nameOf("text.tokens.weight", part), "language.model.wte.weight");
  assert.equal(
    nameOf("text.blocks.3.attention.qkv.bias", part),
    "language.model.h.3.attn.c_attn.bias",
  );
  assert.throws(() => nameOf("tokens.weight", part), /name tokens in the table/);
  assert.deepEqual(part.tied, { "language.head.weight": "language.model.wte.weight" });
  const isIgnored = (name: string) => part.ignored!.some((each) => each.test(name));
  assert.ok(isIgnored("language.pooler.weight"));
  assert.ok(isIgnored("language.model.h.0.mask"));
  assert.ok(!isIgnored("pooler.weight"));
  assert.ok(!isIgnored("vision.h.0.mask"));
  assert.ok(!isIgnored("language.model.pooler.weight"));
});

Deno.test("partsOf() has the tensors of a stack in the order of their elements, and the one of any other parameter", () => {
  const stacked = {
    ...names,
    stacks: { "blocks.*.stack.gateUp": ["h.*.experts.*.gate.weight", "h.*.experts.*.up.weight"] },
  };
  const shape = [2, 3];
  assert.deepEqual(partsOf("blocks.3.stack.gateUp", [2, 10, 4], stacked), [
    { name: "h.3.experts.0.gate.weight", shape: [5, 4] },
    { name: "h.3.experts.0.up.weight", shape: [5, 4] },
    { name: "h.3.experts.1.gate.weight", shape: [5, 4] },
    { name: "h.3.experts.1.up.weight", shape: [5, 4] },
  ]);
  assert.deepEqual(partsOf("tokens.weight", shape, stacked), [{ name: "model.wte.weight", shape }]);
  const within = namesWithin(stacked, { field: "text", prefix: "language." });
  assert.equal(
    partsOf("text.blocks.3.stack.gateUp", [2, 10, 4], within)[3].name,
    "language.h.3.experts.1.up.weight",
  );
});
