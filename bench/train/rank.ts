// One of our ranks: multiplies and trains as the benchmark asks, and reports the times.
//
//   deno run -P=train bench/train/rank.ts <port> <token> <job, as JSON>

import { type Device, type DeviceBuffer, launchFromEnv, requestDevice } from "../../mod.ts";
import { LineChannel } from "../collectives/line_channel.ts";
import type { Job, LimitRequest, MatmulAnswer, MatmulRequest, StepsRequest } from "./request.ts";
import { Training } from "./training.ts";
import { wasmLimit } from "./wasm_limit.ts";
import { webGpuLimit } from "./webgpu_limit.ts";

/** Serves the benchmark until it closes the connection. */
async function serve([port, token, text]: readonly string[]): Promise<void> {
  const job: Job = JSON.parse(text);
  const { shape, folder } = job;
  await using world = await launchFromEnv();
  using device = await requestDevice({ kind: job.device });
  const training = shape === undefined || folder === undefined
    ? undefined
    : await Training.make(world, device, { ...job, shape, folder });
  using channel = new LineChannel(
    await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
  );
  await channel.send(`rank ${world.rank} ${token}`);
  for (let line = await channel.receive(); line !== undefined; line = await channel.receive()) {
    const answer = await answerTo(JSON.parse(line), device, training);
    await channel.send(JSON.stringify(answer));
  }
}

async function answerTo(
  request: MatmulRequest | LimitRequest | StepsRequest,
  device: Device,
  training: Training | undefined,
): Promise<object> {
  switch (request.do) {
    case "matmul":
      return await multiply(device, request);
    case "limit":
      return {
        gflops: device.kind === "wasm" ? await wasmLimit("plain") : await webGpuLimit(),
        fused: device.kind === "wasm" ? await wasmLimit("fused") : undefined,
      };
    case "steps":
      return { ...await training!.run(request.count), pid: Deno.pid };
  }
}

async function multiply(
  device: Device,
  { m, n, k, calls }: MatmulRequest,
): Promise<MatmulAnswer> {
  using a = random(device, m * k);
  using b = random(device, k * n);
  using out = random(device, m * n);
  const sizes = {
    aFrom: 0,
    bFrom: 0,
    outFrom: 0,
    batch: 1,
    m,
    n,
    k,
    rowBegin: 0,
    rowEnd: m,
    biasLength: 0,
    accumulate: 0,
  };
  const milliseconds: number[] = [];
  for (let call = 0; call <= calls; call++) {
    const start = performance.now();
    device.run("matmul_nn", { a, b, bias: device.empty, out }, sizes);
    await device.read(out, { byteLength: 4 });
    if (call > 0) milliseconds.push(performance.now() - start);
  }
  return { milliseconds };
}

function random(device: Device, length: number): DeviceBuffer {
  const buffer = device.allocate(4 * length);
  device.write(buffer, Float32Array.from({ length }, () => Math.random() - 0.5));
  return buffer;
}

if (import.meta.main) await serve(Deno.args);
