//! What somebody can do: the bindings that name a subject, times the rules of their roles. Also lists
//! what grants nothing (dangling bindings, empty roles, subjects that stand for nobody), marked as
//! such, because reviewers look for exactly those.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::Interval;

use super::chains::{Cutter, Held, Moment, Piece, Reaching, RoleCutter, Stretch, fill_reach, touching};
use super::completeness::Completeness;
use super::index::Binding;
use super::objects::{GrantScope, ObjectRef, RoleName, RuleRef};
use super::role_ref::RoleTarget;
use super::subjects::SubjectRef;
use super::timeline::Authorizer;
use super::unknown::Unknown;
use super::when::When;

/// Which subjects of bindings a question is about.
#[derive(Clone, Copy)]
pub enum SubjectSelector<'a> {
    /// This one.
    Exact(&'a SubjectRef),
    /// Those that stand for this user in these groups; nothing is added to the groups.
    Identity {
        /// The user name.
        user: &'a str,
        /// The groups.
        groups: &'a [String],
    },
    /// Those for which this holds.
    Matching(&'a dyn Fn(&SubjectRef) -> bool),
}

impl SubjectSelector<'_> {
    fn selects(&self, subject: &SubjectRef) -> bool {
        match self {
            Self::Exact(wanted) => *wanted == subject,
            Self::Identity { user, groups } => subject.applies_to(user, groups),
            Self::Matching(holds) => holds(subject),
        }
    }
}

/// One thing that one binding gives one subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The binding's subject, which may be a group that the asked-for user is in.
    pub subject: SubjectRef,
    /// How far the binding reaches.
    pub scope: GrantScope,
    /// The binding.
    pub binding: ObjectRef,
    /// The role it names.
    pub role: RoleName,
    /// What comes of it.
    pub gives: Gives,
    /// How the weaker of binding and role is known.
    pub basis: Basis,
    /// When it held and was known so well, also beyond the time asked about.
    pub held: Interval,
    /// When it held without a break, however well that is known.
    pub reach: Interval,
}

/// What comes of a binding. Only a rule grants anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gives {
    /// A rule of the role. Its URLs count only where the scope is the whole cluster.
    Rule(RuleRef),
    /// A rule that was given if binding and role existed, one of which may not have; the reason names the event or gap.
    MaybeRule(RuleRef, Arc<str>),
    /// The role has no rules.
    NoRules,
    /// There is no such role: the binding comes to life when somebody creates it.
    Dangling,
    /// The role's rules cannot be told; the reason names the event or gap.
    UnknownRules(Arc<str>),
    /// The role was never seen, and may have existed unseen.
    UnseenRole,
    /// The subject stands for nobody: an account without namespace in a ClusterRoleBinding, or an unknown kind.
    Nobody,
}

impl Reaching for Right {
    fn reach(&mut self) -> &mut Interval {
        &mut self.reach
    }

    fn same_but_for_basis(&self, other: &Self) -> bool {
        (&self.gives, &self.subject) == (&other.gives, &other.subject)
            && (&self.binding, &self.role) == (&other.binding, &other.role)
    }
}

impl Held for Right {
    fn held(&mut self) -> &mut Interval {
        &mut self.held
    }

    fn held_ref(&self) -> &Interval {
        &self.held
    }

    fn same_but_for_time(&self, other: &Self) -> bool {
        self.basis == other.basis
            && (&self.gives, &self.subject) == (&other.gives, &other.subject)
            && (&self.binding, &self.role) == (&other.binding, &other.role)
    }
}

/// The answer to "what can they do".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// By subject, scope, binding, role, rule and time.
    pub rows: Vec<Right>,
    /// What could add to the rows, but the evidence cannot tell: any unknown binding may name the subject.
    pub unknown: Vec<Unknown>,
    /// The weakest thing that the list as a whole rests on; [`Basis::Unknown`] exactly when `unknown` is not empty.
    pub basis: Basis,
}

impl Authorizer {
    /// What the selected subjects were given, as of an instant or during a stretch.
    pub fn rights(&self, selector: SubjectSelector<'_>, when: When) -> Rights {
        let mut rows = Vec::new();
        let (unknown, basis) = self.rights_by_binding(selector, when, |own| rows.extend(own));
        rows.sort_by(|a: &Right, b: &Right| {
            let place = |r: &Right| (rule_index(&r.gives), r.held, r.basis);
            (&a.subject, &a.scope, &a.binding, &a.role)
                .cmp(&(&b.subject, &b.scope, &b.binding, &b.role))
                .then_with(|| place(a).cmp(&place(b)))
        });
        Rights { rows, unknown, basis }
    }

    /// The same piece by piece, for answers that need not hold all rows at once: `f` gets what one binding gave one
    /// subject by one role, in the order of [`Authorizer::bindings`]. Returns what [`Rights`] says beside its rows.
    pub fn rights_by_binding(
        &self,
        selector: SubjectSelector<'_>,
        when: When,
        mut f: impl FnMut(Vec<Right>),
    ) -> (Vec<Unknown>, Basis) {
        let window = when.window();
        let mut cutter = RoleCutter::new(cut);
        let mut sure = Completeness::new(window);
        sure.needs_set(self, RbacKind::ClusterRoleBinding, None);
        sure.needs_set(self, RbacKind::RoleBinding, None);
        for binding in &self.index.bindings {
            sure.needs_binding(self, binding);
            for chunk in touching(&self.stretches(binding), window) {
                let mut own = Vec::new();
                for stretch in chunk {
                    match &stretch.subject {
                        Some(subject) if !selector.selects(subject) => {}
                        subject => self.rights_of(binding, stretch, subject.as_ref(), &mut cutter, &mut sure, &mut own),
                    }
                }
                merge_in_time(&mut own);
                fill_reach(&mut own);
                own.retain(|row| row.held.overlaps(window));
                if !own.is_empty() {
                    f(own);
                }
            }
        }
        sure.finish()
    }

