//! `api_resources`: the resources the cluster served, from discovery data in the evidence, so that
//! names are resolved as that cluster would have.

use super::schema::{Column, ColumnType::*, Table, required};

/// The table.
pub const TABLE: Table = Table {
    name: "api_resources",
    doc: "One resource that the cluster served, from discovery data in the evidence.",
    sorted_by: "`api_group`, `resource`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("api_group", Text, "API group, empty for core"),
    required("api_version", Text, "version without the group"),
    required("resource", Text, "plural name"),
    required("singular", Text, "singular name"),
    required("short_names", TextList, "short names"),
    required("kind", Text, "kind"),
    required("namespaced", Bool, "whether its objects live in a namespace"),
    required("verbs", TextList, "verbs it serves"),
    required("position", Int32, "order in the discovery data, which decides between groups"),
    required("lists_all_groups", Bool, "whether the discovery data it comes from lists the resources of all groups"),
];
