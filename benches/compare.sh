#!/usr/bin/env bash
# Times whole processes side by side, in one run:
#   plain, gzip  importing an audit log, against DuckDB's read_json -> Parquet and polars' scan_ndjson
#   files        importing the same log as one file and as 10,000
#   questions    asking the case of the plain log, against DuckDB on the same Parquet files, and jq, grep and ripgrep on
#                the log
# usage: benches/compare.sh [BYTES] [RUNS] [WORKDIR] [PARTS]
#   default: 1GB, 5 runs, a temporary folder, all parts as `plain,gzip,files,questions`. Needs about 2 times BYTES of
#   disk, 4 times with `files`; for 10GB, leave that one out. CASE=DIR asks another case, such as a merged one.
# Writes a table to standard output. Needs python3; the peers are installed into a venv.
set -euo pipefail
cd "$(dirname "$0")/.."
bytes="${1:-1GB}"
runs="${2:-5}"
work="${3:-$(mktemp -d)}"
parts="${4:-plain,gzip,files,questions}"
[ $# -gt 2 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked --quiet
generate() { cargo bench --locked --quiet --bench generate -- audit --out "$work/$1" --bytes "$bytes" --seed 1 "${@:2}"; }
[ -d "$work/plain" ] || [ -n "${CASE:-}" ] || generate plain
[ -d "$work/gzip" ] || [[ ",$parts," != *,gzip,* ]] || generate gzip --gzip

venv="${XDG_CACHE_HOME:-$HOME/.cache}/kubesleuth/compare-venv"
if ! "$venv/bin/python" -c 'import duckdb, polars, pytz' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check duckdb polars pytz
fi

"$venv/bin/python" benches/compare.py \
  --kubesleuth "$CARGO_TARGET_DIR/release/kubesleuth" --work "$work" --runs "$runs" --parts "$parts" ${CASE:+--case "$CASE"} \
  --commit "$(git rev-parse --short HEAD)$(git diff --quiet || echo +)"
