"""Times kubesleuth and its peers as whole processes and prints a table of medians.

Runs of the sides alternate, so that a slow minute of the machine meets all of them. Memory is the peak resident
size of the process. What each side does is written out below in full.
"""

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

COLUMNS = """
SELECT stageTimestamp::TIMESTAMPTZ AS stage_timestamp, requestReceivedTimestamp::TIMESTAMPTZ AS request_received_timestamp,
  auditID AS audit_id, stage, level, verb, requestURI AS request_uri,
  "user".username AS user_username, "user".uid AS user_uid, "user".groups AS user_groups, "user".extra AS user_extra,
  impersonatedUser.username AS impersonated_user_username, impersonatedUser.uid AS impersonated_user_uid,
  impersonatedUser.groups AS impersonated_user_groups, impersonatedUser.extra AS impersonated_user_extra,
  sourceIPs AS source_ips, userAgent AS user_agent,
  objectRef.resource AS object_ref_resource, objectRef.namespace AS object_ref_namespace, objectRef.name AS object_ref_name,
  objectRef.uid AS object_ref_uid, objectRef.apiGroup AS object_ref_api_group, objectRef.apiVersion AS object_ref_api_version,
  objectRef.resourceVersion AS object_ref_resource_version, objectRef.subresource AS object_ref_subresource,
  responseStatus.code AS response_status_code, responseStatus.status AS response_status_status,
  responseStatus.message AS response_status_message, responseStatus.reason AS response_status_reason,
  requestObject AS request_object, responseObject AS response_object, annotations
FROM read_json('{source}', format='newline_delimited', maximum_object_size=268435456, columns={{
  level: 'VARCHAR', auditID: 'VARCHAR', stage: 'VARCHAR', requestURI: 'VARCHAR', verb: 'VARCHAR',
  "user": 'STRUCT(username VARCHAR, uid VARCHAR, groups VARCHAR[], extra JSON)',
  impersonatedUser: 'STRUCT(username VARCHAR, uid VARCHAR, groups VARCHAR[], extra JSON)',
  sourceIPs: 'VARCHAR[]', userAgent: 'VARCHAR',
  objectRef: 'STRUCT(resource VARCHAR, namespace VARCHAR, name VARCHAR, uid VARCHAR, apiGroup VARCHAR, apiVersion VARCHAR, resourceVersion VARCHAR, subresource VARCHAR)',
  responseStatus: 'STRUCT(code INTEGER, status VARCHAR, message VARCHAR, reason VARCHAR)',
  requestObject: 'JSON', responseObject: 'JSON', requestReceivedTimestamp: 'VARCHAR', stageTimestamp: 'VARCHAR',
  annotations: 'JSON'}})
"""


def duckdb_script(sql: str) -> list[str]:
    code = f"import duckdb; c = duckdb.connect(); c.execute({sql!r}).fetchall()"
    return [sys.executable, "-c", code]


def polars_script(source: str, out: Path) -> list[str]:
    code = (
        "import polars as pl, glob\n"
        "keep = ['auditID', 'stage', 'level', 'verb', 'requestURI', 'userAgent', 'stageTimestamp']\n"
        "schema = {k: pl.String for k in keep}\n"
        f"pl.scan_ndjson(sorted(glob.glob({source!r})), schema=schema).sink_parquet({str(out)!r}, compression='zstd')\n"
    )
    return [sys.executable, "-c", code]


class Side:
    """One command, run again and again."""

    def __init__(self, name, command, before=None, size=None, codes=(0, 1)):
        self.name, self.command, self.before, self.size, self.codes = name, command, before, size, codes
        self.seconds, self.cpu, self.memory = [], [], []

    def run(self):
        if self.before:
            self.before()
        began = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        self.seconds.append(time.perf_counter() - began)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.memory.append(usage.ru_maxrss / 1024)
        code = os.waitstatus_to_exitcode(status)
        if code not in self.codes:
            sys.exit(f"{self.name}: exit code {code}: {self.command}")


