// Describes what an update rule keeps per parameter from step to step, so that memory, saving, loading, resharding and ZeRO are
// the same for all rules:
//
//   "sums"     R [batch, rows] | C [batch, cols] | M [batch], f32, one after the other: averages over columns, rows, both
//   "tensor"   as the parameter's block, [batch, rows, cols]

import type { FloatType } from "../../tensor/dtype.ts";

/** Averages of each matrix over its columns, its rows, and both. */
export interface SumsField {
  /** Names the field. */
  readonly name: string;
  /** Row, column and total averages. */
  readonly shape: "sums";
  /** The keys of R, C and M in a saved state. */
  readonly saved: readonly [rows: string, cols: string, both: string];
}

/** A tensor as large as the parameter, which kernels take beside it. */
export interface TensorField {
  /** Names the field, in a saved state too. */
  readonly name: string;
  /** One element per element of the parameter. */
  readonly shape: "tensor";
  /** How it is stored. */
  readonly dtype: FloatType;
  /** No element is less: 0 for averages of squares, else -Infinity. */
  readonly least: number;
  /** The word of a block's record that says where it begins. */
  readonly offset: "momentumOffset" | "secondMomentOffset";
}

/** One thing that a rule keeps per parameter. */
export type StateField = SumsField | TensorField;

/** The tensors among the fields. */
export function tensorFields(fields: readonly StateField[]): TensorField[] {
  return fields.filter((field) => field.shape === "tensor");
}

/** Sizes of a saved state, which must be those that its parameter has now. */
export type SavedSizes = Readonly<Record<string, number>>;

/** A field that a saved state may have or lack, and the message where it should not. */
export interface OptionalField {
  /** Its key in a saved state. */
  readonly key: string;
  /** Ends "it was saved ", where the state lacks it. */
  readonly without: string;
  /** Ends "it was saved ", where the state has it. */
  readonly with: string;
}

/** How a rule's state is kept and saved. */
export interface StateRule<Hyper> {
  /** What is kept of a parameter. */
  fieldsOf(parameter: { readonly hyper: Hyper; readonly view: StateView }): readonly StateField[];
  /** The sizes saved beside the fields. */
  sizesOf(view: StateView): SavedSizes;
  /** Sizes in a message. */
  describeSizes(sizes: Readonly<Record<string, unknown>>): string;
  /** Whether the averages of each matrix are kept together. */
  isPerMatrix(hyper: Hyper): boolean;
  /** Fields that depend on options. */
  readonly optionalFields: readonly OptionalField[];
}

/** The whole parameter, as far as its state depends on it. */
export interface StateView {
  /** Rows of its matrices. */
  readonly globalRows: number;
  /** Columns of them. */
  readonly globalCols: number;
  /** Elements of all of them. */
  readonly globalCount: number;
  /** Whether row and column sums stand for the second moment. */
  readonly factored: boolean;
}
