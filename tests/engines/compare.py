#!/usr/bin/env python3
"""Every query of `queries/`, and every table, read by three engines: the rows must be the same.

    compare.py --binary target/release/kubesleuth [--keep DIR] [--only NAME]...

The evidence is imported with the binary, then each query is run by the binary (polars), by DuckDB and by Spark, over the
same Parquet files. Parameters are put into the text of the query, by the same rules as `kubesleuth query` has
(docs/queries.md). Rows are compared one by one in their order, with times as instants and missing values as such.

Needs the packages of requirements.txt and Java 17. Exit code 1 where something differs.
"""

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCHES = [
    # What is imported, and the cluster it is filed under; a name of digits must stay text in every engine.
    (ROOT / "samples/intrusion/bundle", None),
    (ROOT / "tests/data/queries/audit.jsonl", "007"),
]
# Values that must arrive in every engine as they are, besides the defaults that the files carry.
ARGUMENTS = [
    ("requests-by-user", {"user": "system:serviceaccount:ci:deployer"}),
    ("requests-by-user", {"user": "o'brien"}),
    ("requests-by-user", {"user": "DOMAIN\\admin"}),
    ("requests-by-user", {"user": "DOMAIN\\%"}),
    ("requests-by-user", {"user": "' OR '1'='1"}),
    ("requests-by-user", {"user": "\\' OR 1=1 --"}),
    ("requests-by-user", {"user": "x' UNION SELECT * FROM sources /*"}),
    ("requests-by-user", {"user": "line\nbreak"}),
    ("requests-by-user", {"user": "дмитрий%"}),
    ("requests-by-user", {"user": "%"}),
    ("requests-on-resource", {"resource": "clusterroles", "name": "ci-deployer", "verb": "patch"}),
    ("requests-in-window", {"from": "2026-11-24 00:41:41.001317", "to": "2026-11-24 00:41:42"}),
    ("requests-with-text", {"text": "it's a \\\"quote\\\" \\\\ and a %"}),
    ("requests-with-text", {"text": ".*"}),
    ("requests-with-text", {"text": "\\u0027"}),
    ("secret-reads", {"namespace": ""}),
    ("bindings-to-role", {"role": "%"}),
    ("group-members", {"group": "system:%"}),
    ("account-addresses", {"user": "%"}),
    ("denied-requests", {"least": "2"}),
]
MARKER = re.compile(r"/\*:([a-z][a-z0-9-]*)\*/ ?('(?:[^']|'')*'|-?[0-9]+)")
PARAMETER = re.compile(r"^-- parameter: ([a-z][a-z0-9-]*) (text|pattern|time|integer)( required)? \|", re.M)


class Query:
    """One file of `queries/`: its text and its parameters."""

    def __init__(self, path):
        self.name = path.stem
        self.text = path.read_text(encoding="utf-8")
        self.kinds = {name: kind for name, kind, _ in PARAMETER.findall(self.text)}
        self.required = {name for name, _, required in PARAMETER.findall(self.text) if required}
        self.own = {name: value for name, value in MARKER.findall(self.text)}
        if set(self.own) != set(self.kinds):
            sys.exit(f"{path}: parameters in the header {sorted(self.kinds)}, in the query {sorted(self.own)}")

    def bound(self, values, dialect):
        """The text with values in place of its own literals."""

        def literal(match):
            name = match[1]
            return match[0] if name not in values else written(values[name], self.kinds[name], dialect)

        return MARKER.sub(literal, self.text)

    def arguments(self, values):
        """The same values for the command line; a required one that is not given is taken from the file."""
        given = dict(values)
        for name in self.required - set(given):
            given[name] = self.own[name].strip("'").replace("''", "'")
        return [part for name, value in sorted(given.items()) for part in ("--param", f"{name}={value}")]


def written(value, kind, dialect):
    """A value as a SQL literal. Spark alone reads a backslash as an escape, in literals and once more in patterns."""
    if kind == "integer":
        return str(int(value))
    if dialect == "spark":
        if kind == "pattern":
            value = value.replace("\\", "\\\\")
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


