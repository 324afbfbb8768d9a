//! Who can do something: every subject, binding, role and rule that allows it, as of an instant or
//! during a stretch. A list is only whole where nothing in its reach is unknown; it says what is.
//!
//! Groups are not expanded here: only Kubernetes' own rules tell members, and a caller that knows
//! identities asks them one by one.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::review::{Action, ResourceTarget, Target};
use crate::model::time::Interval;

use super::chains::{Cutter, Moment, Piece, RoleCutter, Stretch, fill_reach, merge, touching};
use super::completeness::Completeness;
use super::index::{Binding, Doubt};
use super::matching::{matched_entries, names_allow};
use super::objects::{GrantScope, ObjectRef, RuleRef};
use super::role_ref::RoleTarget;
use super::subjects::SubjectRef;
use super::timeline::Authorizer;
use super::when::When;
use super::who_rows::{Row, Scope, Source, WhoCan};

/// What a moment of a role is to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// A rule that matches; `named` when only for other names than the one asked about.
    Rule { rule: RuleRef, entries: [Arc<str>; 3], named: bool, doubt: Doubt },
    /// The state of the role was known.
    Looked,
    /// It was not.
    Unknown(Arc<str>),
    /// The role may have existed unseen.
    Unseen,
}

/// What the bindings of one place can give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// What was asked.
    Whole,
    /// The same, but only to the Namespace object that the binding lies in.
    OwnNamespace,
}

struct Search<'a, F> {
    authorizer: &'a Authorizer,
    cutter: RoleCutter<Found, F>,
    window: Interval,
    rows: Vec<Row>,
    named_only: Vec<Row>,
    /// What `rows` rests on.
    whole: Completeness,
    /// What `named_only` rests on besides.
    named: Completeness,
}

impl Authorizer {
    /// Who can do `action` in `scope`. For a resource whose objects live outside namespaces set
    /// `cluster_scoped`: no RoleBinding then counts, but for get, update, patch and delete of the very
    /// Namespace object it lies in.
    pub fn who_can(&self, action: &Action, scope: &Scope, cluster_scoped: bool, when: When) -> WhoCan {
        let window = when.window();
        let cutter = RoleCutter::new(|cutter: &mut _, held, basis, moment: Moment<'_>| {
            cut(action, cutter, held, basis, &moment);
        });
        let (whole, named) = (Completeness::new(window), Completeness::new(window));
        let mut search =
            Search { authorizer: self, cutter, window, rows: Vec::new(), named_only: Vec::new(), whole, named };
        search.look(RbacKind::ClusterRoleBinding, None, Reach::Whole);
        if let Some((namespace, reach)) = namespaced_reach(action, scope, cluster_scoped) {
            search.look(RbacKind::RoleBinding, namespace, reach);
        }
        let Search { rows, named_only, whole, named, .. } = search;
        let (unknown, basis) = whole.finish();
        let named_unknown = named.finish().0.into_iter().filter(|one| unknown.binary_search(one).is_err()).collect();
        let rows = finish(rows, window, Some(Row::privileged()));
        WhoCan { rows, named_only: finish(named_only, window, None), unknown, named_unknown, basis }
    }
}

/// Which RoleBindings count: those of one namespace, or (`Some(None)`) all.
fn namespaced_reach<'a>(
    action: &'a Action,
    scope: &'a Scope,
    cluster_scoped: bool,
) -> Option<(Option<&'a str>, Reach)> {
    let Target::Resource(target) = &action.target else { return None };
    let asked = match scope {
        Scope::Namespace(namespace) if !namespace.is_empty() => Some(Some(namespace.as_str())),
        Scope::Namespace(_) | Scope::Cluster => None,
        Scope::All => Some(None),
    };
    if !cluster_scoped {
        return asked.map(|namespace| (namespace, Reach::Whole));
    }
    if !carries_own_namespace(&action.verb, target) {
        return None;
    }
    // Such a request carries the object's name as its namespace, wherever the question was put.
    match target.name.as_str() {
        "" => Some((asked.flatten(), Reach::OwnNamespace)),
        name => Some((Some(name), Reach::Whole)),
    }
}

/// Whether a request on a single object of this resource carries the object's name as its namespace.
/// Source: `staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`.
fn carries_own_namespace(verb: &str, target: &ResourceTarget) -> bool {
    target.group.is_empty()
        && target.resource == "namespaces"
        && matches!(target.subresource.as_str(), "" | "status" | "finalize")
        && matches!(verb, "get" | "update" | "patch" | "delete")
}

fn object_name(action: &Action) -> &str {
    match &action.target {
        Target::Resource(target) => &target.name,
        Target::NonResource { .. } => "",
    }
}

