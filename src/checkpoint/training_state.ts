// The state of a training as named tensors that do not depend on the mesh, of which every rank holds a share:
//
//   weights/<parameter>        as stored, in the parameter's own type
//   state/<parameter>/<field>  f32: moments, momentum, master weights
//
// and numbers per parameter (steps, the loss scale). Ranks take contiguous shares of about the same number of bytes.

import type { Module } from "../nn/module.ts";
import { bytesPerElement } from "../tensor/dtype.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { elementCount, sameShape } from "../tensor/shape.ts";
import { type SafetensorsDtype, STORED_AS } from "./safetensors_header.ts";
import type { TensorToWrite } from "./safetensors_write.ts";
import { wholeBytes, writeWhole } from "./whole_bytes.ts";

/**
 * An optimizer of this package, as far as its state is concerned.
 *
 * @category Checkpoints
 */
export interface OptimizerWithState<State extends object> {
  /** The whole state by parameter; all ranks call it together. */
  stateDict(): Promise<Record<string, State>>;
  /** Goes on from a state. */
  loadStateDict(saved: Readonly<Record<string, State>>): void;
}

/**
 * What a checkpoint is of.
 *
 * @category Checkpoints
 */
export interface TrainingState<State extends object> {
  /** The model, whole or split. */
  readonly model: Module<never>;
  /** Its optimizer. */
  readonly optim: OptimizerWithState<State>;
}

/** Numbers of the optimizer's state by parameter. */
export type StateNumbers = Record<string, Record<string, number>>;

/** A rank among those of a job. */
export interface Share {
  readonly rank: number;
  readonly size: number;
}

/** Copies this rank's share to host memory. All ranks call it together; training may go on after it. */
export async function copyShare<State extends object>(
  { model, optim }: TrainingState<State>,
  share: Share,
): Promise<{ readonly tensors: TensorToWrite[]; readonly numbers: StateNumbers }> {
  const numbers: StateNumbers = {};
  const wanted:
    (Omit<TensorToWrite, "bytes"> & { length: number; read: () => Promise<Uint8Array> })[] = [];
  for (const [path, parameter] of storedOf(model)) {
    const { dtype, layout: { wholeShape } } = parameter;
    const length = bytesPerElement(dtype) * elementCount(wholeShape);
    const read = () => wholeBytes(parameter);
    wanted.push({
      name: weightName(path),
      dtype: STORED_AS[dtype],
      shape: wholeShape,
      length,
      read,
    });
  }
  for (const [parameter, state] of Object.entries(await optim.stateDict())) {
    numbers[parameter] = {};
    for (const [field, value] of Object.entries(state)) {
      if (value instanceof Float32Array) {
        const read = () => Promise.resolve(bytesOf(value));
        const name = stateName(parameter, field);
        const { length, byteLength } = value;
        wanted.push({ name, dtype: "F32", shape: [length], length: byteLength, read });
      } else numbers[parameter][field] = value;
    }
  }
  const isOwn = sharing(wanted.map(({ length }) => length), share);
  const tensors: TensorToWrite[] = [];
  for (const [index, { name, dtype, shape, read }] of wanted.entries()) {
    // All ranks read, as a split parameter is put together by all that have a part of it.
    const bytes = await read();
    if (isOwn(index)) tensors.push({ name, dtype, shape, bytes: () => Promise.resolve(bytes) });
  }
  return { tensors, numbers };
}

/** Parameters and buffers, by path. */
function storedOf(model: Module<never>): Map<string, Parameter> {
  return new Map([...model.namedParameters(), ...model.namedBuffers()]);
}

/** A stored tensor that is read on demand. */
export interface StoredTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly read: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Overwrites weights and optimizer state by a checkpoint's.
 *
 * @throws {TypeError} naming a parameter that only one of both has, or that has another shape or type; weights are unchanged then
 */
export async function restoreState<State extends object>(
  { model, optim }: TrainingState<State>,
  { tensors, numbers }: {
    readonly tensors: ReadonlyMap<string, StoredTensor>;
    readonly numbers: StateNumbers;
  },
): Promise<void> {
  const parameters = storedOf(model);
  requireSameParameters(parameters, tensors);
  for (const [path, parameter] of parameters) {
    writeWhole(parameter, await tensors.get(weightName(path))!.read());
  }
  // After the weights: master weights belong to the values that a parameter has when they are loaded.
  const states: Record<string, Record<string, number | Float32Array>> = {};
  for (const [parameter, fields] of Object.entries(numbers)) states[parameter] = { ...fields };
  for (const [name, tensor] of tensors) {
    const match = /^state\/(.*)\/([^/]+)$/s.exec(name);
    if (match === null) continue;
    states[match[1]][match[2]] = new Float32Array((await tensor.read()).buffer);
  }
  optim.loadStateDict(states as unknown as Record<string, State>);
}

function requireSameParameters(
  parameters: ReadonlyMap<string, Parameter>,
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  for (const [path, { dtype, layout: { wholeShape } }] of parameters) {
    const stored = tensors.get(weightName(path));
    if (stored === undefined) throw new TypeError(`The checkpoint has no parameter ${path}`);
    if (sameShape(stored.shape, wholeShape) && stored.dtype === STORED_AS[dtype]) continue;
    throw new TypeError(
      `${path} of [${wholeShape}] and ${
        STORED_AS[dtype]
      } is [${stored.shape}] and ${stored.dtype} in the checkpoint`,
    );
  }
  for (const name of tensors.keys()) {
    const path = name.startsWith(WEIGHTS) ? name.slice(WEIGHTS.length) : undefined;
    if (path !== undefined && !parameters.has(path)) {
      throw new TypeError(`The checkpoint has a parameter ${path}, and the model has none`);
    }
  }
}

/** Whether an index belongs to this rank: the one whose part of all bytes the tensor's middle is in. */
function sharing(lengths: readonly number[], { rank, size }: Share): (index: number) => boolean {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let before = 0;
  const owners = lengths.map((length) => {
    const middle = before + length / 2;
    before += length;
    return total === 0 ? 0 : Math.min(size - 1, Math.floor(middle / total * size));
  });
  return (index) => owners[index] === rank;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function weightName(path: string): string {
  return `${WEIGHTS}${path}`;
}

function stateName(parameter: string, field: string): string {
  return `state/${parameter}/${field}`;
}

const WEIGHTS = "weights/";
