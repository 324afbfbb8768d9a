//! Grants, to be materialised: subject × rule × scope through one binding and one role, with the
//! stretch in which the chain held. An iterator, because there may be millions.

use std::vec::IntoIter;

use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::Interval;

use super::chains::{Cutter, Held, Moment, RoleCutter, Stretch, merge};
use super::index::Binding;
use super::objects::{GrantScope, ObjectRef, RuleRef};
use super::role_ref::RoleTarget;
use super::subjects::SubjectRef;
use super::timeline::Authorizer;

/// One rule that one subject had, in one scope, through one binding and one role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who.
    pub subject: SubjectRef,
    /// Where.
    pub scope: GrantScope,
    /// Through which binding.
    pub binding: ObjectRef,
    /// Through which role.
    pub role: ObjectRef,
    /// By which rule of the role.
    pub rule: RuleRef,
    /// How the weaker of binding and role is known.
    pub basis: Basis,
    /// When both were in this state.
    pub held: Interval,
}

impl Grant {
    /// The URLs that the grant opens: none inside a namespace, whatever the rule lists.
    pub fn non_resource_urls(&self) -> &[String] {
        match self.scope {
            GrantScope::Cluster => &self.rule.rule().non_resource_urls,
            GrantScope::Namespace(_) => &[],
        }
    }
}

impl Held for Grant {
    fn held(&mut self) -> &mut Interval {
        &mut self.held
    }

    fn same_but_for_time(&self, other: &Self) -> bool {
        let key = |g: &Self| (g.rule.index(), g.basis);
        key(self) == key(other)
            && self.rule == other.rule
            && (&self.subject, &self.binding, &self.role) == (&other.subject, &other.binding, &other.role)
    }
}

/// Whether a rule grants anything at all in a scope.
fn grants_something(rule: &PolicyRule, scope: &GrantScope) -> bool {
    let resources = !rule.api_groups.is_empty() && !rule.resources.is_empty();
    let urls = *scope == GrantScope::Cluster && !rule.non_resource_urls.is_empty();
    !rule.verbs.is_empty() && (resources || urls)
}

/// A rule is a piece under its own place in the role.
fn cut_rules(cutter: &mut Cutter<RuleRef>, held: Interval, basis: Basis, moment: Moment<'_>) {
    if let Moment::Rules(rules, None) = moment {
        for index in 0..rules.len() {
            cutter.push(index, held, basis, RuleRef::new(rules.clone(), index));
        }
    }
}

type CutRules = fn(&mut Cutter<RuleRef>, Interval, Basis, Moment<'_>);

/// All grants, binding by binding and subject by subject. Holds the grants of one subject of one
/// binding at a time.
pub struct Grants<'a> {
    authorizer: &'a Authorizer,
    cutter: RoleCutter<RuleRef, CutRules>,
    bindings: std::slice::Iter<'a, Binding>,
    binding: Option<&'a Binding>,
    stretches: std::iter::Peekable<IntoIter<Stretch>>,
    ready: IntoIter<Grant>,
}

impl Authorizer {
    /// All grants that are known, over all time, in the order of [`Authorizer::bindings`], then by subject, role,
    /// rule and time. What never grants anything (a subject that stands for nobody, a rule without verbs) is left
    /// out, and so is what is unknown, or only may have existed.
    pub fn grants(&self) -> Grants<'_> {
        Grants {
            authorizer: self,
            cutter: RoleCutter::new(cut_rules as CutRules),
            bindings: self.index.bindings.iter(),
            binding: None,
            stretches: Vec::new().into_iter().peekable(),
            ready: Vec::new().into_iter(),
        }
    }
}

impl Grants<'_> {
    /// Joins the stretches of the next subject; `false` when the binding has no more.
    fn next_subject(&mut self) -> bool {
        let (Some(binding), Some(first)) = (self.binding, self.stretches.next()) else { return false };
        let mut rows = Vec::new();
        self.join(binding, &first, &mut rows);
        while let Some(more) = self.stretches.next_if(|s| s.subject == first.subject) {
            self.join(binding, &more, &mut rows);
        }
        merge(&mut rows);
        rows.sort_by(|a, b| (&a.role, a.rule.index(), a.held).cmp(&(&b.role, b.rule.index(), b.held)));
        self.ready = rows.into_iter();
        true
    }

    fn join(&mut self, binding: &Binding, stretch: &Stretch, rows: &mut Vec<Grant>) {
        let RoleTarget::Role(place) = &stretch.role else { return };
        let Some(role) = self.authorizer.index.roles.get(*place) else { return };
        let Some(subject) = stretch.subject.as_ref().filter(|s| s.can_match() && stretch.doubt.is_none()) else {
            return;
        };
        let scope = GrantScope::of(&binding.object);
        self.cutter.pieces(self.authorizer, &stretch.role).overlapping(stretch.held, |held, piece| {
            if grants_something(&piece.payload, &scope) {
                rows.push(Grant {
                    subject: subject.clone(),
                    scope: scope.clone(),
                    binding: binding.object.clone(),
                    role: role.object.clone(),
                    rule: piece.payload.clone(),
                    basis: stretch.basis.weakest(piece.basis),
                    held: stretch.held.intersect(held),
                });
            }
        });
    }
}

impl Iterator for Grants<'_> {
    type Item = Grant;

    fn next(&mut self) -> Option<Grant> {
        loop {
            if let Some(grant) = self.ready.next() {
                return Some(grant);
            }
            if !self.next_subject() {
                let binding = self.bindings.next()?;
                self.binding = Some(binding);
                self.stretches = self.authorizer.stretches(binding).into_iter().peekable();
            }
        }
    }
}
