// Which parameters are small: they are copied into one buffer, so that one dispatch serves them all.

/** Whether a parameter is small, by its whole size: so all meshes agree. */
export function isSmall({ globalCount }: { readonly globalCount: number }): boolean {
  return globalCount <= MOST_SMALL_ELEMENTS;
}

/** Beyond it, the time that copies take is no longer small beside that of a dispatch. */
const MOST_SMALL_ELEMENTS = 2 ** 16;
