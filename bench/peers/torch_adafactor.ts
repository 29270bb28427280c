// PyTorch's and transformers' Adafactor in a process of their own, which steps when it is asked to.
//
// MESHFACTOR_PYTHON names a Python that has both; by default python3.

/** The implementation of Adafactor. */
export const TORCH_OPTIMIZERS = ["torch", "torch-foreach", "transformers"] as const;
/** One of them. */
export type TorchOptimizer = typeof TORCH_OPTIMIZERS[number];

/** The parameters that are stepped there. */
export interface TorchOptions {
  readonly rows: number;
  readonly columns: number;
  readonly dtype: "f32" | "f16" | "bf16";
  readonly threads: number;
  /** The device: on the processor's `threads`, or on the first GPU that CUDA finds. */
  readonly place: "cpu" | "cuda";
}

/** The process; it owns one parameter with a gradient. */
export class TorchAdafactor implements AsyncDisposable {
  /** Versions, in words. */
  readonly description: string;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;

  private constructor(
    process: Deno.ChildProcess,
    { lines, description }: { lines: AsyncGenerator<string>; description: string },
  ) {
    this.#process = process;
    this.#writer = process.stdin.getWriter();
    this.#lines = lines;
    this.description = description;
  }

  /** Starts it. @throws {Error} if there is no such Python, it lacks PyTorch or transformers, or these see no GPU */
  static async start(
    { rows, columns, dtype, threads, place }: TorchOptions,
  ): Promise<TorchAdafactor> {
    const script = new URL("torch_adafactor.py", import.meta.url).pathname;
    const process = new Deno.Command(Deno.env.get("MESHFACTOR_PYTHON") ?? "python3", {
      args: [script, ...[rows, columns, dtype, threads, place].map(String)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = linesOf(process.stdout);
    const { value, done } = await lines.next();
    if (done) {
      await process.status;
      throw new Error(
        "Cannot measure PyTorch: name a Python that has torch and transformers in MESHFACTOR_PYTHON",
      );
    }
    const versions: { torch: string; transformers: string } | { error: string } = JSON.parse(value);
    if ("error" in versions) {
      await process.status;
      throw new Error(`Cannot measure PyTorch: ${versions.error}`);
    }
    const description = `PyTorch ${versions.torch}, transformers ${versions.transformers}`;
    return new TorchAdafactor(process, { lines, description });
  }

  /** Milliseconds of each of `iterations` steps, after one that is not timed. @throws {Error} what Python threw */
  async times(optimizer: TorchOptimizer, iterations: number): Promise<readonly number[]> {
    await this.#writer.write(new TextEncoder().encode(`${optimizer} ${iterations}\n`));
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`Python ended while ${optimizer} was measured`);
    const answer: { times: number[] } | { error: string } = JSON.parse(value);
    if ("error" in answer) throw new Error(`${optimizer}: ${answer.error}`);
    return answer.times;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
    await this.#lines.return(undefined);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
