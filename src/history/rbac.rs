//! The RBAC timeline: object versions decoded into what the authorizer reads.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RBAC_GROUP, RbacKind, RoleRef, Subject};

use super::parts::is_role;
use super::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use super::version::{History, ObjectVersion, Presence};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields<'a> {
    #[serde(borrow)]
    rules: Option<&'a RawValue>,
    #[serde(borrow)]
    role_ref: Option<&'a RawValue>,
    #[serde(borrow)]
    subjects: Option<&'a RawValue>,
}

/// Decodes the RBAC objects of a history. A body that cannot be decoded becomes unknown, with the reason.
pub fn timeline(history: &History) -> RbacTimeline {
    let mut decoder = Decoder::default();
    decoder.take(&history.versions);
    decoder.finish(history.known_sets.clone())
}

/// Decodes versions some at a time. What many versions say alike (names, rules, subjects) is held once.
#[derive(Default)]
pub struct Decoder {
    timeline: RbacTimeline,
    names: HashSet<Arc<str>>,
    rules: HashSet<Arc<[PolicyRule]>>,
    subjects: HashSet<Arc<[Subject]>>,
}

impl Decoder {
    /// Decodes the RBAC objects among the versions.
    pub fn take(&mut self, versions: &[ObjectVersion]) {
        for version in versions.iter().filter(|v| v.key.group == RBAC_GROUP) {
            let Some(kind) = RbacKind::from_kind(&version.key.kind) else { continue };
            if is_role(kind) {
                let mut role = role(kind, version);
                self.share_names(&mut role.namespace, &mut role.name);
                if let RoleState::Rules(rules) | RoleState::Maybe { rules, .. } = &mut role.state {
                    share(&mut self.rules, rules);
                }
                self.timeline.roles.push(role);
            } else {
                let mut binding = binding(kind, version);
                self.share_names(&mut binding.namespace, &mut binding.name);
                match &mut binding.state {
                    BindingState::Known { subjects, .. } | BindingState::Maybe { subjects: Some(subjects), .. } => {
                        share(&mut self.subjects, subjects);
                    }
                    _ => {}
                }
                self.timeline.bindings.push(binding);
            }
        }
    }

    /// The timeline, with where the set of objects is known.
    pub fn finish(self, known_sets: Vec<KnownSet>) -> RbacTimeline {
        RbacTimeline { known_sets, ..self.timeline }
    }

    fn share_names(&mut self, namespace: &mut Arc<str>, name: &mut Arc<str>) {
        share(&mut self.names, namespace);
        share(&mut self.names, name);
    }
}

/// Puts the equal value that is held already in place of this one.
fn share<T: ?Sized + Eq + Hash>(held: &mut HashSet<Arc<T>>, value: &mut Arc<T>) {
    match held.get(&**value) {
        Some(same) => *value = Arc::clone(same),
        None => {
            held.insert(Arc::clone(value));
        }
    }
}

fn role(kind: RbacKind, version: &ObjectVersion) -> RoleVersion {
    let state = match &version.presence {
        Presence::Present(body) => rules(body).map_or_else(|e| RoleState::Unknown(undecodable(&e)), RoleState::Rules),
        Presence::Unknown(reason) => RoleState::Unknown(Arc::clone(reason)),
        Presence::Partial { existed, known, reason } => match (known_rules(known), existed) {
            (Some(rules), true) => RoleState::Rules(rules),
            (Some(rules), false) => RoleState::Maybe { rules, reason: Arc::clone(reason) },
            (None, _) => RoleState::Unknown(Arc::clone(reason)),
        },
    };
    let basis = if matches!(state, RoleState::Rules(_)) { version.basis } else { Basis::Unknown };
    let (namespace, name) = names(version);
    RoleVersion { kind, namespace, name, held: version.held, basis, state }
}

fn binding(kind: RbacKind, version: &ObjectVersion) -> BindingVersion {
    let state = match &version.presence {
        Presence::Present(body) => match given(body) {
            Ok((role_ref, subjects)) => BindingState::Known { role_ref, subjects },
            Err(e) => BindingState::Unknown(undecodable(&e)),
        },
        Presence::Unknown(reason) => BindingState::Unknown(Arc::clone(reason)),
        Presence::Partial { existed, known, reason } => match (known_given(known), existed) {
            (Some((role_ref, Some(subjects))), true) => BindingState::Known { role_ref, subjects },
            (Some((role_ref, subjects)), _) => BindingState::Maybe { role_ref, subjects, reason: Arc::clone(reason) },
            (None, _) => BindingState::Unknown(Arc::clone(reason)),
        },
    };
    let basis = if matches!(state, BindingState::Known { .. }) { version.basis } else { Basis::Unknown };
    let (namespace, name) = names(version);
    BindingVersion { kind, namespace, name, held: version.held, basis, state }
}

fn names(version: &ObjectVersion) -> (Arc<str>, Arc<str>) {
    (Arc::from(&*version.key.namespace), Arc::from(&*version.key.name))
}

fn undecodable(error: &serde_json::Error) -> Arc<str> {
    Arc::from(format!("its body cannot be decoded: {error}"))
}

fn list<T: serde::de::DeserializeOwned>(raw: Option<&RawValue>) -> serde_json::Result<Arc<[T]>> {
    let items: Option<Vec<T>> = raw.map(|r| serde_json::from_str(r.get())).transpose()?.flatten();
    Ok(items.unwrap_or_default().into())
}

/// Rules of a whole body; a missing list is empty.
fn rules(body: &str) -> serde_json::Result<Arc<[PolicyRule]>> {
    list(serde_json::from_str::<Fields<'_>>(body)?.rules)
}

/// roleRef and subjects of a whole body; what is missing is empty, and gives nothing.
fn given(body: &str) -> serde_json::Result<(RoleRef, Arc<[Subject]>)> {
    let fields: Fields<'_> = serde_json::from_str(body)?;
    let role_ref: Option<RoleRef> = fields.role_ref.map(|r| serde_json::from_str(r.get())).transpose()?.flatten();
    Ok((role_ref.unwrap_or_default(), list(fields.subjects)?))
}

/// Rules of a partly known body; a missing list is not known.
fn known_rules(known: &str) -> Option<Arc<[PolicyRule]>> {
    let fields: Fields<'_> = serde_json::from_str(known).ok()?;
    fields.rules.and_then(|r| list(Some(r)).ok())
}

fn known_given(known: &str) -> Option<(RoleRef, Option<Arc<[Subject]>>)> {
    let fields: Fields<'_> = serde_json::from_str(known).ok()?;
    let role_ref = serde_json::from_str(fields.role_ref?.get()).ok()?;
    Some((role_ref, fields.subjects.and_then(|s| list(Some(s)).ok())))
}
