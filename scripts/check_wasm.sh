#!/usr/bin/env bash
# Fails if a committed WASM module is not what the committed Rust gives: the hash of the sources always, and the bytes
# wherever the compiler that pkg/BUILD names is here.
set -euo pipefail
cd "$(dirname "$0")/.."

main() {
  local crate
  for crate in rust_kernels rust_collectives; do
    if [ "$(built_with "$crate/pkg" sources)" != "$(scripts/build_wasm.sh --sources "$crate")" ]; then
      echo "$crate/pkg is older than its sources: run 'deno task wasm' and commit $crate/pkg" >&2
      return 1
    fi
  done
  out=$(mktemp -d) # not local: the trap needs it
  trap 'rm -rf "$out"' EXIT
  scripts/build_wasm.sh --out "$out"
  for crate in rust_kernels rust_collectives; do
    if [ "$(built_with "$crate/pkg" compiler)" != "$(built_with "$out/$crate" compiler)" ]; then
      echo "$crate: sources match; the bytes cannot be compared as pkg/ was built with $(built_with "$crate/pkg" compiler)"
    elif ! diff -r "$crate/pkg" "$out/$crate"; then
      echo "$crate/pkg differs from what its sources give: run 'deno task wasm' and commit $crate/pkg" >&2
      return 1
    else
      echo "$crate: same bytes from $(built_with "$crate/pkg" compiler)"
    fi
  done
}

built_with() { sed -n "s/^$2 //p" "$1/BUILD"; }

main "$@"
