// Runs this host's share of a job of several hosts that begins again when a rank or a host is lost: with the hosts that are there then.
//
// The launcher of --node 0 meets the others at --master-addr and --master-port, and coordinates them (launcher/host_coordinator.ts); rank 0
// listens on the port after that. Each attempt has a secret of its own, so that a rank which was left from an earlier one stays out.

import { KILLED_CODE, STOPPED_CODE } from "../distributed/launcher/exit_codes.ts";
import { HostLink, HostServer } from "../distributed/launcher/host_links.ts";
import type { FromHost, ToHost } from "../distributed/launcher/host_message.ts";
import { launchLocalRanks, type LocalRanksResult } from "../distributed/launcher/local_ranks.ts";
import { restartVariables } from "../distributed/launcher/restart_variables.ts";
import { Interrupt } from "./interrupt.ts";
import { JobOutput, PART_MS, stopText } from "./job_output.ts";
import type { JobRun } from "./run_job.ts";

/** A host's share of a job. */
export interface HostRun extends Omit<JobRun, "nodes"> {
  /** Fewest and most hosts of an attempt. */
  readonly nodes: { readonly min: number; readonly max: number };
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Where the launcher of --node 0 listens. */
  readonly bind: string;
  /** Milliseconds to wait for more hosts when there are enough. */
  readonly lastCallMs: number;
  /** Milliseconds to find the launcher of --node 0. */
  readonly timeoutMs: number;
}

/** Runs the job and returns the exit code of the launcher (launcher/exit_codes.ts), the same on all hosts. */
export async function runJobOnHosts(job: HostRun): Promise<number> {
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  const output = new JobOutput(job.logs);
  const { say } = output;
  const inbox = new Inbox();
  signal.addEventListener("abort", () => {
    say(stopText(signal.reason, job.graceMs));
    // Ranks that are running report how they were stopped, and then the job ends.
    if (!inbox.isRunning) inbox.put("interrupted");
  });
  const { host: hostname, port, secret, maxRestarts, lastCallMs } = job;
  try {
    await using _server = job.node === 0
      ? await HostServer.listen({ hostname: job.bind, port, secret }, {
        ...job.nodes,
        maxRestarts,
        lastCallMs,
        say,
      })
      : undefined;
    await using link = await HostLink.connect({ hostname, port, secret }, {
      id: job.node === 0 ? 0 : 1 + crypto.getRandomValues(new Uint32Array(1))[0],
      timeoutMs: job.timeoutMs,
      signal,
      received: (message) => inbox.put(message),
      lost: () => inbox.put("lost"),
    });
    while (true) {
      const event = await inbox.take();
      if (event === "interrupted") {
        say("interrupted: no ranks are running");
        return STOPPED_CODE;
      }
      if (event === "lost") {
        say(`The launcher of the first host, at ${hostname}:${port}, is gone`);
        return 1;
      }
      if (event.kind === "end") {
        if (event.text !== "" && event.text !== "done") say(event.text);
        return event.code;
      }
      if (event.kind === "begin") {
        await link.send(await runAttempt(job, event, { output, interrupt, inbox }));
      }
    }
  } catch (error) {
    if (signal.aborted) return STOPPED_CODE;
    say(`error: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

/** Runs the ranks of this host until they have ended, or are to stop. */
async function runAttempt(
  job: HostRun,
  { attempt, node, nodes }: Extract<ToHost, { readonly kind: "begin" }>,
  { output, interrupt, inbox }: {
    readonly output: JobOutput;
    readonly interrupt: Interrupt;
    readonly inbox: Inbox;
  },
): Promise<FromHost> {
  const numbers = `${node * job.ranks} to ${(node + 1) * job.ranks - 1}`;
  output.say(`attempt ${attempt + 1}: ${nodes} hosts, this is host ${node} with ranks ${numbers}`);
  using attemptOutput = output.attempt(attempt);
  const stop = new AbortController();
  inbox.isRunning = true;
  inbox.stopped = () => stop.abort();
  const result = await launchLocalRanks({
    ...job,
    nodes,
    node,
    port: job.port + 1,
    secret: await secretOf(attempt, job.secret),
    env: { ...output.variables, ...job.env, ...restartVariables(attempt, job.maxRestarts) },
    partMs: PART_MS,
    signal: AbortSignal.any([interrupt.signal, stop.signal]),
    killSignal: interrupt.again,
    onLine: attemptOutput.onLine,
  });
  inbox.isRunning = false;
  inbox.stopped = () => {};
  if (!stop.signal.aborted || interrupt.signal.aborted) {
    output.report(result, interrupt.again.aborted ? 0 : job.graceMs);
  }
  const isOurs = interrupt.signal.aborted || !stop.signal.aborted;
  return { attempt, ...endOf(result, isOurs) };
}

/** What to report of an attempt; `isOurs` if nobody but this host or its ranks has ended it. */
function endOf(
  { failure, isStopped, killed, outcomes }: LocalRanksResult,
  isOurs: boolean,
): Omit<FromHost, "attempt"> {
  if (failure !== undefined) {
    const { rank, code, signal, stderr } = failure;
    return { result: "failed", rank, code, signal, stderr: stderr.slice(-REPORTED_LINES) };
  }
  const isDone = !isOurs || !isStopped || outcomes.every(({ code }) => code === 0);
  const [result, code] = isDone
    ? ["done", 0] as const
    : killed.length > 0
    ? ["killed", KILLED_CODE] as const
    : ["stopped", STOPPED_CODE] as const;
  return { result, rank: -1, code, signal: null, stderr: [] };
}

/** Events for this host, one after the other; what stops running ranks is passed on at once besides. */
class Inbox {
  readonly #events: Event[] = [];
  #wake: () => void = () => {};
  /** Whether ranks are running. */
  isRunning = false;
  /** Called when the ranks are to stop. */
  stopped: () => void = () => {};

  put(event: Event): void {
    if (event === "lost" || (event !== "interrupted" && event.kind !== "begin")) this.stopped();
    // A stop concerns only ranks that are running.
    if (event !== "lost" && event !== "interrupted" && event.kind === "stop") return;
    this.#events.push(event);
    this.#wake();
  }

  async take(): Promise<Exclude<Event, { readonly kind: "stop" }>> {
    while (this.#events.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#events.shift() as Exclude<Event, { readonly kind: "stop" }>;
  }
}

type Event = ToHost | "lost" | "interrupted";

async function secretOf(attempt: number, secret: string): Promise<string> {
  const bytes = new TextEncoder().encode(`meshfactor attempt ${attempt} ${secret}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

const REPORTED_LINES = 20;
