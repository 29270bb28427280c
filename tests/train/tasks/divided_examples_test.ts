import assert from "node:assert/strict";
import { wasmDevice } from "../../../src/device/wasm/device.ts";
import { divideExamples, type Taken } from "../../../src/train/tasks/divided_examples.ts";
import { someExamples } from "../../../src/train/tasks/some_examples.ts";
import { smallTasks } from "../../support/train/small_tasks.ts";

type TextRecord = { readonly place: string; readonly text: string };

async function* records(count: number, text = (k: number) => `text ${k}`) {
  for (let k = 0; k < count; k++) {
    await Promise.resolve();
    yield { place: `a.jsonl:${k + 1}`, text: text(k) };
  }
}

function taker(take: (text: string) => Taken = () => "whole") {
  const taken: string[] = [];
  return {
    taken,
    take: ({ text }: TextRecord) => {
      const result = take(text);
      if (typeof result === "string") taken.push(text);
      return result;
    },
  };
}

Deno.test("one of ten examples is held out, and none is both", async () => {
  const [train, heldOut] = [taker(), taker()];
  const counts = await divideExamples(records(100), { train, heldOut });
  assert.deepEqual(counts, { train: 90, heldOut: 10, cut: 0, leftOut: [] });
  assert.equal(new Set([...train.taken, ...heldOut.taken]).size, 100);
  const again = taker();
  await divideExamples(records(100), { train: taker(), heldOut: again });
  assert.deepEqual(again.taken, heldOut.taken);
  await assert.rejects(
    divideExamples(records(9), { train, heldOut }),
    /Cannot train on 9 records: one of ten is held out/,
  );
});

Deno.test("other data is evaluated on, if it is given, and all of the first is trained on", async () => {
  const [train, heldOut] = [taker(), taker()];
  const evaluation = records(2, (k) => `other ${k}`);
  const counts = await divideExamples(records(3), { train, heldOut, evaluation });
  assert.deepEqual([counts.train, counts.heldOut], [3, 2]);
  assert.deepEqual(heldOut.taken, ["other 0", "other 1"]);
});

Deno.test("records that are cut are counted, and those that are left out are named", async () => {
  const take = (text: string): Taken =>
    text.endsWith("3") ? { leftOut: "no target" } : text.endsWith("1") ? "cut" : "whole";
  const [train, heldOut] = [taker(take), taker(take)];
  const { cut, leftOut, ...counts } = await divideExamples(records(30), { train, heldOut });
  assert.equal(counts.train + counts.heldOut, 27);
  assert.equal(cut, 3);
  assert.deepEqual(leftOut, [{
    reason: "no target",
    count: 3,
    examples: ["a.jsonl:4", "a.jsonl:14", "a.jsonl:24"],
  }]);
  const none = taker(() => ({ leftOut: "no target" }));
  await assert.rejects(
    divideExamples(records(3), { train: none, heldOut, evaluation: records(3) }),
    /no example in the data \(3 no target\)/,
  );
});

Deno.test("an evaluation takes examples from the whole of the held-out ones, up to a number of tokens", async () => {
  using device = wasmDevice();
  const { model, task } = smallTasks["classification of texts"](device);
  using _model = model;
  const { train } = task;
  const tokensOf = (examples: typeof train) =>
    Array.from({ length: examples.length }, (_, index) => examples.numTokens!({ index, epoch: 0 }));
  const total = tokensOf(train).reduce((a, b) => a + b);
  assert.equal(someExamples(train, { maxTokens: total }), train);
  const some = someExamples(train, { maxTokens: Math.ceil(total / 3) });
  assert.equal(some.length, Math.floor(train.length / 3));
  const most = tokensOf(train);
  tokensOf(some).forEach((tokens, k) =>
    assert.equal(tokens, most[Math.floor(k * train.length / some.length)])
  );
  assert.equal(someExamples(train, { maxTokens: 1 }).length, 1);
  assert.notEqual(await some.digest(), await train.digest());
});
