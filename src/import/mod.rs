//! From evidence files to a case.
//!
//! Files are found ([`discover`]), read once while they are hashed ([`read_source`]), their records
//! parsed in parallel ([`parse`]), copies dropped ([`dedup`]), rows sorted and written ([`chunks`]), and
//! at the end the state of objects through time is rebuilt from all evidence of the cluster
//! ([`materialise`]). Nothing touches the case before all of that has succeeded.

pub mod agree;
pub mod aws_auth;
pub mod changes;
pub mod chunks;
pub mod completeness;
pub mod copies;
pub mod coverage;
pub mod dedup;
pub mod discover;
pub mod error;
pub mod event_rows;
pub mod evidence;
pub mod history_rows;
pub mod identities;
mod in_order;
pub mod inside;
pub mod logged_identity;
pub mod materialise;
pub mod merge;
pub mod notes;
pub mod parse;
pub mod pipeline;
pub mod put_aside;
pub mod read_ahead;
pub mod read_source;
pub mod rebuild;
pub mod resolve_copies;
pub mod room;
mod run;
pub mod same_bytes;
mod settle;
pub mod source_rows;
pub mod spill;
pub mod staged;
pub mod summary;
pub mod ticks;

pub use error::ImportError;
pub use merge::{MergeError, MergeOptions, MergeSummary, merge};
pub use pipeline::{ImportOptions, import};
pub use room::Room;
pub use summary::Summary;
