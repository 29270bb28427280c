// Ours and the peers that can be had, for one job.

import type { Contestant } from "../collectives/contestant.ts";
import { startJaxJs } from "../peers/jax_js.ts";
import { startTorchTrain } from "../peers/torch_train.ts";
import type { PeerName } from "./options.ts";
import { startOurs } from "./ours.ts";
import type { Job } from "./request.ts";

/** Contestants: "ours" and peers. */
export type Contestants = Map<"ours" | PeerName, Contestant>;

/** Peers that are measured besides ours. */
export interface WantedPeers {
  readonly peers: readonly PeerName[];
  /** Receives the name of a peer that is left out, and the reason. */
  readonly leaveOut: (peer: PeerName, error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Starts all of them; `stack` owns them. @throws {Error} if ours do not start */
export async function startAll(
  job: Job,
  { peers, leaveOut, signal }: WantedPeers,
  stack: AsyncDisposableStack,
): Promise<Contestants> {
  const contestants: Contestants = new Map([["ours", stack.use(await startOurs(job, signal))]]);
  for (const name of peers) {
    try {
      contestants.set(name, stack.use(await STARTS[name](job, signal)));
    } catch (error) {
      signal.throwIfAborted();
      leaveOut(name, error);
    }
  }
  return contestants;
}

/**
 * Each contestant's answers to a request, rank by rank. A peer that fails is left out from then on.
 *
 * @throws {Error} if ours fail
 */
export async function askEach<Answer>(
  contestants: Contestants,
  request: object,
  { leaveOut, signal }: WantedPeers,
): Promise<ReadonlyMap<"ours" | PeerName, readonly Answer[]>> {
  const answers = new Map<"ours" | PeerName, readonly Answer[]>();
  for (const [name, contestant] of contestants) {
    try {
      const lines = await contestant.ask(JSON.stringify(request), {
        what: `answer ${JSON.stringify(request)}`,
      });
      answers.set(name, lines.map((line) => answerOf<Answer>(line)));
    } catch (error) {
      signal.throwIfAborted();
      if (name === "ours") throw error;
      contestants.delete(name);
      leaveOut(name, error);
    }
  }
  return answers;
}

function answerOf<Answer>(line: string): Answer {
  const answer: Answer & { readonly error?: string } = JSON.parse(line);
  if (answer.error === undefined) return answer;
  throw new Error(answer.error);
}

const STARTS = { "torch": startTorchTrain, "jax-js": startJaxJs } as const;
