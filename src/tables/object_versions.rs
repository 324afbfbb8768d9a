//! `object_versions`: every state of every Kubernetes object that the evidence shows, with the stretch
//! of time in which it held.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "object_versions",
    doc: "One state of one Kubernetes object in `[valid_from, valid_to)`. Versions of one object do not overlap.",
    sorted_by: "`api_group`, `kind`, `namespace`, `name`, `valid_from`: first RBAC objects and namespaces, then the other \
                objects in shares of some megabytes of evidence (all rows of an object are in one)",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("api_group", Text, "API group, empty for core"),
    required("kind", Text, "kind"),
    required("namespace", Text, "namespace, empty for cluster-scoped objects"),
    required("name", Text, "name"),
    optional("uid", Text, "`metadata.uid`: another uid under one name is another object"),
    optional("resource_version", Text, "`metadata.resourceVersion`"),
    optional("valid_from", Time, "first instant; missing: before all evidence"),
    optional("valid_to", Time, "first instant after; missing: not ended in the evidence"),
    required("basis", Text, "`observed`, `derived`, `assumed` or `unknown`"),
    required(
        "presence",
        Text,
        "`present`: it existed with this body; `partial`: it existed, the body holds the known fields; `maybe`: if it existed, then with these fields; `unknown`: it may have existed",
    ),
    optional("unknown_reason", Text, "what cannot be told, naming the event or gap"),
    required("began_with", Text, "what began the version: `create`, `patch`, `snapshot`, ..."),
    optional("actor", Text, "who made the change that began it"),
    optional("audit_id", Text, "the audit ID of that change"),
    optional("ended_by", Text, "who ended it"),
    optional("ended_by_audit_id", Text, "the audit ID of the request that ended it"),
    optional("body", Text, "the object, JSON"),
    required("source_id", Text, "the source its state was read from"),
    required("offset", Int64, "byte offset of that record"),
    required("line", Int64, "line of that record, from 1"),
];
