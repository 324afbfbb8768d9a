//! `known_sets`: where the evidence knows *all* RBAC objects of a kind, so that a missing one did not
//! exist. Every "no" rests on these rows.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "known_sets",
    doc: "One stretch of time in which every object of an RBAC kind is known. Outside of these, absence is unknown.",
    sorted_by: "`kind`, `namespace`, `valid_from`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("kind", Text, "`Role`, `ClusterRole`, `RoleBinding` or `ClusterRoleBinding`"),
    optional("namespace", Text, "the namespace it is known for; missing: the whole cluster"),
    optional("valid_from", Time, "first instant; missing: before all evidence"),
    optional("valid_to", Time, "first instant after; missing: not ended in the evidence"),
    required("basis", Text, "`observed`, `derived` or `assumed`"),
];
