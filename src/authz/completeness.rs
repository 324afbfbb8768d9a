//! How complete a list is: what the evidence cannot tell within the question's reach, and the
//! weakest thing the list rests on.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::Interval;

use super::index::{Binding, Doubt, Given};
use super::objects::ObjectRef;
use super::timeline::Authorizer;
use super::unknown::{Missing, Unknown};

/// Gathers what an answer rests on within a window of time.
pub(super) struct Completeness {
    window: Interval,
    unknown: Vec<Unknown>,
    basis: Basis,
}

impl Completeness {
    pub(super) fn new(window: Interval) -> Self {
        let empty = Unknown { what: Missing::EmptyWindow, held: window };
        let unknown = if window.is_empty() { vec![empty] } else { Vec::new() };
        Self { window, unknown, basis: Basis::Observed }
    }

    /// The answer needs every binding of a kind: in one namespace, or everywhere.
    pub(super) fn needs_set(&mut self, authorizer: &Authorizer, kind: RbacKind, namespace: Option<&str>) {
        for (held, basis) in authorizer.sets.over(kind, namespace, self.window) {
            match basis {
                Some(basis) => self.rests_on(held, basis),
                None => {
                    let what = Missing::UnseenBindings { kind, namespace: namespace.map(Arc::from) };
                    self.unknown.push(Unknown { what, held });
                }
            }
        }
    }

    /// The answer needs the versions of a binding in the window.
    pub(super) fn needs_binding(&mut self, authorizer: &Authorizer, binding: &Binding) {
        for version in authorizer.index.versions_of(binding) {
            match &version.state {
                Given::Role { .. } => self.rests_on(version.held, version.basis),
                Given::Unknown(why) if version.held.overlaps(self.window) => {
                    let what = Missing::Binding { binding: binding.object.clone(), why: Arc::clone(why) };
                    self.unknown.push(Unknown { what, held: version.held });
                }
                Given::Unknown(_) => {}
            }
        }
    }

    /// The answer rests on something known, if it lies in the window.
    pub(super) fn rests_on(&mut self, held: Interval, basis: Basis) {
        if held.overlaps(self.window) {
            self.basis = self.basis.weakest(basis);
        }
    }

    /// A role that is given to somebody within `given` has rules that cannot be told.
    pub(super) fn unknown_rules(&mut self, role: &ObjectRef, given: Interval, held: Interval, why: &Arc<str>) {
        if given.intersect(held).overlaps(self.window) {
            let what = Missing::Rules { role: role.clone(), given_by: None, why: Arc::clone(why) };
            self.unknown.push(Unknown { what, held });
        }
    }

    /// A role that is given to somebody within `given` may have existed unseen.
    pub(super) fn unseen_role(&mut self, role: &ObjectRef, given: Interval, held: Interval) {
        if given.intersect(held).overlaps(self.window) {
            let what = Missing::UnseenRole { role: role.clone(), given_by: None };
            self.unknown.push(Unknown { what, held: held.intersect(self.window) });
        }
    }

    /// A chain that matters, of which the binding, the role or both only may have existed.
    pub(super) fn doubtful(&mut self, binding: (&ObjectRef, Interval, &Doubt), role: (&ObjectRef, Interval, &Doubt)) {
        if !binding.1.intersect(role.1).overlaps(self.window) {
            return;
        }
        if let (binding, held, Some(why)) = binding {
            let what = Missing::MaybeBinding { binding: binding.clone(), why: Arc::clone(why) };
            self.unknown.push(Unknown { what, held });
        }
        if let (role, held, Some(why)) = role {
            let what = Missing::MaybeRole { role: role.clone(), given_by: None, why: Arc::clone(why) };
            self.unknown.push(Unknown { what, held });
        }
    }

    /// What is unknown, sorted, and the basis: unknown as soon as anything is.
    pub(super) fn finish(mut self) -> (Vec<Unknown>, Basis) {
        self.unknown.sort_unstable();
        self.unknown.dedup();
        let basis = if self.unknown.is_empty() { self.basis } else { Basis::Unknown };
        (self.unknown, basis)
    }
}
