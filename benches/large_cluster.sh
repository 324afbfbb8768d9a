#!/usr/bin/env bash
# Times the permission questions on a generated large cluster, whole processes, release build.
# usage: benches/large_cluster.sh [WORKDIR]   (about 1 GB; kept for the next run when WORKDIR is given)
set -euo pipefail
cd "$(dirname "$0")/.."
work="${1:-$(mktemp -d)}"
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
target="${CARGO_TARGET_DIR:-target}"
kubesleuth="$target/release/kubesleuth"
cargo build --release --locked --quiet
[ -d "$work/evidence" ] || cargo bench --locked --bench generate -- rbac --out "$work/evidence" --seed 1

# Median and range of whole-process seconds over five runs.
timed() {
  local label="$1"; shift
  python3 - "$label" "$@" <<'PY'
import subprocess, sys, time, statistics
label, *command = sys.argv[1:]
runs = []
for _ in range(5):
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    runs.append(time.perf_counter() - began)
print(f"{label:<46} median {statistics.median(runs):8.3f} s   min {min(runs):8.3f}   max {max(runs):8.3f}")
PY
}

echo "commit $(git rev-parse --short HEAD), $(nproc) cores, $(date -u +%F)"
case="$work/case"
rm -rf "$case"
began=$(date +%s.%N)
"$kubesleuth" import "$work/evidence/audit" "$work/evidence/snapshots" --case "$case"
echo "import: $(python3 -c "import time,sys; print(f'{time.time() - float(sys.argv[1]):.1f}')" "$began") s"
head -n 1 "$work/evidence/reviews.jsonl" > "$work/one.jsonl"
timed "who-can get secrets -A --at" "$kubesleuth" who-can get secrets -A --at 2026-08-01 --case "$case"
timed "who-can get secrets -n NS --at" "$kubesleuth" who-can get secrets -n kube-system --at 2026-08-01 --case "$case"
timed "can --reviews, 1 review (opening)" "$kubesleuth" can --reviews "$work/one.jsonl" --case "$case"
timed "can --reviews, 200,000 reviews" "$kubesleuth" can --reviews "$work/evidence/reviews.jsonl" --case "$case"
"$kubesleuth" can --reviews "$work/evidence/reviews.jsonl" --case "$case" > "$work/answers.jsonl"
python3 - "$work/answers.jsonl" "$work/evidence/reviews-answers.jsonl" <<'PY'
import json, sys
ours, theirs = (open(path) for path in sys.argv[1:])
pairs = [(json.loads(a)["allowed"], json.loads(b)["allowed"]) for a, b in zip(ours, theirs)]
print(f"{len(pairs)} answers, {sum(a == b for a, b in pairs)} as the generator's own authorizer")
PY
