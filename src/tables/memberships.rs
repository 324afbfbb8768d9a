//! `memberships`: which user was seen in which group. RBAC objects name groups; only events show members.

use super::schema::{Column, ColumnType::*, Table, required};

/// The table.
pub const TABLE: Table = Table {
    name: "memberships",
    doc: "One user seen in one group by the API server's authentication.",
    sorted_by: "`group_name`, `user_name`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("user_name", Text, "user name"),
    required("group_name", Text, "group"),
    required("first_seen", Time, "first event"),
    required("last_seen", Time, "last event"),
    required("events", Int64, "number of events"),
];
