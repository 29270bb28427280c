import assert from "node:assert/strict";
import { type LogLine, stamped, TrainLog } from "../../../src/cli/report/train_log.ts";
import { withFolder } from "../../support/temporary_folder.ts";

const step = (step: number) =>
  stamped({
    kind: "step",
    step,
    loss: 3 / step,
    bytesSent: 0,
    memory: { process: 1, device: 1 },
  });
const evaluation = (step: number) =>
  stamped({ kind: "evaluation", step, loss: 2, metrics: { perplexity: 7.4 } });

/** Writes lines; returns those that the log had kept from before. */
function write(path: string, lines: readonly LogLine[], { resume = false } = {}): LogLine[] {
  const earlier: LogLine[] = [];
  using log = new TrainLog({
    path,
    resume,
    onEarlier: (lines) => earlier.push(...lines),
    onFailure: (reason) => assert.fail(reason),
  });
  for (const line of lines) log.write(line);
  return earlier;
}

const kindsIn = (path: string) =>
  Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => {
    const { kind, step } = JSON.parse(line);
    return `${kind} ${step}`;
  });

Deno.test("a log that goes on keeps the lines up to the checkpoint, and gives them to the curve", async () => {
  await withFolder((folder) => {
    const path = `${folder}/log`;
    write(path, [evaluation(0), step(1), step(2), step(3)]);
    Deno.writeTextFileSync(path, '{"kind":"step","st', { append: true });
    const resumed = stamped({ kind: "resumed", step: 2, folder: "run" });
    const warning = stamped({ kind: "warning", text: "another rate" });
    const earlier = write(path, [warning, resumed, step(3), step(4)], { resume: true });
    assert.deepEqual(earlier.map(({ kind }) => kind), ["evaluation", "step", "step"]);
    assert.deepEqual(kindsIn(path), [
      "evaluation 0",
      "step 1",
      "step 2",
      "warning undefined",
      "resumed 2",
      "step 3",
      "step 4",
    ]);
    return Promise.resolve();
  });
});

Deno.test("a log begins anew with a training that does, and one that cannot tell yet leaves it as it was", async () => {
  await withFolder((folder) => {
    const path = `${folder}/log`;
    write(path, [evaluation(0), step(1)]);
    assert.deepEqual(write(path, [], { resume: true }), []);
    assert.deepEqual(kindsIn(path), ["evaluation 0", "step 1"]);
    assert.deepEqual(write(path, [evaluation(0), step(1)], { resume: true }), []);
    assert.deepEqual(kindsIn(path), ["evaluation 0", "step 1"]);
    write(path, [step(1)]);
    assert.deepEqual(kindsIn(path), ["step 1"]);
    const line = JSON.parse(Deno.readTextFileSync(path));
    assert.equal(new Date(line.time).toISOString(), line.time);
    return Promise.resolve();
  });
});

Deno.test("metrics are fields of their own in the log", async () => {
  await withFolder((folder) => {
    write(`${folder}/log`, [evaluation(3)]);
    const { time: _, ...line } = JSON.parse(Deno.readTextFileSync(`${folder}/log`));
    assert.deepEqual(line, { kind: "evaluation", step: 3, loss: 2, perplexity: 7.4 });
    return Promise.resolve();
  });
});
