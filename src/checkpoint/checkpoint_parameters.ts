// The parameters of a model from a checkpoint. The model is made before any value is read: each parameter is looked up and its shape
// compared, so nothing larger than the files is allocated; then values are read, a few megabytes at a time, and converted on the device.

import type { Device } from "../device/device.ts";
import type { ProcessGroup } from "../distributed/group.ts";
import { Layout } from "../distributed/layout.ts";
import {
  type CheckpointNames,
  partsOf,
  type StoredPart,
} from "../models/config/checkpoint_names.ts";
import { isSavedBuffer } from "../models/config/saved_buffers.ts";
import {
  InitialParameters,
  type ParameterSource,
  type WantedParameter,
} from "../nn/parameter_source.ts";
import type { RandomSource } from "../nn/philox.ts";
import type { FloatType } from "../tensor/dtype.ts";
import { Memory } from "../tensor/memory.ts";
import { Parameter } from "../tensor/parameter.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { CheckpointFolder } from "./checkpoint_folder.ts";
import { SafetensorsError } from "./safetensors_error.ts";
import type { TensorEntry } from "./safetensors_header.ts";
import { StoredNames } from "./stored_names.ts";

/**
 * How parameters are stored on the device.
 *
 * @category Checkpoints
 */
export interface StorageOptions {
  /** How parameters are stored; values are rounded to it. Default: as in the file. */
  readonly dtype?: FloatType | undefined;
  /** How their gradients are stored. Default: f32. */
  readonly gradientDtype?: FloatType | undefined;
}

/** The layers that a checkpoint may lack: those that its model was not trained with. */
export interface NewHead {
  /** Paths of modules. */
  readonly modules: readonly string[];
  /** Source of their initial values; undefined if none may be lacking. */
  readonly random: RandomSource | undefined;
  /** Whether tensors of another shape are replaced, as for another number of classes. */
  readonly replaceShapes: boolean;
  /** Whether the files may hold other heads, which are not used. */
  readonly otherHeads: boolean;
}

/** A tensor that is a parameter, or a part of one. */
interface TakenTensor {
  readonly parameter: Parameter;
  /** The first of the parameter's elements that it holds. */
  readonly begin: number;
  readonly length: number;
}

/** A source of parameters that reads a checkpoint. The model owns them; if it was not made, this object does. */
export class CheckpointParameters implements ParameterSource {
  readonly device: Device;
  readonly #folder: CheckpointFolder;
  readonly #names: CheckpointNames;
  readonly #stored: StoredNames;
  readonly #storage: StorageOptions;
  readonly #head: NewHead;
  /** By name in the file. */
  readonly #taken = new Map<string, TakenTensor>();
  readonly #made = new Map<string, Parameter>();
  readonly #unused = new Set<string>();

  /** A source for an open checkpoint with the names of one family. */
  constructor(device: Device, { folder, names, storage, head }: {
    readonly folder: CheckpointFolder;
    readonly names: CheckpointNames;
    readonly storage: StorageOptions;
    readonly head: NewHead;
  }) {
    this.device = device;
    this.#folder = folder;
    this.#names = names;
    this.#stored = new StoredNames(folder.names, names);
    this.#storage = storage;
    this.#head = head;
  }

