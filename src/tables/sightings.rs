//! `object_sightings` and `listings`: what snapshots said, as they said it. History is rebuilt from
//! these and from `events` at every import, so they are kept apart from what was concluded.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// Objects seen whole.
pub const SIGHTINGS: Table = Table {
    name: "object_sightings",
    doc: "One object as one snapshot or exported file shows it.",
    sorted_by: "`source_id`, `offset`",
    columns: SIGHTING_COLUMNS,
    by_date: false,
};

const SIGHTING_COLUMNS: &[Column] = &[
    required("api_group", Text, "API group, empty for core"),
    required("kind", Text, "kind"),
    required("namespace", Text, "namespace, empty for cluster-scoped objects"),
    required("name", Text, "name"),
    optional("uid", Text, "`metadata.uid`"),
    optional("resource_version", Text, "`metadata.resourceVersion`"),
    required("observed_from", Time, "reading began"),
    required("observed_to", Time, "reading had ended"),
    required("body", Text, "the object, JSON (converted, where the file was YAML)"),
    required("source_id", Text, "the source"),
    required("offset", Int64, "byte offset of the object in the decompressed source"),
    required("line", Int64, "line on which it starts, from 1"),
    required("length", Int64, "length in bytes"),
];

/// Lists, from which absence can be told.
pub const LISTINGS: Table = Table {
    name: "listings",
    doc: "One list of objects of one kind in one snapshot: what was asked for, so that absence can be told.",
    sorted_by: "`source_id`, `api_group`, `kind`",
    columns: LISTING_COLUMNS,
    by_date: false,
};

const LISTING_COLUMNS: &[Column] = &[
    required("api_group", Text, "API group, empty for core"),
    required("kind", Text, "kind"),
    optional("namespace", Text, "the one namespace listed; missing: all of them, or a cluster-scoped kind"),
    required("observed_from", Time, "reading began"),
    required("observed_to", Time, "reading had ended"),
    required("whole", Bool, "false where a `continue` token or `remainingItemCount` says that more pages exist"),
    required(
        "supposed",
        Bool,
        "true where the export does not say what was asked for and nothing contradicts a whole list",
    ),
    required("items", Int64, "objects of the kind in the list"),
    required("source_id", Text, "the source"),
];
