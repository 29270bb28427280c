// Trains a ByteModel on one rank of a tensor-parallel x data-parallel mesh: the whole loop, with what happens at each
// step reported. Every rank runs it with the same options; what it returns and reports is the same on all of them.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../dist/group.ts";
import { ProcessGroupMesh } from "../dist/mesh.ts";
import type { World } from "../dist/world.ts";
import { ByteModel, type ByteModelSizes } from "../models/byte_model.ts";
import { parallelizeByteModel } from "../models/byte_model_parallel.ts";
import { RandomSource } from "../nn/philox.ts";
import { DistributedAdaFactor } from "../optim/distributed_adafactor.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireAgreement } from "./agreement.ts";
import { drawBatch, evenBatch } from "./byte_batch.ts";
import type { Corpus } from "./corpus.ts";
import { drawToken } from "./sampling.ts";
import { evaluate, type Trainer, trainStep } from "./step.ts";

/** What to train, on what, and for how long. */
export interface ByteTrainingOptions {
  readonly corpus: Corpus;
  readonly sizes: ByteModelSizes;
  /** Ranks that split the model, and ranks that split the batch and the optimizer's state. */
  readonly tensor: number;
  readonly zero: number;
  readonly steps: number;
  /** Examples per step, over all ranks. */
  readonly batchSize: number;
  /** Largest step size; it falls along a half cosine. */
  readonly lr: number;
  readonly seed: number;
  /** Bytes of text to generate at the end. */
  readonly sampleLength: number;
  /** Called after every step. */
  readonly onStep?: (report: StepReport) => void;
}

/** One step, over all ranks. */
export interface StepReport {
  readonly step: number;
  /** Mean loss of the batch in nats per byte, before the step's update. */
  readonly loss: number;
  /** Bytes of text learned from per second. */
  readonly bytesPerSecond: number;
  /** Bytes that all ranks sent. */
  readonly wireBytes: number;
}

/** What came of it. */
export interface ByteTrainingResult {
  /** Mean loss on held-out text in nats per byte. */
  readonly heldOutBefore: number;
  readonly heldOutAfter: number;
  /** Generated text, after the prompt. */
  readonly prompt: string;
  readonly sample: string;
}

/**
 * Trains, and judges by held-out text before and after.
 *
 * @throws {Error} on every rank if ranks read different text.
 */
export async function trainByteModel(
  world: World,
  device: Device,
  options: ByteTrainingOptions,
): Promise<ByteTrainingResult> {
  const { corpus, sizes, steps, seed, batchSize, lr } = options;
  await requireAgreement(world.group, {
    "training text": corpus.train.slice(),
    "held-out text": corpus.heldOut.slice(),
  });
  const mesh = ProcessGroupMesh.over(world, options.tensor, options.zero);
  const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
  const dataParallelGroup = await mesh.getGroupAlongAxis(1);
  const random = new RandomSource(seed);

  using model = new ByteModel(device, { sizes, random });
  parallelizeByteModel(model, tensorParallelGroup);
  using optim = new DistributedAdaFactor(model.parameters(), {
    lr: (step) => lr * 0.5 * (1 + Math.cos(Math.PI * (step - 1) / steps)),
    scaleParameter: false,
  });
  optim.setupDistributed({ tensorParallelGroup, dataParallelGroup });
  const trainer = { model, optim, dataParallelGroup };
  const groups = new Set([world.group, tensorParallelGroup, dataParallelGroup]);

  const heldOutBefore = await heldOutLoss(trainer, world, options);
  const draws = random.stream();
  let sent = bytesSent(groups);
  for (let step = 1; step <= steps; step++) {
    const begin = performance.now();
    using batch = drawBatch(device, {
      text: corpus.train,
      context: sizes.context,
      globalSize: batchSize,
      replica: dataParallelGroup,
      random: draws,
      step,
    });
    const loss = await trainStep(trainer, batch);
    const sentBefore = sent;
    sent = bytesSent(groups);
    const [totalLoss, wireBytes] = await sumOverRanks(world, [loss, sent - sentBefore]);
    options.onStep?.({
      step,
      loss: totalLoss / world.worldSize,
      bytesPerSecond: batchSize / (performance.now() - begin) * 1000,
      wireBytes,
    });
  }
  const heldOutAfter = await heldOutLoss(trainer, world, options);
  const { prompt, sample } = await generate(model, options);
  return { heldOutBefore, heldOutAfter, prompt, sample };
}

async function heldOutLoss(
  trainer: Trainer,
  world: World,
  { corpus, sizes }: ByteTrainingOptions,
): Promise<number> {
  using batch = evenBatch(trainer.model.parameters()[0].device, {
    text: corpus.heldOut,
    context: sizes.context,
    globalSize: HELD_OUT_EXAMPLES,
    replica: trainer.dataParallelGroup,
  });
  const [sum] = await sumOverRanks(world, [await evaluate(trainer, batch)]);
  return sum / world.worldSize;
}

/** Examples of held-out text that the model is judged by. */
const HELD_OUT_EXAMPLES = 2048;

/** Continues held-out text, a byte at a time drawn from the model's distribution; all ranks draw the same. */
async function generate(
  model: ByteModel,
  { corpus, sizes: { context }, seed, sampleLength }: ByteTrainingOptions,
): Promise<{ prompt: string; sample: string }> {
  const device = model.embedding.weight.device;
  const random = new RandomSource(seed).stream();
  const text = Array.from(corpus.heldOut.subarray(0, context));
  for (let position = 0; position < sampleLength; position++) {
    using contexts = Tensor.from(device, Uint32Array.from(text.slice(-context)), {
      shape: [1, context],
    });
    using logits = await model.forward(contexts);
    text.push(
      drawToken(await logits.data(), { temperature: 1, uniform: random.uniform(position) }),
    );
  }
  const decode = (bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
  return { prompt: decode(text.slice(0, context)), sample: decode(text.slice(context)) };
}

async function sumOverRanks(world: World, values: readonly number[]): Promise<Float32Array> {
  const sums = Float32Array.from(values);
  await world.group.allReduce(sums);
  return sums;
}

function bytesSent(groups: Iterable<ProcessGroup>): number {
  return [...groups].reduce((total, { counters }) => total + counters.bytesSent, 0);
}
