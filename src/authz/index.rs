//! Roles and bindings laid out for asking: one entry per object with its versions in order of time,
//! role references resolved to places, neighbouring versions that say the same made one.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::history::state::{BindingState, BindingVersion, RoleState, RoleVersion};
use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::time::{Interval, Timestamp};

use super::objects::ObjectRef;
use super::role_ref::{NeverResolves, RoleTarget, role_object};
use super::sieve::Sieve;
use super::subjects::SubjectRef;

/// Said of a state that claims to be known, but not how.
const NO_BASIS: &str = "nothing tells how its state is known";

/// A Role or ClusterRole, also one that was only ever referred to.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) object: ObjectRef,
    /// By time, not overlapping.
    pub(super) versions: Vec<RoleStretch>,
}

/// What a role was in a stretch of time.
#[derive(Clone, Debug)]
pub(super) struct RoleStretch {
    pub(super) held: Interval,
    pub(super) basis: Basis,
    pub(super) state: Content,
}

/// What a role held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// These rules, for sure unless there is a doubt that the role existed.
    Rules { rules: Arc<[PolicyRule]>, sieves: Box<[Sieve]>, doubt: Doubt },
    /// It cannot be told, and this is why.
    Unknown(Arc<str>),
}

/// Why an object may not have existed; `None` when it did.
pub(super) type Doubt = Option<Arc<str>>;

/// A binding; its versions lie together in [`Index::versions`].
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) object: ObjectRef,
    pub(super) versions: Range<usize>,
}

/// What a binding was in a stretch of time.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// Place of the binding.
    pub(super) binding: usize,
    pub(super) held: Interval,
    pub(super) basis: Basis,
    pub(super) state: Given,
}

/// What a binding gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// This role to these subjects (`None`: perhaps to anybody), for sure unless there is a doubt that
    /// the binding existed.
    Role { role: RoleTarget, subjects: Option<Arc<[SubjectRef]>>, doubt: Doubt },
    /// It cannot be told, and this is why.
    Unknown(Arc<str>),
}

/// Names that are said again and again, kept once.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&name));
        name
    }

    /// The subjects as the authorizer understands them in their binding.
    fn resolve(&mut self, subjects: &[Subject], binding: &ObjectRef) -> Arc<[SubjectRef]> {
        let binding_namespace = &binding.namespace;
        subjects
            .iter()
            .map(|subject| SubjectRef::resolve_with(subject, binding_namespace, |name| self.get(name)))
            .collect()
    }
}

/// All roles and bindings.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// In no meaningful order.
    pub(super) roles: Vec<Role>,
    /// ClusterRoleBindings first, then by namespace, then by name.
    pub(super) bindings: Vec<Binding>,
    /// In the order of the bindings, then by time.
    pub(super) versions: Vec<Version>,
    /// Where each role lies.
    pub(super) places: HashMap<ObjectRef, usize>,
}

impl Index {
    /// Lays out the versions. What has the wrong kind for its list, holds at no instant, or is a
    /// RoleBinding outside every namespace can never matter and is left out.
    pub(super) fn new(roles: Vec<RoleVersion>, bindings: Vec<BindingVersion>) -> Self {
        let mut index = Self::default();
        index.roles = lay_roles(roles, &mut index.places);
        let mut bindings: Vec<_> = bindings.into_iter().filter_map(readable_binding).collect();
        bindings.sort_by(|(a, x), (b, y)| order(a).cmp(&order(b)).then(x.held.cmp(&y.held)));
        let mut names = Names::default();
        for (object, version) in bindings {
            index.push_binding(object, version, &mut names);
        }
        index
    }

    fn push_binding(&mut self, object: ObjectRef, version: BindingVersion, names: &mut Names) {
        let state = match version.state {
            BindingState::Unknown(why) => Given::Unknown(why),
            BindingState::Known { .. } if version.basis == Basis::Unknown => Given::Unknown(Arc::from(NO_BASIS)),
            BindingState::Known { role_ref, subjects } => {
                let subjects = Some(names.resolve(&subjects, &object));
                Given::Role { role: self.target(&object, &role_ref), subjects, doubt: None }
            }
            BindingState::Maybe { role_ref, subjects, reason } => {
                let subjects = subjects.map(|subjects| names.resolve(&subjects, &object));
                Given::Role { role: self.target(&object, &role_ref), subjects, doubt: Some(reason) }
            }
        };
        let basis = known_basis(version.basis);
        let end = self.versions.len();
        match self.bindings.last_mut() {
            Some(last) if last.object == object => {
                if extend_last(&mut self.versions, version.held, basis, &state) {
                    return;
                }
                last.versions.end = end.saturating_add(1);
            }
            _ => self.bindings.push(Binding { object, versions: end..end.saturating_add(1) }),
        }
        let binding = self.bindings.len().saturating_sub(1);
        self.versions.push(Version { binding, held: version.held, basis, state });
    }