class Polars:
    """The binary itself."""

    name = "polars"

    def __init__(self, binary, case):
        self.command = [str(binary), "--case", str(case), "-o", "jsonl", "-q"]

    def run(self, *words):
        done = subprocess.run(self.command + list(words), capture_output=True, text=True, encoding="utf-8")
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip())
        rows = [json.loads(line) for line in done.stdout.split("\n") if line]
        return list(rows[0]) if rows else None, [list(row.values()) for row in rows]

    def query(self, query, values):
        return self.run("query", query.name, *query.arguments(values))

    def table(self, name):
        return self.run("sql", f"SELECT * FROM {name}")


class DuckDB:
    """DuckDB over views of the Parquet files."""

    name = "duckdb"

    def __init__(self, case, tables):
        import duckdb

        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        for table in tables:
            kinds = "'cluster': VARCHAR" + (", 'date': DATE" if table == "events" else "")
            files = str(case / table / "**" / "*.parquet").replace("'", "''")
            self.connection.execute(
                f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}', hive_partitioning = true, "
                f"hive_types = {{{kinds}}}, union_by_name = true)"
            )

    def run(self, sql):
        cursor = self.connection.execute(sql)
        columns = [(column[0], str(column[1])) for column in cursor.description]
        return columns, [[plain(value) for value in row] for row in cursor.fetchall()]

    def query(self, query, values):
        return self.run(query.bound(values, "duckdb"))

    def table(self, name):
        return self.run(f"SELECT * FROM {name}")


