// Our training of one shape on one rank, step by step, with the time of each part.

import { Decoder, type Device, loadPretrained, ProcessGroupMesh, type World } from "../../mod.ts";
import { DistributedAdaFactor } from "../../mod.ts";
import { distributeModel, type LanguageModel } from "../../src/train/distributed_model.ts";
import { makeBatch, type TokenBatch } from "../../src/train/token_batch.ts";
import { tokensInMemory } from "../../src/train/token_sequence.ts";
import { partOf } from "../../src/train/data/rank_part.ts";
import { ExchangeClock } from "./exchange_clock.ts";
import { type Job, LEARNING_RATE, type StepsAnswer, type StepTimes } from "./request.ts";
import { type Shape, textFor, windowStarts } from "./shape.ts";

/** A model that is trained on the same batch again and again. */
export class Training {
  readonly #world: World;
  readonly #device: Device;
  readonly #model: LanguageModel;
  readonly #optim: DistributedAdaFactor;
  readonly #batch: TokenBatch;
  readonly #clock: ExchangeClock;

  private constructor(parts: {
    readonly world: World;
    readonly device: Device;
    readonly model: LanguageModel;
    readonly optim: DistributedAdaFactor;
    readonly batch: TokenBatch;
    readonly clock: ExchangeClock;
  }) {
    this.#world = parts.world;
    this.#device = parts.device;
    this.#model = parts.model;
    this.#optim = parts.optim;
    this.#batch = parts.batch;
    this.#clock = parts.clock;
  }

  /** Loads the weights and splits them over the mesh. */
  static async make(world: World, device: Device, {
    shape,
    folder,
    tensor,
    zero,
  }: Job & { readonly shape: Shape; readonly folder: string }): Promise<Training> {
    const mesh = ProcessGroupMesh.over(world, tensor, zero);
    const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
    const dataParallelGroup = await mesh.getGroupAlongAxis(1);
    const clock = new ExchangeClock(device, [tensorParallelGroup, dataParallelGroup]);
    const whole = await loadPretrained(device, folder, { model: Decoder });
    const model = await distributeModel(whole, mesh);
    const optim = new DistributedAdaFactor(whole.parameters(), {
      lr: LEARNING_RATE,
      scaleParameter: false,
    });
    optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, zeroStage: 2 });
    const { context } = shape;
    const starts = partOf(windowStarts(shape), dataParallelGroup);
    const batch = makeBatch(device, { text: tokensInMemory(textFor(shape)), context, starts });
    return new Training({ world, device, model, optim, batch, clock });
  }

  /** Trains `count` steps. */
  async run(count: number): Promise<Omit<StepsAnswer, "pid">> {
    const [steps, losses]: [StepTimes[], number[]] = [[], []];
    for (let step = 0; step < count; step++) {
      const { times, loss } = await this.#step();
      const sum = Float64Array.of(loss);
      await this.#world.group.allReduce(sum, { op: "mean" });
      steps.push(times);
      losses.push(sum[0]);
    }
    return { steps, losses };
  }

  async #step(): Promise<{ readonly times: StepTimes; readonly loss: number }> {
    const start = this.#now();
    using loss = await this.#model.loss(this.#batch);
    await this.#finish();
    const forward = this.#now();
    await this.#optim.backward(loss);
    await this.#finish();
    const backward = this.#now();
    await this.#optim.step();
    this.#optim.zeroGrad();
    await this.#finish();
    const end = this.#now();
    return {
      loss: await loss.item(),
      times: {
        whole: end.wall - start.wall,
        forward: forward.own - start.own,
        backward: backward.own - forward.own,
        exchange: end.exchange - start.exchange,
        update: end.own - backward.own,
      },
    };
  }

  /** Waits until the device has done all of its work: reading waits for that. */
  async #finish(): Promise<void> {
    await this.#device.read(this.#batch.tokens.buffer, { byteLength: 4 });
  }

  #now() {
    const [wall, exchange] = [performance.now(), this.#clock.milliseconds];
    return { wall, exchange, own: wall - exchange };
  }
}
