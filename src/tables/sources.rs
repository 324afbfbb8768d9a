//! `sources`: one row for each evidence file. Its counts add up:
//! `records = rows + duplicates + rejects`, always.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "sources",
    doc: "One evidence file. `records = rows + duplicates + rejects` holds for every row; rows are those of `events`, `object_sightings`, `api_resources` and `identities`.",
    sorted_by: "`path`, `source_id`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("source_id", Text, "id of the source inside the case, made from its SHA-256 and the time of its snapshot"),
    required("path", Text, "where it was read: a path, a path inside its bundle, or `ARCHIVE!/MEMBER`"),
    optional("bundle", Text, "the bundle it came in"),
    required("sha256", Text, "SHA-256 of the file, or of the archive member, as it was collected"),
    required("size", Int64, "size of the file in bytes, as collected"),
    required("format", Text, "recognised format; several are joined by `+`; `unrecognised` where nothing was read"),
    required(
        "compression",
        Text,
        "`none`, `gzip`, `zstd`, `bzip2`, `xz`: how the file itself is compressed; several layers are joined by `+`, the outermost first",
    ),
    required("records", Int64, "records read"),
    required(
        "rows",
        Int64,
        "records that became rows of `events`, `identities`, `object_sightings` or `api_resources`",
    ),
    required("duplicates", Int64, "records that say the same as one already kept"),
    required("rejects", Int64, "records that could not be read, kept in `rejects`"),
    required("skipped", Int64, "readable records of other kinds, which a case does not hold; not counted in `records`"),
    optional("first_time", Time, "earliest time in its records"),
    optional("last_time", Time, "latest time in its records"),
    optional("observed_from", Time, "snapshots: reading began"),
    optional("observed_to", Time, "snapshots: reading had ended"),
    optional(
        "observed_basis",
        Text,
        "where the snapshot's time comes from: `collector`, `--observed-at`, `snapshot.json` or `modification time`",
    ),
    required("absent_fields", TextList, "columns of `events` that this format cannot carry"),
    required("warnings", TextList, "signs of incompleteness"),
    required("duplicate_of", TextList, "sources whose rows were kept in place of its duplicates"),
    required("clusters", TextList, "clusters that the export names"),
    required("accounts", TextList, "cloud accounts, projects and subscriptions that the export names"),
    required(
        "completeness",
        TextList,
        "what the export says of its own completeness, as JSON objects: pages, totals, log categories, files that a \
         listing names, requests that its collector was refused; later imports are matched against it",
    ),
];
