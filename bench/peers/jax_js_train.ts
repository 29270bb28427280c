// jax-js beside ours: the same products and, compiled by its jit(), the same training: the same GPT-2 with the weights of the
// job's folder and, as jax-js has no Adafactor, ours written with its arrays. Losses agree with ours step by step.
//
//   deno run -P=train bench/peers/jax_js_train.ts <port> <token> <job, as JSON>
//
// An array that is passed on is given away; `.ref` keeps it.

import { SafetensorsFile } from "../../src/checkpoint/safetensors_file.ts";
import { LineChannel } from "../collectives/line_channel.ts";
import {
  type Job,
  LEARNING_RATE,
  type MatmulAnswer,
  type MatmulRequest,
  type StepsAnswer,
  type StepsRequest,
} from "../train/request.ts";
import { type Shape, textFor } from "../train/shape.ts";

const [port, token, text] = Deno.args;
const job: Job = JSON.parse(text);
// It makes as many workers as there are cores: before it looks, there are as many as we have ranks.
Object.defineProperty(navigator, "hardwareConcurrency", { value: job.threads });
const jax = await import("@jax-js/jax");
const { jit, nn, numpy: np } = jax;
type JaxArray = InstanceType<typeof np.Array>;
type Arrays = { [name: string]: JaxArray };

