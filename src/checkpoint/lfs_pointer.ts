// Pointers of Git LFS: a clone without LFS has small texts in the place of large files.
//
//   version https://git-lfs.github.com/spec/v1
//   oid sha256:4d7a...
//   size 12345

import { SafetensorsError } from "./safetensors_error.ts";

/** How many bytes of a file {@linkcode requireNoPointer} needs. */
export const POINTER_BYTES = 40;

/** @throws {SafetensorsError} if a file that begins with `first` is a pointer; `path` names it in the message */
export function requireNoPointer(first: Uint8Array | string, path?: string): void {
  const text = typeof first === "string" ? first : new TextDecoder().decode(first);
  if (!text.startsWith(POINTER)) return;
  throw new SafetensorsError(
    `${
      path ?? "It"
    } is a pointer of Git LFS and not the file itself: run \`git lfs pull\` in its folder, or download the file`,
  );
}

const POINTER = "version https://git-lfs.";