    fn rights_of<F>(
        &self,
        binding: &Binding,
        stretch: &Stretch,
        subject: Option<&SubjectRef>,
        cutter: &mut RoleCutter<Gives, F>,
        sure: &mut Completeness,
        rows: &mut Vec<Right>,
    ) where
        F: Fn(&mut Cutter<Gives>, Interval, Basis, Moment<'_>),
    {
        let Some((role, object)) = self.role_name(&stretch.role) else { return };
        let scope = GrantScope::of(&binding.object);
        let mut push = |gives: Gives, basis: Basis, held: Interval| {
            let Some(subject) = subject.cloned() else { return };
            let (scope, binding) = (scope.clone(), binding.object.clone());
            rows.push(Right { subject, scope, binding, role: role.clone(), gives, basis, held, reach: held });
        };
        if subject.is_some_and(|subject| !subject.can_match()) {
            return push(Gives::Nobody, stretch.basis, stretch.held);
        }
        cutter.pieces(self, &stretch.role).overlapping(stretch.held, |held, piece| {
            note(sure, binding, stretch, object, held, piece);
            if let Some((gives, basis)) = given(stretch, piece) {
                push(gives, basis, stretch.held.intersect(held));
            }
        });
    }

    /// The role as the binding names it, and as an object if it can be one.
    fn role_name(&self, target: &RoleTarget) -> Option<(RoleName, Option<&ObjectRef>)> {
        match target {
            RoleTarget::Role(place) => {
                let object = &self.index.roles.get(*place)?.object;
                let kind = Arc::from(object.kind.as_str());
                let name = RoleName { kind, namespace: object.namespace.clone(), name: object.name.clone() };
                Some((name, Some(object)))
            }
            RoleTarget::Never(never) => {
                let (kind, name) = (Arc::from(never.kind.as_str()), Arc::from(never.name.as_str()));
                Some((RoleName { kind, namespace: Arc::from(""), name }, None))
            }
        }
    }
}

/// Makes one of neighbours in time that are equal otherwise. All rows are of one subject, binding and role, so those
/// of one rule place follow each other in time: that order is found without comparing rules.
fn merge_in_time(rows: &mut Vec<Right>) {
    rows.sort_unstable_by_key(|row| (rule_index(&row.gives), row.held, row.basis));
    rows.dedup_by(|next, last| {
        let one = next.held.from <= last.held.to && last.same_but_for_time(next);
        if one {
            last.held.to = last.held.to.max(next.held.to);
        }
        one
    });
}

/// What comes of a role piece through a binding stretch. A binding that may not have existed and would give
/// nothing is no row.
fn given(stretch: &Stretch, piece: &Piece<Gives>) -> Option<(Gives, Basis)> {
    match (&piece.payload, &stretch.doubt) {
        (gives @ (Gives::UnknownRules(_) | Gives::UnseenRole | Gives::MaybeRule(..)), _) => {
            Some((gives.clone(), Basis::Unknown))
        }
        (Gives::Rule(rule), Some(why)) => Some((Gives::MaybeRule(rule.clone(), Arc::clone(why)), Basis::Unknown)),
        (_, Some(_)) => None,
        (gives, None) => Some((gives.clone(), stretch.basis.weakest(piece.basis))),
    }
}

/// Notes what the list rests on, or lacks, by a role piece through a binding stretch.
fn note(
    sure: &mut Completeness,
    binding: &Binding,
    stretch: &Stretch,
    role: Option<&ObjectRef>,
    held: Interval,
    piece: &Piece<Gives>,
) {
    let given = (&binding.object, stretch.held, &stretch.doubt);
    match (&piece.payload, role) {
        (Gives::UnknownRules(why), Some(role)) => sure.unknown_rules(role, stretch.held, held, why),
        (Gives::UnseenRole, Some(role)) => sure.unseen_role(role, stretch.held, held),
        (Gives::MaybeRule(_, why), Some(role)) => sure.doubtful(given, (role, held, &Some(Arc::clone(why)))),
        (Gives::Rule(_), Some(role)) if stretch.doubt.is_some() => sure.doubtful(given, (role, held, &None)),
        _ => sure.rests_on(stretch.held.intersect(held), piece.basis),
    }
}

/// Rules are pieces under their own place; everything else under one that no rule has.
fn cut(cutter: &mut Cutter<Gives>, held: Interval, basis: Basis, moment: Moment<'_>) {
    let gives = match moment {
        Moment::Rules(rules, doubt) if !rules.is_empty() => {
            for index in 0..rules.len() {
                let rule = RuleRef::new(Arc::clone(rules), index);
                let gives = match doubt {
                    Some(why) => Gives::MaybeRule(rule, Arc::clone(why)),
                    None => Gives::Rule(rule),
                };
                cutter.push(index, held, basis, gives);
            }
            return;
        }
        // Empty or missing: nothing is given either way, so a doubt about it does not matter.
        Moment::Rules(..) => Gives::NoRules,
        Moment::Unknown(why) => Gives::UnknownRules(Arc::clone(why)),
        Moment::Absent | Moment::Never => Gives::Dangling,
        Moment::Unseen => Gives::UnseenRole,
    };
    cutter.push(usize::MAX, held, basis, gives);
}

fn rule_index(gives: &Gives) -> usize {
    match gives {
        Gives::Rule(rule) | Gives::MaybeRule(rule, _) => rule.index(),
        _ => usize::MAX,
    }
}
