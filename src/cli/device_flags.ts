// The flags of commands that use a model: the device, and how weights are kept.

import { Option } from "commander";

/** `--device` */
export function deviceOption(): Option {
  return new Option("--device <kind>", "compute device; auto takes a real GPU if there is one")
    .choices(["auto", "wasm", "webgpu"]).default("auto");
}

/** `--dtype` of a model that is not trained. */
export function dtypeOption(): Option {
  return new Option(
    "--dtype <type>",
    "type in which weights are kept (default: that of the files; f32 is faster on the CPU)",
  ).choices(["f32", "bf16", "f16"]);
}
