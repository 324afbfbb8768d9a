//! What an answer could not be told for. A "no" is only given where this is empty.

use std::fmt;
use std::sync::Arc;

use crate::model::rbac::RbacKind;
use crate::model::time::Interval;

use super::objects::ObjectRef;
use super::when::Spoken;

/// One thing the evidence cannot tell, that could change the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unknown {
    /// What is not known.
    pub what: Missing,
    /// In which stretch.
    pub held: Interval,
}

/// The kinds of not knowing, the most telling first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    /// A role that a binding gives may have existed, with rules that cannot be told.
    Rules {
        /// The role.
        role: ObjectRef,
        /// The binding that makes it matter, where one is singled out.
        given_by: Option<ObjectRef>,
        /// Why, naming the event or gap.
        why: Arc<str>,
    },
    /// A role that a binding gives, with rules that matter, may or may not have existed.
    MaybeRole {
        /// The role.
        role: ObjectRef,
        /// The binding that makes it matter, where one is singled out.
        given_by: Option<ObjectRef>,
        /// Why, naming the event or gap.
        why: Arc<str>,
    },
    /// A role that a binding gives was never seen, and may have existed unseen.
    UnseenRole {
        /// The role.
        role: ObjectRef,
        /// The binding that makes it matter, where one is singled out.
        given_by: Option<ObjectRef>,
    },
    /// A binding may have existed; what it gave cannot be told.
    Binding {
        /// The binding.
        binding: ObjectRef,
        /// Why, naming the event or gap.
        why: Arc<str>,
    },
    /// A binding whose role matters may or may not have existed, or may have named anybody.
    MaybeBinding {
        /// The binding.
        binding: ObjectRef,
        /// Why, naming the event or gap.
        why: Arc<str>,
    },
    /// There may have been bindings that were never seen.
    UnseenBindings {
        /// Their kind.
        kind: RbacKind,
        /// Their namespace; `None` means the whole cluster.
        namespace: Option<Arc<str>>,
    },
    /// The question holds no instant at all.
    EmptyWindow,
}

impl fmt::Display for Unknown {
    /// One plain sentence, without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = Spoken(self.held);
        match &self.what {
            Missing::Rules { role, given_by, why } => {
                write!(f, "the rules of {role}{} are unknown {when}: {why}", GivenBy(given_by.as_ref()))
            }
            Missing::MaybeRole { role, given_by, why } => {
                write!(f, "{role}{} may not have existed {when}: {why}", GivenBy(given_by.as_ref()))
            }
            Missing::UnseenRole { role, given_by } => {
                let listed = Listed { kind: role.kind, namespace: role.kind.namespaced().then_some(&*role.namespace) };
                write!(
                    f,
                    "{role}{} was not seen, and no complete list of {listed} holds {when}",
                    GivenBy(given_by.as_ref())
                )
            }
            Missing::MaybeBinding { binding, why } => {
                write!(f, "{binding} may not have existed {when}, or not so: {why}")
            }
            Missing::Binding { binding, why } => write!(f, "{binding} is unknown {when}: {why}"),
            Missing::UnseenBindings { kind, namespace } => {
                let listed = Listed { kind: *kind, namespace: namespace.as_deref() };
                write!(f, "there may be bindings that were not seen: no complete list of {listed} holds {when}")
            }
            Missing::EmptyWindow => {
                f.write_str("the stretch of time asked about holds no instant: its end must lie after its start")
            }
        }
    }
}

struct GivenBy<'a>(Option<&'a ObjectRef>);

impl fmt::Display for GivenBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |binding| write!(f, ", given by {binding},"))
    }
}

struct Listed<'a> {
    kind: RbacKind,
    namespace: Option<&'a str>,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.kind)?;
        match self.namespace {
            Some(namespace) => write!(f, " in namespace `{namespace}`"),
            None if self.kind.namespaced() => f.write_str(" in all namespaces"),
            None => Ok(()),
        }
    }
}

/// How many unknown things a reason spells out before it only counts them.
pub(super) const SPELLED_OUT: usize = 3;

/// One reason out of what is unknown, sorted, without repetition, and so many things besides.
pub(super) fn reason(mut unknown: Vec<Unknown>, besides: usize) -> String {
    unknown.sort_unstable();
    unknown.dedup();
    let mut text = String::new();
    for (place, one) in unknown.iter().take(SPELLED_OUT).enumerate() {
        text.push_str(if place == 0 { "" } else { "; " });
        text.push_str(&one.to_string());
    }
    let more = unknown.len().saturating_sub(SPELLED_OUT).saturating_add(besides);
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
