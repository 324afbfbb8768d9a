//! Object versions through time, rebuilt from snapshots and the audit log.
//!
//! The rule above all others is "exact or unknown": a state is only claimed where nothing can have happened unseen,
//! or marked as assumed where the log does not cover the stretch, and an object whose state cannot be told stays in
//! the way of every "no". What is traded away for that is brevity: one object may have several versions that differ
//! in nothing but how they are known.
//!
//! The way of the data: `request` folds records into requests, `gather` sorts them by name, `order` and `place` put
//! each name's evidence in order, `listings` adds absences, `sweep` and `fold` walk forwards and apply changes, `gap`
//! decides what held between two neighbouring pieces of evidence, `build` writes versions, `sets` tells where absence
//! means absence. `scene` runs it bucket by bucket, for a part of the evidence at a time (`rebuild`): nothing that holds for all
//! objects depends on more than RBAC objects and namespaces. `rbac` and `rows` decode the result for the authorizer and the tables.

mod acquit;
mod act;
mod aggregate;
mod births;
mod body;
mod bucket;
mod build;
mod cover;
pub mod evidence;
mod fold;
mod gap;
mod gap_again;
mod gap_arrive;
mod gather;
mod kinds;
mod know;
mod line;
mod listings;
mod order;
mod parts;
pub mod patch;
mod patching;
mod place;
pub mod rbac;
mod rebuild;
mod request;
pub mod rows;
mod scene;
mod select;
mod sets;
mod spaces;
pub mod state;
mod step;
mod sweep;
mod turns;
pub mod version;

pub use body::name_in as body_name;
pub use kinds::{KindOfResource, Noted};
pub use rebuild::{Beyond, Core, Stage, Wanted, is_core_object, is_core_resource, rebuild, rebuild_with};