/// Says what a moment of a role is to the action.
fn cut(action: &Action, cutter: &mut Cutter<Found>, held: Interval, basis: Basis, moment: &Moment<'_>) {
    let found = match moment {
        Moment::Rules(..) | Moment::Absent | Moment::Never => Found::Looked,
        Moment::Unknown(why) => Found::Unknown(Arc::clone(why)),
        Moment::Unseen => Found::Unseen,
    };
    cutter.push(usize::MAX, held, basis, found);
    let Moment::Rules(rules, doubt) = moment else { return };
    for (index, rule) in rules.iter().enumerate() {
        let Some(entries) = matched_entries(rule, action) else { continue };
        let named = !names_allow(rule, action);
        if !named || object_name(action).is_empty() {
            let entries = [entries.verb, entries.group, entries.what].map(Arc::from);
            let rule = RuleRef::new(Arc::clone(rules), index);
            cutter.push(index, held, basis, Found::Rule { rule, entries, named, doubt: (*doubt).clone() });
        }
    }
}

impl<F: Fn(&mut Cutter<Found>, Interval, Basis, Moment<'_>)> Search<'_, F> {
    fn look(&mut self, kind: RbacKind, namespace: Option<&str>, reach: Reach) {
        let authorizer = self.authorizer;
        self.sure(reach).needs_set(authorizer, kind, namespace);
        for binding in authorizer.index.bindings_of(kind, namespace) {
            self.sure(reach).needs_binding(authorizer, binding);
            for stretch in touching(&authorizer.stretches(binding), self.window).flatten() {
                if stretch.subject.as_ref().is_none_or(SubjectRef::can_match) {
                    self.join(binding, stretch, reach);
                }
            }
        }
    }

    fn sure(&mut self, reach: Reach) -> &mut Completeness {
        match reach {
            Reach::Whole => &mut self.whole,
            Reach::OwnNamespace => &mut self.named,
        }
    }

    fn join(&mut self, binding: &Binding, stretch: &Stretch, reach: Reach) {
        let RoleTarget::Role(place) = &stretch.role else { return };
        let Some(role) = self.authorizer.index.roles.get(*place).map(|role| &role.object) else { return };
        let pieces = self.cutter.pieces(self.authorizer, &stretch.role);
        pieces.overlapping(stretch.held, |held, piece| match &piece.payload {
            Found::Looked => self.sure(reach).rests_on(stretch.held.intersect(held), piece.basis),
            Found::Unknown(why) => self.sure(reach).unknown_rules(role, stretch.held, held, why),
            Found::Unseen => self.sure(reach).unseen_role(role, stretch.held, held),
            Found::Rule { rule, named, doubt, .. } => {
                let named = *named || reach == Reach::OwnNamespace;
                if reach == Reach::OwnNamespace && !names_include(rule, &binding.object.namespace) {
                    return;
                }
                let (rows, sure) = match named {
                    true => (&mut self.named_only, &mut self.named),
                    false => (&mut self.rows, &mut self.whole),
                };
                match &stretch.subject {
                    Some(subject) if stretch.doubt.is_none() && doubt.is_none() => {
                        rows.extend(row(binding, stretch, subject, role, held, piece));
                    }
                    _ => sure.doubtful((&binding.object, stretch.held, &stretch.doubt), (role, held, doubt)),
                }
            }
        });
    }
}

fn names_include(rule: &RuleRef, name: &str) -> bool {
    rule.resource_names.is_empty() || rule.resource_names.iter().any(|own| own == name)
}

fn row(
    binding: &Binding,
    stretch: &Stretch,
    subject: &SubjectRef,
    role: &ObjectRef,
    held: Interval,
    piece: &Piece<Found>,
) -> Option<Row> {
    let Found::Rule { rule, entries: [verb, api_group, resource], .. } = &piece.payload else { return None };
    Some(Row {
        subject: subject.clone(),
        scope: GrantScope::of(&binding.object),
        source: Source::Binding { binding: binding.object.clone(), role: role.clone(), rule: rule.clone() },
        verb: Arc::clone(verb),
        api_group: Arc::clone(api_group),
        resource: Arc::clone(resource),
        basis: stretch.basis.weakest(piece.basis),
        held: stretch.held.intersect(held),
        reach: stretch.held.intersect(held),
    })
}

/// Merges over versions, keeps what the window touches, puts into order.
fn finish(mut rows: Vec<Row>, window: Interval, first: Option<Row>) -> Vec<Row> {
    merge(&mut rows);
    fill_reach(&mut rows);
    rows.retain(|row| row.held.overlaps(window));
    rows.sort_by(|a, b| {
        let key = |r: &Row| (r.held, r.basis);
        (&a.subject, &a.scope, &a.source).cmp(&(&b.subject, &b.scope, &b.source)).then_with(|| key(a).cmp(&key(b)))
    });
    first.into_iter().filter(|_| !window.is_empty()).chain(rows).collect()
}
