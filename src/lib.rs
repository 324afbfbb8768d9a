//! kubesleuth: offline forensics for Kubernetes. **Who did what, and who could do what**, at any moment
//! that exported evidence covers, with no access to the cluster.
//!
//! Evidence files are collected into a sealed [`bundle`], imported into a [`case`] of Parquet tables, and
//! the case is asked. Between snapshots, [`history`] rebuilds the state of every object from the audit
//! log; [`authz`] answers as the cluster's own authorizer would have, or says that the evidence cannot
//! tell. `docs/architecture.md` tells the reasons.
//!
//! A decision comes with its basis and its reason:
//!
//! ```
//! use kubesleuth::authz::Authorizer;
//! use kubesleuth::history::state::{BindingState, BindingVersion, RbacTimeline, RoleState, RoleVersion};
//! use kubesleuth::model::basis::Basis;
//! use kubesleuth::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
//! use kubesleuth::model::review::{AccessReview, Action, ResourceTarget, Target};
//! use kubesleuth::model::time::{Interval, Timestamp};
//!
//! let until: Timestamp = "2026-11-24T00:41:57Z".parse()?;
//! let role = RoleVersion {
//!     kind: RbacKind::ClusterRole,
//!     namespace: "".into(),
//!     name: "reader".into(),
//!     held: Interval::ALWAYS,
//!     basis: Basis::Observed,
//!     state: RoleState::Rules([PolicyRule {
//!         verbs: vec!["get".into()],
//!         api_groups: vec!["".into()],
//!         resources: vec!["secrets".into()],
//!         ..Default::default()
//!     }].into()),
//! };
//! let binding = BindingVersion {
//!     kind: RbacKind::ClusterRoleBinding,
//!     namespace: "".into(),
//!     name: "backdoor".into(),
//!     held: Interval::new(Timestamp::MIN, until),
//!     basis: Basis::Derived,
//!     state: BindingState::Known {
//!         role_ref: RoleRef { kind: "ClusterRole".into(), name: "reader".into(), ..Default::default() },
//!         subjects: [Subject { kind: "User".into(), name: "eve".into(), ..Default::default() }].into(),
//!     },
//! };
//! let authorizer = Authorizer::new(RbacTimeline { roles: vec![role], bindings: vec![binding], known_sets: vec![] });
//!
//! let target = ResourceTarget { resource: "secrets".into(), namespace: "payments".into(), ..Default::default() };
//! let action = Action { verb: "get".into(), target: Target::Resource(target) };
//! let review = AccessReview { user: "eve".into(), groups: vec![], action };
//!
//! let before = authorizer.review(&review, "2026-11-24T00:41:44Z".parse()?);
//! assert_eq!((before.allowed, before.basis), (Some(true), Basis::Derived));
//! assert!(before.reason.contains("ClusterRoleBinding \"backdoor\""));
//! // Afterwards nothing is known of other bindings: that is not a "no".
//! assert_eq!(authorizer.review(&review, until).allowed, None);
//! # Ok::<(), kubesleuth::model::time::ParseTimestampError>(())
//! ```
#![forbid(unsafe_code)]

// In the order of the data; each uses only those above it (`collect` and `formats` both follow `model`).
pub mod model;

pub mod bundle;
pub mod collect;

pub mod formats;
pub mod tables;

pub mod case;
pub mod history;

pub mod authz;
pub mod import;

pub mod answer;
pub mod render;

pub mod cli;
