// The models that are trained: GPT-2 shapes, from 2 layers of 128 to the 124M model, and the text that all contestants see.
//
//   N    parameters
//   W    those that are multiplied with: all but norms, biases and positions; a tied head counts once
//   step of t tokens in windows of T:  6 W t + 12 L T D t / 2 operations       forward 2, backward 4; the causal half

/** A GPT-2 and its batch. */
export interface Shape {
  /** As it is asked for. */
  readonly name: string;
  /** L */
  readonly layers: number;
  /** D */
  readonly width: number;
  /** Of attention. */
  readonly heads: number;
  /** V */
  readonly vocabulary: number;
  /** Positions that the model knows. */
  readonly positions: number;
  /** T: tokens of a window. */
  readonly context: number;
  /** B: windows of a step, over all ranks. */
  readonly batch: number;
}

/** `LAYERSxWIDTH`, on bytes, or `124M`, GPT-2 itself. @throws {SyntaxError} if it is neither */
export function parseShape(text: string): Shape {
  const batch = { context: 128, batch: 8 };
  if (text === "124M") {
    return {
      name: text,
      layers: 12,
      width: 768,
      heads: 12,
      vocabulary: 50257,
      positions: 1024,
      ...batch,
      batch: 2,
    };
  }
  const [, layers, width] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (layers === undefined) {
    throw new SyntaxError(`"${text}" is no shape: give LAYERSxWIDTH, such as 2x128, or 124M`);
  }
  const heads = Number(width) % HEAD_WIDTH === 0 ? Number(width) / HEAD_WIDTH : 1;
  return {
    name: text,
    layers: Number(layers),
    width: Number(width),
    heads,
    vocabulary: 256,
    positions: batch.context,
    ...batch,
  };
}

const HEAD_WIDTH = 64;

/** Its config.json; nothing is dropped. */
export function configOf({ vocabulary, width, layers, heads, positions }: Shape) {
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    dtype: "float32",
    vocab_size: vocabulary,
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_positions: positions,
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
    bos_token_id: 0,
    eos_token_id: 0,
  };
}

/** Floating-point operations of a step on all its tokens. */
export function operationsOf({ layers, width, vocabulary, context, batch }: Shape): number {
  const weights = 12 * layers * width ** 2 + vocabulary * width;
  return batch * context * (6 * weights + 6 * layers * context * width);
}

/** The token at `index` of the text; peers/torch_train.py has it too. */
function tokenAt(index: number, vocabulary: number): number {
  return (7919 * index + (index * index) % 251) % vocabulary;
}

/** The first tokens of a batch's windows in that text. */
export function windowStarts({ batch, context }: Shape): number[] {
  return Array.from({ length: batch }, (_, window) => window * (context + 1));
}

/** That text, as long as a batch needs. */
export function textFor({ batch, context, vocabulary }: Shape): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(
    { length: batch * (context + 1) },
    (_, index) => tokenAt(index, vocabulary),
  );
}