class Spark:
    """Spark over the same folders."""

    name = "spark"

    def __init__(self, case, tables, scratch):
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession

        settings = {
            "spark.driver.memory": "768m",
            # Many small queries, each run once: compiling less is faster.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(scratch),
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "1",
            # Cluster names of digits stay text; the one date is cast below.
            "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        builder = SparkSession.builder.master("local[1]").appName("kubesleuth")
        for key, value in settings.items():
            builder = builder.config(key, value)
        with quiet(scratch / "spark.log"):
            self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("OFF")
        for table in tables:
            frame = self.session.read.parquet(str(case / table))
            if table == "events":
                frame = frame.withColumn("date", frame["date"].cast("date"))
            frame.createOrReplaceTempView(table)

    def run(self, sql):
        frame = self.session.sql(sql)
        return list(frame.columns), [[plain(value) for value in row] for row in frame.collect()]

    def query(self, query, values):
        return self.run(query.bound(values, "spark"))

    def table(self, name):
        return self.run(f"SELECT * FROM {name}")


@contextlib.contextmanager
def quiet(log):
    """Standard error into a file, also that of processes started meanwhile; shown when they fail."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    except Exception:
        os.write(kept, log.read_bytes())
        raise
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def plain(value):
    """A value as JSON has it; instants as microseconds since 1970."""
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=dt.timezone.utc)
        return ["µs", (value - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) // dt.timedelta(microseconds=1)]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


def with_instants(rows, columns):
    """The rows of the binary, whose JSON has instants as text, with those of DuckDB's time columns read."""
    times = [place for place, (_, kind) in enumerate(columns) if kind.startswith("TIMESTAMP")]
    for row in rows:
        for place in times:
            if row[place] is not None:
                row[place] = plain(dt.datetime.fromisoformat(row[place]))
    return rows


def first_difference(a, b):
    """Where two lists of rows part, in words; nothing where they are the same."""
    for number, (left, right) in enumerate(zip(a, b), start=1):
        if left != right or [type(value) for value in left] != [type(value) for value in right]:
            return f"row {number}:\n    {left}\n    {right}"
    return None if len(a) == len(b) else f"{len(a)} and {len(b)} rows"


def compared(engines, ask):
    """Asks all engines the same; gives the rows of the first, and what is wrong by engine."""
    answers, wrong = {}, {}
    for engine in engines:
        try:
            answers[engine.name] = ask(engine)
        except Exception as error:  # noqa: BLE001: whatever an engine throws is its answer
            wrong[engine.name] = f"fails: {str(error)[:800]}"
    if "polars" in wrong or "duckdb" in wrong:
        return None, wrong
    columns = answers["duckdb"][0]
    names = [name for name, _ in columns]
    rows = with_instants(answers["polars"][1], columns)
    for engine, (heads, found) in answers.items():
        heads = [head if isinstance(head, str) else head[0] for head in heads or names]
        difference = first_difference(rows, found)
        if heads != names:
            wrong[engine] = f"has columns {heads}, duckdb {names}"
        elif difference:
            wrong[engine] = f"is not as polars, {difference}"
    return rows, wrong


def checksum(columns, rows):
    """One digest of all rows, whatever their order and that of the columns."""
    names = [column if isinstance(column, str) else column[0] for column in columns or []]
    order = sorted(range(len(names)), key=names.__getitem__)
    lines = sorted(json.dumps([row[place] for place in order], ensure_ascii=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def compare_tables(engines, tables):
    """Row counts and checksums of every table."""
    print(f"\n{'table':<18} {'rows':>6}  " + "  ".join(f"{engine.name:<16}" for engine in engines))
    failures = 0
    for table in tables:
        found = {engine.name: engine.table(table) for engine in engines}
        columns = found["duckdb"][0]
        with_instants(found["polars"][1], columns if found["polars"][0] is None else ordered(columns, found["polars"][0]))
        sums = {name: (len(rows), checksum(heads, rows)) for name, (heads, rows) in found.items()}
        same = len(set(sums.values())) == 1
        failures += not same
        shown = "  ".join(f"{digest}" for _, digest in sums.values())
        print(f"{table:<18} {sums['polars'][0]:>6}  {shown}{'' if same else '  DIFFER ' + str(sums)}")
    return failures


def ordered(columns, names):
    """Name and type of columns in another order."""
    kinds = dict(columns)
    return [(name, kinds[name]) for name in names]


def compare_queries(engines, queries, only):
    """Every query with its own values, then with those of ARGUMENTS."""
    runs = [(query, {}) for query in queries.values()] + [(queries[name], values) for name, values in ARGUMENTS]
    print(f"{'query':<72} {'rows':>6}  " + "  ".join(f"{engine.name:<7}" for engine in engines))
    failures, empty = 0, []
    for query, values in runs:
        if only and query.name not in only:
            continue
        found, wrong = compared(engines, lambda engine: engine.query(query, values))  # noqa: B023: called at once
        title = query.name + "".join(f" {name}={value!r}" for name, value in values.items())
        rows = "-" if found is None else len(found)
        if rows == 0 and not values:
            empty.append(query.name)
        told = "  ".join(f"{'DIFFERS' if engine.name in wrong else 'same':<7}" for engine in engines)
        print(f"{title[:72]:<72} {rows:>6}  {told}")
        for engine, what in wrong.items():
            print(f"  {engine} {what}")
        failures += bool(wrong)
    if empty:
        print(f"without rows in this evidence: {', '.join(empty)}")
        failures += len(empty)
    return failures


def main():
    """Imports, asks, compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="the kubesleuth to import and ask with")
    parser.add_argument("--only", action="append", help="compare this query only; may be given several times")
    parser.add_argument("--without-spark", action="store_true", help="compare polars and DuckDB only")
    args = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kubesleuth-engines-") as scratch:
        scratch = pathlib.Path(scratch)
        case = scratch / "case"
        for path, cluster in BATCHES:
            filed = ["--cluster", cluster] if cluster else []
            subprocess.run([args.binary, "import", path, "--case", case, "-q", *filed], check=True)
        tables = sorted(p.name for p in case.iterdir() if p.is_dir() and not p.name.startswith("."))
        queries = {path.stem: Query(path) for path in sorted((ROOT / "queries").glob("*.sql"))}
        engines = [Polars(args.binary, case), DuckDB(case, tables)]
        if not args.without_spark:
            engines.append(Spark(case, tables, scratch))
        failures = compare_queries(engines, queries, args.only)
        if not args.only:
            failures += compare_tables(engines, tables)
    print(f"\n{failures} differences, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
