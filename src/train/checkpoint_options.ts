// The options and the events of the checkpoints of a training.

/** Where and how often a training saves checkpoints. */
export interface CheckpointOptions {
  /** A folder for the checkpoints of this training alone. */
  readonly folder: string;
  /** Steps between checkpoints. There is one after the last step, and when training is stopped, too. */
  readonly every: number;
  /** How many of the latest stay. */
  readonly keep: number;
  /** Whether the one of the lowest held-out loss stays, too; evaluates before every checkpoint. */
  readonly keepBest: boolean;
  /** Whether to go on from the latest whole one, if there is one. */
  readonly resume: boolean;
  /** What people may want to know of the training later, such as its flags and versions; stored in every checkpoint. */
  readonly about?: Readonly<Record<string, unknown>>;
}

/** What happens to checkpoints. */
export type CheckpointEvent =
  | { readonly kind: "resumed"; readonly step: number; readonly folder: string }
  | { readonly kind: "checkpoint"; readonly step: number; readonly folder: string }
  | { readonly kind: "warning"; readonly text: string };