async function serve(): Promise<void> {
  const devices = await jax.init(job.device);
  if (!devices.includes(job.device)) throw new Error(`jax-js has no ${job.device} here`);
  jax.defaultDevice(job.device);
  const { shape, folder } = job;
  const training = shape === undefined || folder === undefined
    ? undefined
    : new Training(shape, await readWeights(folder));
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank 0 ${token}`);
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const request: MatmulRequest | StepsRequest = JSON.parse(line);
    const answer = request.do === "steps"
      ? await training!.run(request.count)
      : await multiply(request);
    await channel.send(JSON.stringify(answer));
  }
}

async function multiply({ m, n, k, calls }: MatmulRequest): Promise<MatmulAnswer> {
  const [a, b] = [[m, k], [k, n]].map(([rows, cols]) =>
    np.array(Float32Array.from({ length: rows * cols }, () => Math.random() - 0.5))
      .reshape([rows, cols])
  );
  const product = jit((a: JaxArray, b: JaxArray) => np.matmul(a, b));
  const milliseconds: number[] = [];
  for (let call = 0; call <= calls; call++) {
    const start = performance.now();
    const out = await product(a.ref, b.ref).blockUntilReady();
    if (call > 0) milliseconds.push(performance.now() - start);
    out.dispose();
  }
  for (const each of [a, b]) each.dispose();
  return { milliseconds };
}

async function readWeights(folder: string): Promise<Arrays> {
  using file = await SafetensorsFile.open(`${folder}/model.safetensors`);
  const weights: Arrays = {};
  for (const [name, { shape }] of file.tensors) {
    const bytes = await file.read(name);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    weights[name.replace(/^transformer\./, "")] = np.array(values).reshape([...shape]);
  }
  return weights;
}

class Training {
  readonly #vocabulary: number;
  readonly #tokens: JaxArray;
  readonly #targets: JaxArray;
  readonly #lossAndGradients;
  readonly #update = jit(update);
  #weights: Arrays;
  /** Running averages of squares: of rows and of columns, or of all elements of a vector. */
  #moments: Arrays;
  #stepsTaken = 0;

  constructor(shape: Shape, weights: Arrays) {
    const { batch, context, vocabulary } = shape;
    const text = textFor(shape);
    this.#vocabulary = vocabulary;
    const tokensFrom = (offset: number) =>
      np.array(Int32Array.from({ length: batch * context }, (_, index) => {
        const window = Math.floor(index / context);
        return text[window * (context + 1) + index % context + offset];
      }));
    this.#tokens = tokensFrom(0);
    this.#targets = tokensFrom(1);
    this.#weights = weights;
    this.#moments = zeroMoments(weights);
    this.#lossAndGradients = jit(
      jax.valueAndGrad((given: Arrays, targets: JaxArray) => lossOf(shape, given, targets)),
    );
  }

  /** Trains `count` steps. */
  async run(count: number): Promise<StepsAnswer> {
    const answer = { steps: [] as { whole: number }[], losses: [] as number[], pid: Deno.pid };
    for (let step = 0; step < count; step++) {
      const start = performance.now();
      const loss = await this.#step();
      answer.steps.push({ whole: performance.now() - start });
      answer.losses.push((await loss.data())[0]);
    }
    return answer;
  }

  /**
   * Embeddings are looked up outside of jit(), which fails to compile the gradient of that. On webgpu they are a product with
   * ones and zeros, as Deno refuses jax-js's shader of that gradient.
   */
  async #step(): Promise<JaxArray> {
    const [weights, tokens] = [this.#weights, this.#tokens];
    const lookUp = (table: JaxArray) =>
      job.device === "webgpu"
        ? np.matmul(nn.oneHot(tokens.ref, this.#vocabulary), table)
        : np.take(table, tokens.ref, 0);
    const [embedded, embeddedBackward] = jax.vjp(lookUp, [weights[TABLE].ref]);
    const [loss, { embedded: dEmbedded, ...gradients }] = this.#lossAndGradients(
      { ...keep(weights), embedded },
      this.#targets.ref,
    ) as [JaxArray, Arrays];
    const [dTable] = embeddedBackward(dEmbedded);
    gradients[TABLE] = gradients[TABLE].add(dTable);
    const take = np.array((++this.#stepsTaken) ** -0.8);
    [this.#weights, this.#moments] = this.#update(weights, gradients, this.#moments, take);
    await jax.blockUntilReady([loss, this.#weights, this.#moments]);
    return loss;
  }
}

const TABLE = "wte.weight";

function keep(arrays: Arrays): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([name, each]) => [name, each.ref]));
}

function lossOf(
  { layers, width, heads, vocabulary, context, batch }: Shape,
  { embedded, ...weights }: Arrays,
  targets: JaxArray,
): JaxArray {
  const rows = batch * context;
  const norm = (x: JaxArray, name: string) =>
    nn.standardize(x, -1, { epsilon: 1e-5 }).mul(weights[`${name}.weight`].ref)
      .add(weights[`${name}.bias`].ref);
  const linear = (x: JaxArray, name: string) =>
    np.matmul(x, weights[`${name}.weight`].ref).add(weights[`${name}.bias`].ref);
  const attention = (x: JaxArray, name: string) => {
    const qkv = np.split(linear(x, `${name}.c_attn`), 3, -1);
    const [q, k, v] = qkv.map((each) => each.reshape([batch, context, heads, width / heads]));
    const seen = nn.dotProductAttention(q, k, v, { isCausal: true });
    return linear(seen.reshape([rows, width]), `${name}.c_proj`);
  };
  const positions = weights["wpe.weight"].ref.slice([0, context]);
  let x = embedded.reshape([batch, context, width]).add(positions).reshape([rows, width]);
  for (let layer = 0; layer < layers; layer++) {
    const name = `h.${layer}`;
    x = x.ref.add(attention(norm(x, `${name}.ln_1`), `${name}.attn`));
    const inner = nn.gelu(linear(norm(x.ref, `${name}.ln_2`), `${name}.mlp.c_fc`));
    x = x.add(linear(inner, `${name}.mlp.c_proj`));
  }
  const logits = np.matmul(norm(x, "ln_f"), weights[TABLE].ref.transpose());
  const chances = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabulary));
  for (const each of Object.values(weights)) each.dispose();
  return chances.sum().mul(-1 / rows);
}

/** Adafactor by the equations of docs/optimizer.md, with a constant step size that parameters do not scale. */
function update(
  weights: Arrays,
  gradients: Arrays,
  moments: Arrays,
  take: JaxArray,
): [Arrays, Arrays] {
  const [nextWeights, nextMoments]: [Arrays, Arrays] = [{}, {}];
  const average = (name: string, now: JaxArray) => {
    const before = moments[name].mul(np.subtract(1, take.ref));
    nextMoments[name] = before.add(now.mul(take.ref));
    return nextMoments[name].ref;
  };
  for (const [name, weight] of Object.entries(weights)) {
    const g = gradients[name];
    const squares = np.square(g.ref).add(1e-30);
    let u: JaxArray;
    if (weight.ndim === 2) {
      const rowMeans = average(`${name} rows`, squares.ref.mean(1));
      const colMeans = average(`${name} cols`, squares.mean(0));
      const rowFactors = np.sqrt(np.divide(rowMeans.ref.mean(), rowMeans)).reshape([-1, 1]);
      u = g.mul(rowFactors).mul(np.reciprocal(np.sqrt(colMeans)));
    } else {
      u = g.mul(np.reciprocal(np.sqrt(average(name, squares))));
    }
    const rms = np.sqrt(np.square(u.ref).mean());
    nextWeights[name] = weight.sub(u.mul(np.divide(LEARNING_RATE, np.maximum(1, rms))));
  }
  take.dispose();
  return [nextWeights, nextMoments];
}

function zeroMoments(weights: Arrays): Arrays {
  const moments: Arrays = {};
  for (const [name, { shape }] of Object.entries(weights)) {
    if (shape.length === 1) moments[name] = np.zeros(shape);
    else {
      moments[`${name} rows`] = np.zeros([shape[0]]);
      moments[`${name} cols`] = np.zeros([shape[1]]);
    }
  }
  return moments;
}

await serve();
// Its workers would keep the process.
Deno.exit(0);
