//! Grants, to be materialised: subject × rule × scope through one binding and one role, with the
//! stretch in which the chain held. An iterator, because there may be millions.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::vec::IntoIter;

use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::Interval;

use super::chains::{Cutter, Moment, RoleCutter, Stretch};
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

impl Grant {
    fn same_but_for_time(&self, other: &Self) -> bool {
        // The place of a rule in its role does not matter: a rule that moves goes on.
        self.basis == other.basis
            && self.rule.rule() == other.rule.rule()
            && (&self.subject, &self.binding, &self.role) == (&other.subject, &other.binding, &other.role)
    }
}

/// Whether a rule grants anything at all in a scope.
fn grants_something(rule: &PolicyRule, scope: &GrantScope) -> bool {
    let resources = !rule.api_groups.is_empty() && !rule.resources.is_empty();
    let urls = *scope == GrantScope::Cluster && !rule.non_resource_urls.is_empty();
    !rule.verbs.is_empty() && (resources || urls)
}

/// A rule wherever it stands in its role. Aggregated roles shift most of their rules at every change;
/// told apart by place, each shift would be a new grant of every rule to every subject.
#[derive(Clone, Debug)]
struct SameRule(RuleRef);

impl PartialEq for SameRule {
    fn eq(&self, other: &Self) -> bool {
        self.0.rule() == other.0.rule()
    }
}

/// A rule is a piece under its own content; one that a role lists twice counts once.
fn cut_rules(cutter: &mut Cutter<SameRule>, held: Interval, basis: Basis, moment: Moment<'_>) {
    let Moment::Rules(rules, None) = moment else { return };
    let mut seen = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        if seen.insert(rule) {
            let mut hasher = DefaultHasher::new();
            rule.hash(&mut hasher);
            // Rules whose hashes collide only fail to be made one.
            let key = usize::try_from(hasher.finish() & u64::from(u32::MAX)).unwrap_or_default();
            cutter.push(key, held, basis, SameRule(RuleRef::new(rules.clone(), index)));
        }
    }
}

type CutRules = fn(&mut Cutter<SameRule>, Interval, Basis, Moment<'_>);

/// All grants, binding by binding and subject by subject. Holds the grants of one subject of one
/// binding at a time.
pub struct Grants<'a> {
    authorizer: &'a Authorizer,
    cutter: RoleCutter<SameRule, CutRules>,
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
        merge_wherever(&mut rows);
        rows.sort_by(|a, b| {
            (&a.role, a.rule.index(), a.held, a.rule.rule()).cmp(&(&b.role, b.rule.index(), b.held, b.rule.rule()))
        });
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
            if grants_something(piece.payload.0.rule(), &scope) {
                rows.push(Grant {
                    subject: subject.clone(),
                    scope: scope.clone(),
                    binding: binding.object.clone(),
                    role: role.object.clone(),
                    rule: piece.payload.0.clone(),
                    basis: stretch.basis.weakest(piece.basis),
                    held: stretch.held.intersect(held),
                });
            }
        });
    }
}

/// Makes one of neighbours in time that say the same.
fn merge_wherever(rows: &mut Vec<Grant>) {
    rows.sort_by(|a, b| (&a.role, a.rule.rule(), a.basis, a.held).cmp(&(&b.role, b.rule.rule(), b.basis, b.held)));
    rows.dedup_by(|next, last| {
        let one = next.held.from <= last.held.to && last.same_but_for_time(next);
        if one {
            last.held.to = last.held.to.max(next.held.to);
        }
        one
    });
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
