// Contestants with ranks that this test speaks for, over real connections.

import assert from "node:assert/strict";
import { Contestant, type ControlAddress } from "../../bench/collectives/contestant.ts";
import { LineChannel } from "../../bench/collectives/line_channel.ts";
import { RankError } from "../../bench/collectives/protocol.ts";

const TURN = { op: "allReduce", count: 4, warmup: 0, iterations: 2, check: "off" } as const;

interface Scene {
  /** What each rank answers to its turn; a rank without an answer does not even come. */
  readonly answers: readonly (string | undefined)[];
  /** Says hello before the ranks do. */
  readonly stray?: string;
  readonly ended?: Promise<string>;
}

async function withContestant(
  { answers, stray, ended }: Scene,
  body: (contestant: Contestant) => Promise<void>,
): Promise<void> {
  let ranks: Promise<unknown> = Promise.resolve();
  const start = (control: ControlAddress) => {
    ranks = (async () => {
      if (stray !== undefined) await speak(control, { hello: stray, answer: undefined });
      await Promise.all(
        answers.map((answer, rank) =>
          answer === undefined
            ? undefined
            : speak(control, { hello: `rank ${rank} ${control.token}`, answer })
        ),
      );
    })();
    return { ended: ended ?? new Promise<string>(() => {}), stop: async () => {} };
  };
  const { signal } = new AbortController();
  try {
    const options = { name: "test", ranks: answers.length, start, signal };
    await using contestant = await Contestant.start(options);
    await body(contestant);
  } finally {
    await ranks;
  }
}

/** Says hello, answers every line, and leaves when the benchmark does. */
async function speak(
  { hostname, port }: ControlAddress,
  { hello, answer }: { readonly hello: string; readonly answer: string | undefined },
): Promise<void> {
  try {
    using channel = new LineChannel(await Deno.connect({ hostname, port }));
    await channel.send(hello);
    while (await channel.receive() !== undefined) {
      if (answer !== undefined) await channel.send(answer);
    }
  } catch (error) {
    // It has left before it has let us in.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

Deno.test("measure() averages each call over ranks, and adds their CPU time", async () => {
  const answers = ["times ring 0.5 10 20", "times ring 0.25 30 40"];
  await withContestant({ answers }, async (contestant) => {
    const result = await contestant.measure(TURN);
    assert.deepEqual(result, { algorithm: "ring", cpuSeconds: 0.75, microseconds: [20, 30] });
  });
});

Deno.test("measure() throws what a rank says that is wrong, and can go on", async () => {
  const answers = ["times ring 0.5 10 20", "error element 3 is 7 instead of 8"];
  await withContestant({ answers }, async (contestant) => {
    const isRankError = (error: unknown) => error instanceof RankError;
    await assert.rejects(contestant.measure(TURN), isRankError);
    await assert.rejects(contestant.measure(TURN), /element 3 is 7 instead of 8/);
  });
});

Deno.test("a stranger without the token does not become a rank", async () => {
  const answers = ["times ring 0.5 10 20"];
  await withContestant({ answers, stray: "rank 0 guessed" }, async (contestant) => {
    assert.equal((await contestant.measure(TURN)).algorithm, "ring");
  });
});

Deno.test("start() fails with the reason when a rank ends before all have come", async () => {
  const scene = {
    answers: ["times ring 0.5 10 20", undefined],
    ended: Promise.resolve("rank 1 ended with code 1"),
  };
  await assert.rejects(withContestant(scene, async () => {}), /rank 1 ended with code 1/);
});

Deno.test("measure() fails with the reason when a rank ends in between", async () => {
  const end = Promise.withResolvers<string>();
  const scene = { answers: ["times ring 0.5 10 20"], ended: end.promise };
  await withContestant(scene, async (contestant) => {
    end.resolve("rank 0 ended with SIGKILL");
    await assert.rejects(contestant.measure(TURN), /rank 0 ended with SIGKILL/);
  });
});
