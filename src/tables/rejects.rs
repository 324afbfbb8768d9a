//! `rejects`: what could not be read, with the place and the reason, so that nothing is silently lost.

use super::schema::{Column, ColumnType::*, Table, required};

/// The table.
pub const TABLE: Table = Table {
    name: "rejects",
    doc: "One stretch of bytes that should be a record and could not be read.",
    sorted_by: "`source_id`, `offset`",
    columns: COLUMNS,
    by_date: false,
};

const COLUMNS: &[Column] = &[
    required("source_id", Text, "the source"),
    required("offset", Int64, "byte offset of the first byte, in the decompressed source"),
    required("line", Int64, "line, from 1"),
    required("length", Int64, "length in bytes"),
    required("reason", Text, "what was expected and what was found"),
    required("sha256", Text, "SHA-256 of the bytes"),
    required("first_bytes", Text, "the first 200 bytes, invalid UTF-8 as U+FFFD"),
];
