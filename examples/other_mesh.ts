// A training that is begun on one mesh and goes on on another: a small GPT-2, split over tensor-parallel x ZeRO ranks, with a
// checkpoint at its end. Weights, and the optimizer's state, are stored as wholes.
//
//   deno run -P=train src/cli/launch.ts --ranks 4 examples/other_mesh.ts --tensor 2 --folder run --until 5
//   deno run -P=train src/cli/launch.ts --ranks 1 examples/other_mesh.ts --folder run --until 10

import { parseArgs } from "node:util";
import { causalLoss, Decoder, DistributedAdaFactor, launchFromEnv } from "@meshfactor/adafactor";
import { loadCheckpoint, newModel, parallelize, ProcessGroupMesh } from "@meshfactor/adafactor";
import { RandomSource, requestDevice, saveCheckpoint, Tensor } from "@meshfactor/adafactor";

const { values: flags } = parseArgs({
  options: {
    tensor: { type: "string", default: "1" },
    folder: { type: "string" },
    until: { type: "string", default: "10" },
  },
});
const { folder } = flags;
if (!folder) throw new TypeError("Give --folder, where checkpoints are kept");
const [tensor, until, batch, length] = [Number(flags.tensor), Number(flags.until), 8, 16];

await using world = await launchFromEnv();
using device = await requestDevice();
const mesh = new ProcessGroupMesh(tensor, world.worldSize / tensor);
const tensorParallelGroup = await mesh.getGroupAlongAxis(0);
const dataParallelGroup = await mesh.getGroupAlongAxis(1);

const sizes = { vocab_size: 64, n_embd: 32, n_layer: 2, n_head: 2, n_positions: length };
const config = { model_type: "gpt2", ...sizes, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };
using model = newModel(device, config, { random: new RandomSource(1), model: Decoder });
await parallelize(model, mesh);
using optim = new DistributedAdaFactor(model.parameters(), { lr: 0.05 });
optim.setupDistributed({ tensorParallelGroup, dataParallelGroup, zeroStage: 2 });

const job = { model, optim, group: world.group };
const saved = await loadCheckpoint(folder, job);
for (let step = (saved?.step ?? 0) + 1; step <= until; step++) {
  // The batch depends on the step alone; each data-parallel rank takes rows of its own.
  const tokens = Uint32Array.from({ length: batch * length }, (_, at) => {
    const [row, place] = [Math.floor(at / length), at % length];
    return (7 * step + 3 * row + (1 + row % 3) * place) % 64;
  });
  const rows = batch / dataParallelGroup.size;
  const begin = dataParallelGroup.rank * rows * length;
  const own = tokens.subarray(begin, begin + rows * length);
  using input = Tensor.from(device, own, { shape: [rows, length] });
  using loss = causalLoss(await model.forward({ tokens: input }), input);
  const sum = Float32Array.of(await loss.item());
  await dataParallelGroup.allReduce(sum);
  await optim.backward(loss);
  await optim.step();
  optim.zeroGrad();
  const mean = sum[0] / dataParallelGroup.size;
  if (world.rank === 0) console.log(`step ${step}: loss ${mean.toFixed(5)}`);
}
await saveCheckpoint(folder, { ...job, step: until });
