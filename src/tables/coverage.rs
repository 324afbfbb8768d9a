//! `coverage`: what the evidence can and cannot show. Every "none" rests on this.

use super::schema::{Column, ColumnType::*, Table, optional, required};

/// The table.
pub const TABLE: Table = Table {
    name: "coverage",
    doc: "One stretch of time or one resource, and what the evidence shows of it: when the log runs and where it has \
          gaps, at which level each resource was logged, what was removed, cut, refused or never collected. Stretches \
          are half-open: `time_from` belongs to them, `time_to` does not.",
    sorted_by: "`about` (log, log gap, rotation gap, server silent, audit level, ...), `what`, `time_from`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required(
        "about",
        Text,
        "`log`, `log gap`, `rotation gap`, `rotation start`, `server silent`, `audit level`, `log filter`, \
         `bodies removed`, `never collected`, `refused`, `not collected` or `source`",
    ),
    required("severity", Text, "`info`, `low`, `medium` or `high`: how far it limits answers"),
    required("what", Text, "the resource (`<plural>[/<subresource>][.<group>]`), kind, server, set of files or file"),
    optional("namespace", Text, "the namespace it is limited to"),
    optional("level", Text, "audit level: the level"),
    required("verbs", TextList, "audit level: verbs seen at this level; refused: the verb"),
    required("only_at_metadata", TextList, "audit level `Metadata`: verbs of the resource seen at no higher level"),
    optional("time_from", Time, "the stretch begins; missing: open"),
    optional("time_to", Time, "the stretch has ended; missing: open"),
    optional("events", Int64, "events of the stretch; of `server silent`: those of the other servers"),
    optional("refused", Int64, "audit level: events refused with 403"),
    optional("truncated", Int64, "events whose bodies were removed for size"),
    required("sources", TextList, "ids of the sources it concerns; none: all"),
    required("details", Text, "what it means, in words; may be empty"),
];
