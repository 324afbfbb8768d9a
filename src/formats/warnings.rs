//! The signs of incompleteness a source can have, as the codes `sources.warnings` holds.

/// More pages exist than were exported.
pub const NEXT_TOKEN_LEFT: &str = "next-token-left";
/// A query's limit cut the result.
pub const RESULT_LIMIT: &str = "result-limit";
/// A query's result was taken before the query had ended.
pub const QUERY_NOT_COMPLETE: &str = "query-not-complete";
/// The last line lacks its end and cannot be read: a live copy, or a full disk.
pub const PARTIAL_LAST_LINE: &str = "partial-last-line";
/// A record inside the source cannot be read.
pub const REJECTED_LINE: &str = "rejected-line";
/// The API server removed bodies for size (annotation `audit.k8s.io/truncated`).
pub const TRUNCATED_EVENT: &str = "truncated-event";
/// Azure put `skipped-too-big-size-object` in place of a body.
pub const BODY_SKIPPED_TOO_BIG: &str = "body-skipped-too-big";
/// An envelope is whole and the event inside is cut.
pub const INNER_JSON_TRUNCATED: &str = "inner-json-truncated";
/// Only a category was exported that leaves out reads by design.
pub const CATEGORY_WITHOUT_READS: &str = "category-without-reads";
/// A listing names a file that is not there.
pub const LISTED_FILE_MISSING: &str = "listed-file-missing";
/// The journal left out a message that was too large (no `--all`).
pub const JOURNAL_NULL_MESSAGE: &str = "journal-null-message";
/// The start or the end of a record that its log split is missing.
pub const FRAGMENT: &str = "record-fragment";
/// A response line without its request line.
pub const RESPONSE_WITHOUT_REQUEST: &str = "response-without-request";
/// An envelope gives one key twice; parsers disagree about which counts, here the first.
pub const DUPLICATE_KEYS: &str = "duplicate-keys";
/// Times in the export name no zone, so they were left out.
pub const TIME_WITHOUT_ZONE: &str = "time-without-zone";
/// The export's permission check is all that was written: nothing was exported.
pub const EXPORT_EMPTY: &str = "export-empty";
/// Cluster events (`v1` Event) are no audit events and were skipped.
pub const CLUSTER_EVENTS: &str = "cluster-events-skipped";
/// An archive member was refused: a link, a device, or a path that leads outside.
pub const MEMBER_REFUSED: &str = "archive-member-refused";
/// Unpacking reached a limit.
pub const UNPACK_LIMIT: &str = "unpack-limit";
/// An archive is cut or damaged.
pub const ARCHIVE_DAMAGED: &str = "archive-damaged";
/// Archives or layers of compression lie deeper in each other than is read.
pub const NESTED_TOO_DEEP: &str = "nested-too-deep";
/// A `List` without items does not say what was listed.
pub const EMPTY_LIST: &str = "empty-list-of-no-kind";
