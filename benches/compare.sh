#!/usr/bin/env bash
# Times whole processes side by side, in one run: importing an audit log (plain, gzip) against DuckDB's
# read_json -> Parquet and polars' scan_ndjson, and asking the case against DuckDB on the same Parquet files,
# jq and grep on the log.
# usage: benches/compare.sh [BYTES] [RUNS] [WORKDIR]     (default 1GB, 5 runs; about 4 times BYTES of disk)
# Writes a table to standard output. Needs python3; the peers are installed into a venv.
set -euo pipefail
cd "$(dirname "$0")/.."
bytes="${1:-1GB}"
runs="${2:-5}"
work="${3:-$(mktemp -d)}"
[ $# -gt 2 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked --quiet
[ -d "$work/plain" ] || cargo bench --locked --quiet --bench generate -- audit --out "$work/plain" --bytes "$bytes" --seed 1
[ -d "$work/gzip" ] || cargo bench --locked --quiet --bench generate -- audit --out "$work/gzip" --bytes "$bytes" --seed 1 --gzip

venv="${XDG_CACHE_HOME:-$HOME/.cache}/kubesleuth/compare-venv"
if ! "$venv/bin/python" -c 'import duckdb, polars, pytz' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check duckdb polars pytz
fi

"$venv/bin/python" benches/compare.py \
  --kubesleuth "$CARGO_TARGET_DIR/release/kubesleuth" --work "$work" --runs "$runs" \
  --commit "$(git rev-parse --short HEAD)$(git diff --quiet || echo +)"
