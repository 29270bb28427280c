// A training that cannot be, as what it was given does not fit together: the same error on all ranks, before the first step.

/** Why a training does not begin; its message says what to give instead. */
export class RefusedTrainingError extends Error {
  /** "RefusedTrainingError" */
  override readonly name: string = "RefusedTrainingError";
}

/** Runs a part of the preparations, whose wrong types and ranges are those of what the training was given. */
export async function refusing<Result>(prepare: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await prepare();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new RefusedTrainingError(error.message, { cause: error });
  }
}
