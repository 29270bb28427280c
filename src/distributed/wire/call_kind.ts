// The kind of call that a frame belongs to: its op, element type and reduction. An index in a list is the number on the wire.

/** Calls; a point-to-point message is a `send`. */
export const OPS = [
  "allReduce",
  "reduceScatter",
  "allGather",
  "broadcast",
  "barrier",
  "reduce",
  "allToAll",
  "send",
] as const;
/** A call. */
export type Op = typeof OPS[number];

/** Element types. */
export const ELEMENT_TYPES: readonly ElementType[] = ["f32", "f64", "i32", "u32", "f16", "bf16"];
/**
 * Type of the elements of a collective or message. Tensors have a `DType` of their own, which knows floats only.
 *
 * @category Distributed
 */
export type ElementType = "f32" | "f64" | "i32" | "u32" | "f16" | "bf16";
/**
 * @deprecated Use `ElementType`.
 *
 * @category Distributed
 */
export type Dtype = ElementType;

/** Reductions. */
export const REDUCTIONS: readonly Reduction[] = ["sum", "mean", "max", "min"];
/**
 * The reduction of the ranks' terms. Integer sums wrap, and integers have no mean; if a float term is NaN, `max`
 * and `min` are NaN, and -0 is less than +0.
 *
 * @category Distributed
 */
export type Reduction = "sum" | "mean" | "max" | "min";
