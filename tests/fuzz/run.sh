#!/bin/sh
# Runs every fuzz target: tests/fuzz/run.sh [SECONDS] [TARGET...]   (default: 60 s each, all targets)
#
# Needs cargo-fuzz (`cargo install cargo-fuzz`) and a nightly compiler; without one, stable is told to take
# nightly's flags. The corpus is made anew from samples/ and tests/data; what fuzzing adds is kept beside it,
# under target/fuzz (or $FUZZ_DIR). A crash ends the run and leaves its input under tests/fuzz/artifacts/TARGET.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
work=${FUZZ_DIR:-$PWD/target/fuzz}
mkdir -p "$work"
if rustup run nightly rustc --version >/dev/null 2>&1; then
    fuzz="cargo +nightly fuzz"
else
    export RUSTC_BOOTSTRAP=1
    fuzz="cargo fuzz"
fi
rm -rf "$work/seeds"
cargo run --quiet --release --manifest-path tests/fuzz/Cargo.toml --target-dir "$work/build" --example corpus -- . "$work/seeds"
[ $# -gt 0 ] || set -- $($fuzz list --fuzz-dir tests/fuzz)
$fuzz build --fuzz-dir tests/fuzz --target-dir "$work/build"
for target; do
    echo "== $target, $seconds s"
    mkdir -p "$work/corpus/$target"
    dictionary=
    [ -f "tests/fuzz/dictionaries/$target.dict" ] && dictionary="-dict=tests/fuzz/dictionaries/$target.dict"
    $fuzz run --fuzz-dir tests/fuzz --target-dir "$work/build" "$target" "$work/corpus/$target" "$work/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -print_final_stats=1 $dictionary
done
