//! `binding_subjects`: versions of bindings taken apart, one row for each subject.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "binding_subjects",
    doc: "One subject of one version of a RoleBinding or ClusterRoleBinding. A version without subjects, or with unknown ones, has one row without `subject_index`.",
    sorted_by: "`kind`, `namespace`, `name`, `valid_from`, `subject_index`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("kind", Text, "`RoleBinding` or `ClusterRoleBinding`"),
    required("namespace", Text, "namespace of a RoleBinding, empty for a ClusterRoleBinding"),
    required("name", Text, "name"),
    optional("valid_from", Time, "first instant; missing: before all evidence"),
    optional("valid_to", Time, "first instant after; missing: not ended in the evidence"),
    optional(
        "stands_from",
        Time,
        "first instant from which the subject stood in the binding, with the same roleRef, without a break, over neighbouring versions; missing: before all evidence",
    ),
    optional("stands_to", Time, "first instant after that; missing: not ended in the evidence"),
    required("basis", Text, "`observed`, `derived`, `assumed` or `unknown`"),
    required("known", Text, "`yes`: it existed so; `maybe`: if it existed, then so; `no`: its content cannot be told"),
    optional("unknown_reason", Text, "what cannot be told, naming the event or gap"),
    required("subjects_known", Bool, "false in the one row of a version whose subjects cannot be told"),
    optional("role_api_group", Text, "`roleRef.apiGroup`; not read by the authorizer"),
    optional("role_kind", Text, "`roleRef.kind`"),
    optional("role_name", Text, "`roleRef.name`"),
    optional("subject_index", Int32, "position of the subject, from 0"),
    optional("subject_kind", Text, "`User`, `Group` or `ServiceAccount`"),
    optional("subject_api_group", Text, "API group as written in the subject; not read by the authorizer"),
    optional("subject_namespace", Text, "namespace as written in the subject"),
    optional("subject_name", Text, "name of the subject"),
];
