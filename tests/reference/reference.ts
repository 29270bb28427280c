// References: kernels of src/device/kernels/ as plain loops in float64, on whole operands, in place.

import type { KernelName, KernelParams, kernels } from "../../src/device/kernels/registry.ts";

/** A kernel's operands as float64, u32 ones too; those bound for writing are changed in place. */
export type Values<K extends KernelName> = {
  readonly [Operand in keyof (typeof kernels)[K]["operands"]]: Float64Array;
};

/** The slow version that the fast ones are compared with. */
export type Reference<K extends KernelName> = (
  operands: Values<K>,
  params: KernelParams<K>,
) => void;
