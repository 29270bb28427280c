import assert from "node:assert/strict";
import * as v from "valibot";
import {
  count,
  flag,
  ModelConfig,
  only,
  positive,
} from "../../../src/models/config/model_config.ts";

const schema = v.object({
  width: count,
  eps: v.optional(positive, 1e-5),
  is_odd: flag(false),
  add_cross_attention: only(false),
});

Deno.test("a ModelConfig reads settings, and defaults of missing ones", () => {
  const config = new ModelConfig(`{"width": 3, "unknown": [1], "is_odd": true}`);
  assert.deepEqual(config.read(schema), {
    width: 3,
    eps: 1e-5,
    is_odd: true,
    add_cross_attention: false,
  });
});

Deno.test("a ModelConfig refuses wrong and unsupported settings by name", () => {
  const cases: Record<string, RegExp> = {
    "[1]": /^folder\/config\.json: it must be an object, got an array$/,
    "{": /^folder\/config\.json: it/,
    "{}": /: width is missing$/,
    '{"width": 0}': /: width must be >=1, got 0$/,
    '{"width": 1e300}': /: width must be an integer$/,
    '{"width": 3, "eps": 0}': /: eps must be >0, got 0$/,
    '{"width": 3, "is_odd": "yes"}': /: is_odd must be boolean, got "yes"$/,
    '{"width": 3, "add_cross_attention": true}': /: add_cross_attention must be false, got true$/,
  };
  for (const [text, message] of Object.entries(cases)) {
    const read = () => new ModelConfig(text, { where: "folder/config.json" }).read(schema);
    assert.throws(read, (error) => {
      assert(error instanceof TypeError);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("withDtype() changes the type of weights in the text, and no other character", () => {
  const text = `{\n  "eps": 1.0,\n  "KEY": "float32",\n  "theta": 1e-05\n}\n`;
  for (const key of ["dtype", "torch_dtype"]) {
    const config = new ModelConfig(text.replace("KEY", key));
    assert.equal(config.withDtype("float32").text, config.text);
    assert.equal(
      config.withDtype("bfloat16").text,
      text.replace("KEY", key).replace("float32", "bfloat16"),
    );
  }
  const silent = new ModelConfig("{}");
  assert.equal(silent.withDtype("bfloat16").text, "{}");
});

Deno.test("withDtype() replaces dtypes of nested configs too, and nothing within texts", () => {
  const text = `{"text_config": {"torch_dtype": "bfloat16", "x": 1.0}, "dtype": "bfloat16",
    "note": "\\"dtype\\": \\"bfloat16\\"", "dtypes": "bfloat16"}`;
  assert.equal(
    new ModelConfig(text).withDtype("float32").text,
    `{"text_config": {"torch_dtype": "float32", "x": 1.0}, "dtype": "float32",
    "note": "\\"dtype\\": \\"bfloat16\\"", "dtypes": "bfloat16"}`,
  );
  assert.equal(new ModelConfig(`{"x": 1.0}`).withDtype("float32").text, `{"x": 1.0}`);
});

Deno.test("with() replaces, adds and removes settings, and keeps the text of the others", () => {
  const config = new ModelConfig(
    `{"a": 1.0, "b": {"c": [1, {"d": "}"}]}, "e,": NaN, "toString": "\\"", "last": [ ]}`,
  );
  assert.equal(
    config.with({ b: { x: "y" }, last: undefined, more: [Infinity], none: undefined }).text,
    `{
  "a": 1.0,
  "b": {
    "x": "y"
  },
  "e,": NaN,
  "toString": "\\"",
  "more": [
    Infinity
  ]
}
`,
  );
  assert.equal(new ModelConfig("{}").with({ a: undefined }).text, "{}\n");
});
