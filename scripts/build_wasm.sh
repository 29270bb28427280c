#!/usr/bin/env bash
# Builds rust_kernels and rust_collectives into their pkg/ folders: wasm-pack, --target bundler, WASM SIMD.
#
# The same sources, wasm-bindgen and compiler give the same bytes on any machine: paths are remapped, one codegen unit,
# no wasm-opt. pkg/BUILD records the compiler and a hash of the sources, so that CI can tell "stale" (the hash differs)
# from "another compiler" (the bytes cannot be compared).
#
#   scripts/build_wasm.sh                 build both into <crate>/pkg
#   scripts/build_wasm.sh --out DIR       build both into DIR/<crate>
#   scripts/build_wasm.sh --sources CRATE print the source hash of one crate
#
# Two toolchains serve: rustup's with its wasm32-unknown-unknown target, or Debian's rustc-web, which has no target
# installed and builds the standard library from rust-web-src. WASM_RUST=debian|rustup chooses one.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly TARGET=wasm32-unknown-unknown
readonly CRATES=(rust_kernels rust_collectives)

main() {
  local out=""
  case "${1:-}" in
    "") ;;
    --out) out=$(mkdir -p "$2" && cd "$2" && pwd) ;;
    --sources) source_hash "$2"; return ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0"; return 2 ;;
  esac
  choose_toolchain
  need_tool wasm-pack 0.15.1 wasm-pack
  need_tool wasm-bindgen "$(bindgen_version)" wasm-bindgen-cli
  local crate
  for crate in "${CRATES[@]}"; do build "$crate" "${out:+$out/$crate}"; done
}

# Sets RUSTC, CARGO and their flags, COMPILER (its version) and EXTRA (what cargo must be told besides).
choose_toolchain() {
  EXTRA=()
  if [ "${WASM_RUST:-}" != debian ] && rustup target list --installed 2>/dev/null | grep -qx "$TARGET"; then
    TOOLS=$(dirname "$(rustup which rustc)")
  elif [ "${WASM_RUST:-}" != rustup ] && [ -d /usr/lib/rustlib/src/rust/library ] && [ -x /usr/bin/cargo ]; then
    TOOLS=/usr/bin
    EXTRA=(-Z build-std=std,panic_abort)
    export RUSTC_BOOTSTRAP=1
    # wasm-pack looks for this folder to learn whether the target is installed.
    mkdir -p "/usr/lib/rustlib/$TARGET/lib"
  else
    echo "No Rust toolchain for $TARGET: run 'rustup target add $TARGET', or on Debian" \
      "'apt-get install rustc-web cargo-web rust-web-src lld'" >&2
    exit 3
  fi
  export PATH="$TOOLS:$PATH" RUSTC="$TOOLS/rustc" CARGO="$TOOLS/cargo"
  # One target folder: a standard library that must be built is built once.
  export CARGO_TARGET_DIR="$PWD/target/wasm"
  COMPILER=$("$RUSTC" --version)
  local crate
  for crate in "${CRATES[@]}"; do "$CARGO" fetch --quiet --locked --manifest-path "$crate/Cargo.toml"; done
  # Debian has LLVM's linker under its own name.
  local flags=(-C target-feature=+simd128)
  if [ "$TOOLS" = /usr/bin ]; then flags+=(-C linker=wasm-ld); fi
  # No path of this machine, and no name of where crates come from; the last that fits counts.
  local home=${CARGO_HOME:-$HOME/.cargo} sources each
  sources=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust
  flags+=("--remap-path-prefix=$home=cargo" "--remap-path-prefix=$PWD=.")
  for each in "$home"/registry/src/*; do flags+=("--remap-path-prefix=$each=crates"); done
  for each in "$sources" "$(realpath "$sources" 2>/dev/null || true)"; do
    if [ -n "$each" ]; then flags+=("--remap-path-prefix=$each=rust"); fi
  done
  export CARGO_ENCODED_RUSTFLAGS
  CARGO_ENCODED_RUSTFLAGS=$(join_by $'\x1f' "${flags[@]}")
}

build() {
  local crate=$1 pkg=${2:-$PWD/$1/pkg}
  rm -rf "$pkg"
  wasm-pack --quiet build "$crate" --release --mode no-install --target bundler --no-pack \
    --out-dir "$pkg" --out-name "$crate" -- --locked "${EXTRA[@]}"
  rm -f "$pkg/.gitignore" "$pkg/README.md"
  printf 'sources %s\ncompiler %s\nwasm-bindgen %s\n' \
    "$(source_hash "$crate")" "$COMPILER" "$(bindgen_version)" > "$pkg/BUILD"
  echo "$crate: $(stat -c %s "$pkg/${crate}_bg.wasm") bytes of WASM with $COMPILER"
}

source_hash() {
  (cd "$1" && LC_ALL=C find Cargo.toml Cargo.lock src -type f | LC_ALL=C sort | xargs sha256sum) |
    sha256sum | cut -d' ' -f1
}

bindgen_version() {
  grep -A1 '^name = "wasm-bindgen"$' rust_kernels/Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p'
}

need_tool() {
  local tool=$1 version=$2 package=$3
  # Last, so that rustup's own rustc does not come before the chosen one.
  export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
  if ! "$tool" --version 2>/dev/null | grep -qF "$version"; then
    echo "installing $package $version"
    # The tool runs on this machine, not in WASM: none of the flags above are for it.
    env -u CARGO_ENCODED_RUSTFLAGS -u RUSTC -u CARGO -u RUSTC_BOOTSTRAP \
      cargo install --quiet --debug --locked --force "$package" --version "$version"
  fi
}

join_by() {
  local IFS=$1
  shift
  echo -n "$*"
}

main "$@"
