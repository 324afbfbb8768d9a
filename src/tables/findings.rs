//! `findings`: damage, gaps and contradictions met while importing.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "findings",
    doc: "One thing a person should look at: damage, a gap, two records that contradict each other.",
    sorted_by: "`severity` from the highest, `code`, `at`, `message`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("severity", Text, "`info`, `low`, `medium` or `high`"),
    required("code", Text, "stable code, such as `snapshot-contradicts-log`"),
    required("message", Text, "what was found"),
    optional("at", Time, "the moment it concerns"),
    required("witnesses", TextList, "the records that show it, as `source:line`"),
];