def compare(title, sides, runs):
    """Runs all sides by turns; the first is ours, and the others are told in its multiples."""
    for side in sides:
        side.run()  # Brings files into the page cache.
        side.seconds, side.cpu, side.memory = [], [], []
    for _ in range(runs):
        for side in sides:
            side.run()
    own, own_memory = statistics.median(sides[0].seconds), max(sides[0].memory)
    for side in sides:
        seconds, memory = statistics.median(side.seconds), max(side.memory)
        cells = [
            title,
            side.name,
            f"{seconds:.2f}",
            f"{min(side.seconds):.2f}-{max(side.seconds):.2f}",
            "" if side is sides[0] else f"{seconds / own:.2f}",
            f"{statistics.median(side.cpu):.2f}",
            f"{memory:.0f}",
            "" if side is sides[0] else f"{memory / own_memory:.2f}",
            f"{side.size() / 1e6:.0f}" if side.size else "",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def tree_size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*.parquet"))


def remove(*paths: Path):
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


def split(log: Path, into: Path, count: int):
    """The lines of a log in `count` files of about the same size."""
    if into.is_dir():
        return
    part = into.with_suffix(".part")
    remove(part)
    part.mkdir(parents=True)
    files = sorted(log.iterdir())
    each = max(1, sum(f.stat().st_size for f in files) // count)
    number, left, out = 0, 0, None
    for file in files:
        with open(file, "rb") as lines:
            for line in lines:
                if left <= 0 and number < count:
                    if out:
                        out.close()
                    out = open(part / f"audit-{number:06}.log", "wb")
                    number, left = number + 1, left + each
                out.write(line)
                left -= len(line)
    out.close()
    part.rename(into)


def many_files(args):
    log, case = args.work / "plain" / "audit", args.work / "case-files"
    sides = []
    for count in (1, args.files):
        into = args.work / f"split-{count}"
        split(log, into, count)
        name = "kubesleuth import, 1 file" if count == 1 else f"kubesleuth import, {count:,} files"
        sides.append(Side(name, [args.kubesleuth, "import", "-q", into, "--case", case],
                          lambda: remove(case), lambda: tree_size(case)))
    compare("import, many files", sides, args.runs)
    remove(case, *(args.work / f"split-{count}" for count in (1, args.files)))


def imports(args, kind):
    log, case, out = args.work / kind / "audit", args.work / f"case-{kind}", args.work / f"duckdb-{kind}.parquet"
    pieces = args.work / f"polars-{kind}.parquet"
    copy = f"COPY ({COLUMNS.format(source=log / '*')}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
    sides = [
        Side("kubesleuth import", [args.kubesleuth, "import", "-q", log, "--case", case],
             lambda: remove(case), lambda: tree_size(case)),
        Side("DuckDB read_json -> Parquet", duckdb_script(copy), lambda: remove(out), lambda: out.stat().st_size),
    ]
    if kind == "plain":
        sides.append(Side("polars scan_ndjson -> Parquet, 7 columns", polars_script(str(log / "*"), pieces),
                          lambda: remove(pieces), lambda: pieces.stat().st_size))
    compare(f"import, {kind}", sides, args.runs)


def questions(args):
    case, log = args.case or args.work / "case-plain", args.work / "plain" / "audit"
    if not case.is_dir():
        subprocess.run([args.kubesleuth, "import", "-q", log, "--case", case], check=True)
    events = f"read_parquet('{case}/events/**/*.parquet', hive_partitioning=true)"
    # The columns of the answer.
    shown = ("stage_timestamp, user_username, verb, object_ref_resource, object_ref_namespace, object_ref_name, response_status_code,"
             " source_id, line, audit_id, impersonated_user_username, object_ref_subresource, object_ref_api_group,"
             " authorization_decision, authorization_reason, source_ips, user_agent, request_uri, level, stage, user_credential_id,"
             " request_received_timestamp, component, \"offset\"")
    # Asked in a process of its own: a child's peak memory is never told lower than what its parent had.
    # A user and a kind of whom the log tells least, and the name of something that was created: all of them are found.
    first = (f"SELECT user_username, strftime(min(stage_timestamp) AT TIME ZONE 'UTC', '%Y-%m-%d'), (SELECT count(*) FROM {events}),"
             f" (SELECT [object_ref_resource, coalesce(object_ref_api_group, '')] FROM {events} WHERE object_ref_resource IS NOT NULL"
             " GROUP BY object_ref_resource, coalesce(object_ref_api_group, '') ORDER BY count(*), 1 LIMIT 1),"
             f" (SELECT min(object_ref_name) FROM {events} WHERE verb = 'create' AND length(object_ref_name) > 11"
             " AND contains(request_object, object_ref_name))"
             f" FROM {events} WHERE verb IN ('create', 'patch') GROUP BY 1 ORDER BY count(*), 1 LIMIT 1")
    code = f"import duckdb, json; print(json.dumps(duckdb.connect().execute({first!r}).fetchone()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    # A bar of progress may stand before it.
    user, day, count, (resource, group), text = json.loads(found.splitlines()[-1])
    text = text or "hostNetwork"
    searches = {
        "by user": [Side("jq, the log", ["sh", "-c", f"cat {log}/* | jq -c 'select(.user.username == \"{user}\") | [.stageTimestamp, .verb]'"])],
        "text in bodies": [Side("grep -c, the log", ["sh", "-c", f"cat {log}/* | grep -c {text}"])],
    }
    if shutil.which("rg"):
        searches["text in bodies"].append(Side("ripgrep -c, the log", ["rg", "-c", text, log]))
    asked = [
        ("by user", ["who-did", "--user", user], f"user_username = '{user}'"),
        ("by resource", ["who-did", "--resource", f"{resource}.{group}" if group else resource],
         f"object_ref_resource = '{resource}' AND coalesce(object_ref_api_group, '') = '{group}'"),
        ("one hour", ["who-did", "--from", f"{day} 10:00:00", "--to", f"{day} 11:00:00"],
         f"stage_timestamp >= '{day} 10:00:00+00' AND stage_timestamp < '{day} 11:00:00+00'"),
        ("text in bodies", ["who-did", "--text", text],
         f"(request_object LIKE '%{text}%' OR response_object LIKE '%{text}%')"),
    ]
    for title, command, where in asked:
        sides = [
            Side("kubesleuth", [args.kubesleuth, *command, "-o", "csv", "--case", case]),
            Side("DuckDB, same Parquet", duckdb_script(f"SELECT {shown} FROM {events} WHERE {where} ORDER BY 1")),
        ]
        if log.is_dir() and not args.case:
            sides += searches.get(title, [])
        compare(f"{title}, {count:,} events", sides, args.runs)
    # The very text of the shipped query, in both engines.
    per_hour = subprocess.run([args.kubesleuth, "query", "requests-by-hour", "--show-sql"], capture_output=True, text=True, check=True).stdout
    view = f"CREATE VIEW events AS SELECT * FROM {events}"
    code = f"import duckdb; c = duckdb.connect(); c.execute({view!r}); c.execute({per_hour!r}).fetchall()"
    # The same counts without its requests put together, and the time of arrival alone: less than what is asked.
    hour = "date_trunc('hour', request_received_timestamp), count(*)"
    counts = (f"SELECT {hour}, count(*) FILTER (verb IN ('create', 'update', 'patch', 'delete', 'deletecollection')),"
              " count(*) FILTER (response_status_code >= 400), count(*) FILTER (authorization_decision = 'forbid'),"
              f" count(DISTINCT user_username) FROM {events} GROUP BY 1 ORDER BY 1")
    compare(f"requests by hour, {count:,} events", [
        Side("kubesleuth who-did --count-by hour", [args.kubesleuth, "who-did", "--count-by", "hour", "-o", "csv", "--case", case]),
        Side("kubesleuth query requests-by-hour", [args.kubesleuth, "query", "requests-by-hour", "-o", "csv", "--case", case]),
        Side("DuckDB, the same SQL", [sys.executable, "-c", code]),
        Side("DuckDB, records and not requests", duckdb_script(counts)),
        Side("DuckDB, records, their number alone", duckdb_script(f"SELECT {hour} FROM {events} GROUP BY 1 ORDER BY 1")),
    ], args.runs)


PARTS = {
    "plain": lambda args: imports(args, "plain"),
    "gzip": lambda args: imports(args, "gzip"),
    "files": many_files,
    "questions": questions,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubesleuth", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--commit", default="")
    parser.add_argument("--parts", default=",".join(PARTS), help="which of: " + ", ".join(PARTS))
    parser.add_argument("--files", type=int, default=10_000, help="how many files the log is split into")
    parser.add_argument("--case", type=Path, help="ask this case, not the one imported from the plain log")
    args = parser.parse_args()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    log = args.work / "plain" / "audit"
    size = f"log of {sum(f.stat().st_size for f in log.iterdir()) / 1e9:.2f} GB, " if log.is_dir() else ""
    print(f"commit {args.commit}, {os.cpu_count()} cores ({model}), {datetime.date.today()}, {size}medians of {args.runs}\n")
    print("| what | who | median s | min-max s | times ours | CPU s | peak MB | times ours | Parquet MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for part in args.parts.split(","):
        PARTS[part](args)


if __name__ == "__main__":
    main()
