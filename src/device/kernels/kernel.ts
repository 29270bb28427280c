// A kernel: a named computation on whole buffers, implemented in Rust for the wasm device and in WGSL for webgpu.
//
// Everything that the devices and the checks need to know of a kernel is in one entry, a `Kernel`, in the file of its
// family (matmul.ts, norm.ts, ...); registry.ts lists the families. Order matters: operands and parameters are passed to
// Rust, and numbered in WGSL, in the order in which the entry has them.
//
// Imports of this folder: block_table.ts and storage_types.ts above it, and the types of device.ts; nothing of webgpu/.

/** A kernel's use of an operand. Operands that are written may be read as well. */
export type Access = "read" | "write";

/** Elements of an operand as WGSL declares them: numbers, words of packed 16-bit numbers, or records of block_table.ts. */
export type Element = "f32" | "u32" | "Block" | "Numbers" | "Step" | "AdamwStep";

/** Formats of a parameter, 32 bits each: a flag is 0 or 1, a storage type one of storage_types.ts. */
export type ParamFormat = "u32" | "f32" | "flag" | "storageType";

/** Parameter values by name. */
export type ParamValues<Param extends string> = { readonly [P in Param]: number };

/** One operand of a kernel with the parameters `Param`. */
export interface Operand<Param extends string> {
  /** Its use. */
  readonly access: Access;
  /** The type of its elements. */
  readonly element: Element;
  /** Words of 32 bits that the kernel may touch, counted from the buffer's first: the buffer must have as many. */
  words(params: ParamValues<Param>): number;
}

/** The entry of a kernel with operands and parameters of these names. */
export interface Kernel<OperandName extends string, Param extends string> {
  /** Operands by name, in order. */
  readonly operands: { readonly [O in OperandName]: Operand<Param> };
  /** Formats of parameters by name, in order. */
  readonly params: { readonly [P in Param]: ParamFormat };
  /** Rules between parameters, beside formats and extents: each returns what is wrong, or undefined. */
  readonly rules?: readonly ((params: ParamValues<Param>) => string | undefined)[];
  /** What it computes, if it is a pointwise kernel (pointwise_kernel.ts). */
  readonly formula?: string;
  /** How WebGPU runs it. */
  readonly shader: Shader<OperandName, Param>;
  /** How WebGPU runs it on an adapter that is the CPU, where that differs: barriers are slow there, caches large. */
  readonly softwareShader?: Shader<OperandName, Param>;
}

/** The dispatches that run a kernel on WebGPU. */
export interface Shader<OperandName extends string, Param extends string> {
  /** Dispatches, one after the other. */
  readonly stages: readonly Stage<OperandName, Param>[];
  /** Values of the sources' `override` declarations. Each set of values is compiled once. */
  constants?(params: ParamValues<Param>): Readonly<Record<string, number>>;
  /** Memory that the stages share, bound as `scratch` behind the operands; its contents are undefined at first. */
  readonly scratch?: Scratch<Param>;
}

/** One dispatch: an entry point of a WGSL source. */
export interface Stage<OperandName extends string, Param extends string> {
  /** Stem of the file in wgsl/. */
  readonly source: string;
  /** The function to run. */
  readonly entryPoint: string;
  /** Fragments to include for the names that the source leaves open (webgpu/wgsl_composer.ts). */
  readonly fragments?: Readonly<Record<string, string>>;
  /** The operands that are bound: all operands and scratch where left out. WebGPU promises 8 storage buffers, so none binds more. */
  readonly binds?: readonly (OperandName | "scratch")[];
  /** How many workgroups, as the index arithmetic at the head of the entry point has it; with 0 the stage is skipped. */
  workgroups(params: ParamValues<Param>): number;
}

/** Scratch memory of a kernel. */
export interface Scratch<Param extends string> {
  /** The type of its elements. */
  readonly element: "f32" | "u32";
  /** How many elements. */
  length(params: ParamValues<Param>): number;
}

/** An operand that is only read. */
export function reads<Param extends string>(
  element: Element,
  words: (params: ParamValues<Param>) => number,
): Operand<Param> {
  return { access: "read", element, words };
}

/** An operand that is written. */
export function writes<Param extends string>(
  element: Element,
  words: (params: ParamValues<Param>) => number,
): Operand<Param> {
  return { access: "write", element, words };
}