  /** Names of tensors that the files lack and that got initial values. */
  get newTensors(): readonly string[] {
    return [...this.#made.keys()];
  }

  /** Names of tensors in the files that the model has no use for. */
  get unusedTensors(): readonly string[] {
    return [...this.#unused];
  }

  /**
   * A parameter without values yet, or one of a new head with its initial values.
   *
   * @throws {SafetensorsError} if there is no such tensor, or it has another shape or type
   */
  parameter(path: string, wanted: WantedParameter): Parameter {
    const { shape } = wanted;
    const stored: string[] = [];
    for (const part of partsOf(path, shape, this.#names)) {
      const name = this.#find(part, path);
      if (name === undefined) return this.#make(path, { fullName: part.name, wanted });
      stored.push(name);
    }
    const { dtype: usual = this.#storedAs(stored[0]), gradientDtype = "f32" } = this.#storage;
    const { dtype = usual, isBuffer = false } = wanted;
    const memory = Memory.empty(this.device, { shape, dtype });
    const layout = new Layout<ProcessGroup>(shape, [], { matrixShape: wanted.matrixShape });
    const options = { layout, name: path, gradientDtype, isBuffer };
    const parameter = new Parameter(this.device, memory, options);
    const length = parameter.length / stored.length;
    for (const [k, name] of stored.entries()) {
      this.#taken.set(name, { parameter, begin: k * length, length });
    }
    return parameter;
  }

  /**
   * The name in the files of a tensor; undefined if it is to be made anew.
   *
   * @throws {SafetensorsError} if it has another shape or is another parameter already
   */
  #find({ name: fullName, shape }: StoredPart, path: string): string | undefined {
    const name = this.#stored.find(fullName);
    if (name === undefined) return undefined;
    const entry = this.#folder.entry(name)!;
    if (!sameShape(entry.shape, shape)) {
      if (this.#head.replaceShapes && this.#isInHead(path)) {
        this.#unused.add(name);
        return undefined;
      }
      throw this.#error(
        `${name} has the shape ${formatShape(entry.shape)}, and config.json requires ${
          formatShape(shape)
        }`,
      );
    }
    // The tensor under this name is the one that it is tied to, and config.json says that they are not tied.
    if (this.#taken.has(name)) throw this.#lacks(fullName);
    return name;
  }

  /**
   * Reads all values.
   *
   * @throws {SafetensorsError} naming tensors that the model does not have, or a tied one with different values.
   */
  async fill(): Promise<void> {
    await this.#refuseUnexpected();
    for (const [name, { parameter, begin: first, length }] of this.#taken) {
      const dtype = this.#storedAs(name);
      for (let begin = 0; begin < length; begin += ELEMENTS_AT_A_TIME) {
        const range = { begin, end: begin + ELEMENTS_AT_A_TIME };
        const bytes = await this.#folder.readElements(name, range);
        const isDouble = this.#folder.entry(name)!.dtype === "F64";
        parameter.writeStored(isDouble ? roundedToF32(bytes) : bytes, {
          dtype,
          begin: first + begin,
        });
      }
    }
  }

  /** Releases all parameters that were requested. */
  releaseAll(): void {
    for (const { parameter } of this.#taken.values()) parameter[Symbol.dispose]();
    for (const parameter of this.#made.values()) parameter[Symbol.dispose]();
  }

  #isInHead(path: string): boolean {
    return this.#head.modules.some((each) => path === each || path.startsWith(`${each}.`));
  }

  /** A parameter of a new head. */
  #make(path: string, { fullName, wanted }: {
    readonly fullName: string;
    readonly wanted: WantedParameter;
  }): Parameter {
    const { random } = this.#head;
    if (!this.#isInHead(path)) throw this.#lacks(fullName);
    if (random === undefined) {
      throw this.#error(
        `it lacks ${fullName}, a part of the model's head: give \`random\` to make a new head with random values`,
      );
    }
    const { dtype = this.#usualDtype(), gradientDtype = "f32" } = this.#storage;
    const source = new InitialParameters(this.device, { random, dtype, gradientDtype });
    const parameter = source.parameter(path, wanted);
    this.#made.set(fullName, parameter);
    return parameter;
  }

  async #refuseUnexpected(): Promise<void> {
    const { ignored = [], tied = {} } = this.#names;
    const unexpected: string[] = [];
    for (const { stored, name } of this.#stored.all()) {
      if (this.#taken.has(stored) || this.#unused.has(stored) || isSavedBuffer(name)) continue;
      const other = tied[name] === undefined ? undefined : this.#stored.find(tied[name]);
      const isHead = this.#head.otherHeads && !this.#stored.isInBase(name);
      if (other !== undefined && this.#taken.has(other)) await this.#requireEqual(stored, other);
      else if (isHead || ignored.some((each) => each.test(name))) this.#unused.add(stored);
      else unexpected.push(stored);
    }
    if (unexpected.length > 0) {
      throw this.#error(
        `it holds tensors that the model of config.json does not have: ${unexpected.join(", ")}`,
      );
    }
  }

  async #requireEqual(name: string, other: string): Promise<void> {
    if (await this.#folder.equal(name, other)) return;
    throw this.#error(
      `${name} differs from ${other}, and config.json ties them: set tie_word_embeddings to false`,
    );
  }

  /** The type of the first tensor of floats. */
  #usualDtype(): FloatType {
    const dtypes = this.#folder.names.map((name) => FLOAT_TYPES[this.#folder.entry(name)!.dtype]);
    return dtypes.find((each) => each !== undefined) ?? "f32";
  }

  /** How a tensor is stored on the device, if no other type is requested. */
  #storedAs(name: string): FloatType {
    const { dtype } = this.#folder.entry(name)!;
    const known = FLOAT_TYPES[dtype];
    if (known !== undefined) return known;
    throw this.#error(`${name} is stored as ${dtype}: parameters are F32, F16, BF16 or F64`);
  }

  #lacks(fullName: string): SafetensorsError {
    return this.#error(`it lacks ${fullName}, which config.json requires`);
  }

  #error(message: string): SafetensorsError {
    return new SafetensorsError(`Cannot load ${this.#folder.path}: ${message}`);
  }
}

/** F64 is rounded to f32. */
const FLOAT_TYPES: Readonly<Partial<Record<TensorEntry["dtype"], FloatType>>> = {
  F64: "f32",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};

/** A whole number of words in any type. */
const ELEMENTS_AT_A_TIME = 2 ** 21;

function roundedToF32(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  return new Uint8Array(Float32Array.from(doubles).buffer);
}
