// When a job begins again after a rank was lost, and when it does not.

import { deepEqual, equal, match, throws } from "node:assert/strict";
import {
  afterAttempt,
  type FailedAttempt,
} from "../../../src/distributed/launcher/restart_policy.ts";
import { restartCount } from "../../../src/distributed/launcher/restart_variables.ts";

const KILLED: FailedAttempt = {
  rank: 1,
  code: 137,
  signal: "SIGKILL",
  stderr: [],
  milliseconds: 20_000,
};
const AT_ONCE: FailedAttempt = {
  rank: 1,
  code: 1,
  signal: null,
  stderr: ["error: Uncaught (in promise) Error: port 29500 is in use", "    at file:///a.ts:1:1"],
  milliseconds: 800,
};

Deno.test("ranks that are lost now and then are replaced after a second, as often as is allowed", () => {
  for (let count = 1; count <= 9; count++) {
    deepEqual(afterAttempt(Array(count).fill(KILLED), 9), { kind: "restart", delayMs: 1000 });
  }
  const last = afterAttempt(Array(10).fill(KILLED), 9);
  match(last.kind === "end" ? last.reason : "", /9 restarts are used up/);
  equal(afterAttempt([KILLED], 0).kind, "end");
});

Deno.test("failures at once are retried after 1, 2, 4 ... 60 s, and a longer attempt begins with a second again", () => {
  const unlike = Array.from({ length: 8 }, (_, code) => ({ ...AT_ONCE, code: 10 + code }));
  const delays = unlike.map((_, k) => {
    const next = afterAttempt(unlike.slice(0, k + 1), 100);
    return next.kind === "restart" ? next.delayMs / 1000 : NaN;
  });
  deepEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
  deepEqual(afterAttempt([...unlike, KILLED], 100), { kind: "restart", delayMs: 1000 });
  deepEqual(afterAttempt([...unlike, KILLED, AT_ONCE], 100), { kind: "restart", delayMs: 1000 });
});

Deno.test("a rank that fails the same way three times at once ends the job, whatever numbers its error has", () => {
  const other = { ...AT_ONCE, stderr: ["error: Error: port 29777 is in use"] };
  const again = {
    ...AT_ONCE,
    stderr: ["error: Uncaught (in promise) Error: port 31000 is in use"],
  };
  equal(afterAttempt([AT_ONCE, again], 100).kind, "restart");
  const third = afterAttempt([AT_ONCE, again, AT_ONCE], 100);
  match(third.kind === "end" ? third.reason : "", /failed the same way 3 times, each within 10 s/);
  for (
    const unlike of [
      other,
      { ...AT_ONCE, rank: 0 },
      { ...AT_ONCE, code: 3 },
      { ...AT_ONCE, milliseconds: 30_000 },
    ]
  ) {
    equal(afterAttempt([AT_ONCE, unlike, AT_ONCE], 100).kind, "restart");
  }
});

Deno.test("wrong arguments are not tried again", () => {
  equal(afterAttempt([{ ...AT_ONCE, code: 2 }], 5).kind, "end");
});

Deno.test("a program knows how often its job was started again, from our variable or torchrun's", () => {
  const count = (set: Record<string, string>) => restartCount({ get: (name) => set[name] });
  equal(count({}), 0);
  equal(count({ MESHFACTOR_RESTART_COUNT: "" }), 0);
  equal(count({ MESHFACTOR_RESTART_COUNT: "2" }), 2);
  equal(count({ TORCHELASTIC_RESTART_COUNT: "3" }), 3);
  throws(() => count({ MESHFACTOR_RESTART_COUNT: "two" }), /must be a whole number, got "two"/);
});
