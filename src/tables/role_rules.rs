//! `role_rules`: versions of Roles and ClusterRoles taken apart, one row for each rule.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "role_rules",
    doc: "One rule of one version of a Role or ClusterRole. A version without rules, or with unknown ones, has one row without `rule_index`.",
    sorted_by: "`kind`, `namespace`, `name`, `valid_from`, `rule_index`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("kind", Text, "`Role` or `ClusterRole`"),
    required("namespace", Text, "namespace of a Role, empty for a ClusterRole"),
    required("name", Text, "name"),
    optional("valid_from", Time, "first instant; missing: before all evidence"),
    optional("valid_to", Time, "first instant after; missing: not ended in the evidence"),
    optional(
        "stands_from",
        Time,
        "first instant from which the rule stood in the role without a break, over neighbouring versions; missing: before all evidence",
    ),
    optional("stands_to", Time, "first instant after that; missing: not ended in the evidence"),
    required("basis", Text, "`observed`, `derived`, `assumed` or `unknown`"),
    required(
        "known",
        Text,
        "`yes`: it existed with these rules; `maybe`: if it existed, then with these; `no`: the rules cannot be told",
    ),
    optional("unknown_reason", Text, "what cannot be told, naming the event or gap"),
    optional("rule_index", Int32, "position of the rule, from 0"),
    optional("verbs", TextList, "verbs"),
    optional("api_groups", TextList, "API groups, the empty text is core"),
    optional("resources", TextList, "resources"),
    optional("resource_names", TextList, "object names; empty means all"),
    optional("non_resource_urls", TextList, "URL paths"),
];
