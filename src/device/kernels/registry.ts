// All kernels by name, and the types that follow from their entries.

import * as families from "./families.ts";
import type { Kernel } from "./kernel.ts";

/**
 * Every kernel's entry by its name.
 *
 * @category Devices
 */
export const kernels: typeof families = { ...families };

/**
 * Name of a kernel.
 *
 * @category Devices
 */
export type KernelName = keyof typeof kernels;

/**
 * Parameter values by name: u32 parameters are integers from 0 to 2^32 - 1, flags 0 or 1.
 *
 * @category Devices
 */
export type KernelParams<K extends KernelName> = {
  readonly [Param in keyof (typeof kernels)[K]["params"]]: number;
};

/**
 * The entry of a kernel for code that treats all of them alike.
 *
 * @throws {TypeError} if there is no such kernel.
 */
export function kernelNamed(name: KernelName): Kernel<string, string> {
  const kernel: Kernel<string, string> | undefined = kernels[name];
  if (kernel === undefined) throw new TypeError(`No kernel is named "${name}"`);
  return kernel;
}
