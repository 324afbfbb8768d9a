//! `copies`: the program's own memory of records that were left out. It is no table for questions (`sources` counts
//! them): it lets a later import or a merge tell anew which source holds what was left out.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table; not among those of SQL.
pub const TABLE: Table = Table {
    name: "copies",
    doc: "One record that says the same as one that is kept.",
    sorted_by: "nothing",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("source_id", Text, "the source it was read from"),
    required("kept_source_id", Text, "the source of the row that is kept in its place"),
    optional("component", Text, "events: as in `events`"),
    optional("audit_id", Text, "events: as in `events`"),
    optional("stage", Text, "events: as in `events`"),
    optional("operation_part", Text, "events: as in `events`"),
    optional("line_key", Text, "lines of the authenticator's log: all they say"),
];