    /// Where a roleRef leads; a role never seen gets a place without versions.
    fn target(&mut self, binding: &ObjectRef, role_ref: &RoleRef) -> RoleTarget {
        let object = match role_object(binding.kind, &binding.namespace, role_ref) {
            Ok(object) => object,
            Err(error) => {
                let (kind, name) = (role_ref.kind.clone(), role_ref.name.clone());
                return RoleTarget::Never(Arc::new(NeverResolves { kind, name, error }));
            }
        };
        let roles = &mut self.roles;
        let place = *self.places.entry(object).or_insert_with_key(|object| {
            roles.push(Role { object: object.clone(), versions: Vec::new() });
            roles.len().saturating_sub(1)
        });
        RoleTarget::Role(place)
    }

    /// The bindings of one kind, in one namespace or everywhere.
    pub(super) fn bindings_of(&self, kind: RbacKind, namespace: Option<&str>) -> &[Binding] {
        let wanted = kind != RbacKind::ClusterRoleBinding;
        let group = |b: &Binding| {
            let (in_namespace, own, _) = order(&b.object);
            in_namespace.cmp(&wanted).then_with(|| namespace.map_or(Ordering::Equal, |namespace| own.cmp(namespace)))
        };
        let start = self.bindings.partition_point(|b| group(b).is_lt());
        let end = self.bindings.partition_point(|b| group(b).is_le());
        self.bindings.get(start..end).unwrap_or_default()
    }

    /// The versions of a binding, by time.
    pub(super) fn versions_of(&self, binding: &Binding) -> &[Version] {
        self.versions.get(binding.versions.clone()).unwrap_or_default()
    }
}

impl Role {
    /// The version that holds at an instant.
    pub(super) fn at(&self, at: Timestamp) -> Option<&RoleStretch> {
        let after = self.versions.partition_point(|v| v.held.from <= at);
        self.versions.get(after.checked_sub(1)?).filter(|v| v.held.contains(at))
    }
}

/// What is known of an object that may not have existed is at least assumed; the doubt itself is kept apart.
fn known_basis(basis: Basis) -> Basis {
    basis.min(Basis::Assumed)
}

fn order(object: &ObjectRef) -> (bool, &str, &str) {
    (object.kind != RbacKind::ClusterRoleBinding, &object.namespace, &object.name)
}

fn readable_binding(version: BindingVersion) -> Option<(ObjectRef, BindingVersion)> {
    let object = ObjectRef::new(version.kind, Arc::clone(&version.namespace), Arc::clone(&version.name));
    let reachable = match version.kind {
        RbacKind::ClusterRoleBinding => true,
        RbacKind::RoleBinding => !object.namespace.is_empty(),
        RbacKind::Role | RbacKind::ClusterRole => false,
    };
    (reachable && !version.held.is_empty()).then_some((object, version))
}

fn lay_roles(versions: Vec<RoleVersion>, places: &mut HashMap<ObjectRef, usize>) -> Vec<Role> {
    let wanted = |v: &RoleVersion| matches!(v.kind, RbacKind::Role | RbacKind::ClusterRole) && !v.held.is_empty();
    let mut keyed: Vec<_> = versions
        .into_iter()
        .filter(wanted)
        .map(|v| (ObjectRef::new(v.kind, Arc::clone(&v.namespace), Arc::clone(&v.name)), v))
        .collect();
    keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.held.cmp(&y.held)));
    let mut roles: Vec<Role> = Vec::new();
    for (object, version) in keyed {
        let state = match version.state {
            RoleState::Unknown(why) => Content::Unknown(why),
            RoleState::Rules(_) if version.basis == Basis::Unknown => Content::Unknown(Arc::from(NO_BASIS)),
            RoleState::Rules(rules) => rules_content(rules, None),
            RoleState::Maybe { rules, reason } => rules_content(rules, Some(reason)),
        };
        let stretch = RoleStretch { held: version.held, basis: known_basis(version.basis), state };
        match roles.last_mut() {
            Some(role) if role.object == object => push_stretch(&mut role.versions, stretch),
            _ => {
                places.insert(object.clone(), roles.len());
                roles.push(Role { object, versions: vec![stretch] });
            }
        }
    }
    roles
}

fn rules_content(rules: Arc<[PolicyRule]>, doubt: Doubt) -> Content {
    Content::Rules { sieves: rules.iter().map(Sieve::new).collect(), rules, doubt }
}

fn push_stretch(versions: &mut Vec<RoleStretch>, next: RoleStretch) {
    match versions.last_mut() {
        Some(last) if last.held.to == next.held.from && last.basis == next.basis && last.state == next.state => {
            last.held.to = next.held.to;
        }
        _ => versions.push(next),
    }
}

/// Lengthens the last version when the next one only continues it.
fn extend_last(versions: &mut [Version], held: Interval, basis: Basis, state: &Given) -> bool {
    match versions.last_mut() {
        Some(last) if last.held.to == held.from && last.basis == basis && last.state == *state => {
            last.held.to = held.to;
            true
        }
        _ => false,
    }
}
