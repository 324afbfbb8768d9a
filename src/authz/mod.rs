//! The RBAC authorizer: exact, three-valued, through time.
//!
//! Everything else asks it: single access reviews, who can do something, what somebody can do, and
//! the grants that are materialised for SQL. It reads only what [`crate::history::state`] says, never
//! guesses, and never turns missing evidence into a "no". Traded for that: it knows nothing of
//! authorizers beside RBAC (Node, webhooks); their grants are not derivable from RBAC objects.

pub mod aggregation;
mod chains;
mod completeness;
mod covers;
mod decision;
mod escalation;
mod grants;
mod index;
mod known;
mod lookup;
pub mod matching;
mod objects;
mod own_rules;
mod quote;
mod review;
mod rights;
mod role_ref;
mod sieve;
mod stab;
pub mod subjects;
mod timeline;
mod unknown;
mod when;
mod who_can;
mod who_rows;
mod writes;

pub use covers::{TooLarge, uncovered};
pub use decision::{Chain, Decision, Via};
pub use escalation::{EscalationCheck, Pass, WriteVerdict};
pub use grants::{Grant, Grants};
pub use objects::{GrantScope, ObjectRef, RoleName, RuleRef};
pub use own_rules::OwnRules;
pub use quote::{go_quote, push_quoted};
pub use rights::{Gives, Right, Rights, SubjectSelector};
pub use subjects::{SubjectKind, SubjectRef};
pub use timeline::Authorizer;
pub use unknown::{Missing, Unknown};
pub use when::When;
pub use who_rows::{Row, Scope, Source, WhoCan};
pub use writes::{RbacWrite, WriteVerb, Written};
