//! The tables of a case: one file each, with its columns described once. `docs/tables.md` is made
//! from these descriptions and checked against them by a test.

pub mod api_resources;
pub mod binding_subjects;
pub mod build;
pub mod copies;
pub mod coverage;
pub mod event_builder;
pub mod events;
pub mod findings;
pub mod grants;
pub mod identities;
pub mod known_sets;
pub mod memberships;
pub mod object_versions;
pub mod rejects;
pub mod role_rules;
pub mod schema;
pub mod sightings;
pub mod sources;
pub mod text_builder;
mod user_extra;

use schema::Table;

/// Every table, in the order of the data.
pub const ALL: &[&Table] = &[
    &sources::TABLE,
    &events::TABLE,
    &rejects::TABLE,
    &sightings::SIGHTINGS,
    &sightings::LISTINGS,
    &object_versions::TABLE,
    &known_sets::TABLE,
    &role_rules::TABLE,
    &binding_subjects::TABLE,
    &grants::TABLE,
    &identities::TABLE,
    &memberships::TABLE,
    &api_resources::TABLE,
    &coverage::TABLE,
    &findings::TABLE,
];

/// The table of this name.
pub fn by_name(name: &str) -> Option<&'static Table> {
    ALL.iter().copied().find(|t| t.name == name)
}

/// The whole reference, as `docs/tables.md` holds it.
pub fn reference() -> String {
    let mut text = String::from(
        "# The tables of a case\n\n\
         A case is a folder of Parquet files that polars, DuckDB, Spark and Trino read as they are:\n\
         `events/cluster=<c>/date=<YYYY-MM-DD>/part-*.parquet`, every other table `<table>/cluster=<c>/part-*.parquet`.\n\
         `case.json` holds the schema version, the tool version and the import log. Times are UTC, microseconds.\n\
         Every table also has the column `cluster`, and `events` the column `date` (of `stage_timestamp`), from the folder names.\n\
         Text is as the evidence has it: escape it before showing it to a terminal, a browser or a spreadsheet.\n\n\
         This page is made from the schemas (`kubesleuth tables --reference`); a test holds the two together.\n\n",
    );
    for (i, table) in ALL.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text.push_str(&table.markdown());
    }
    text
}
