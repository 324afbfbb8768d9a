//! Whom a binding's subjects stand for. The authorizer reads kind and name, for service accounts
//! also the namespace, and nothing else.
//!
//! Source: `appliesTo`, `appliesToUser`, `describeSubject` of `pkg/registry/rbac/validation/rule.go`.

use std::fmt;
use std::sync::Arc;

use crate::model::identity::{MASTERS, service_account_user};
use crate::model::rbac::Subject;

use super::quote::go_quote;

const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// The kind of a subject, spelled exactly; any other kind stands for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A user name.
    User,
    /// A group name.
    Group,
    /// A service account.
    ServiceAccount,
    /// Something the authorizer does not know.
    Other(Arc<str>),
}

impl SubjectKind {
    /// From the kind's exact name.
    pub fn from_kind(kind: &str) -> Self {
        match kind {
            "User" => Self::User,
            "Group" => Self::Group,
            "ServiceAccount" => Self::ServiceAccount,
            other => Self::Other(Arc::from(other)),
        }
    }

    /// The kind as written in the object.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServiceAccount => "ServiceAccount",
            Self::Other(kind) => kind,
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A subject as the authorizer understands it inside its binding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectRef {
    /// What it is.
    pub kind: SubjectKind,
    /// Of a service account its namespace, the binding's where the subject names none; else `""`.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl SubjectRef {
    /// A user.
    pub fn user(name: &str) -> Self {
        Self { kind: SubjectKind::User, namespace: Arc::from(""), name: Arc::from(name) }
    }

    /// A group.
    pub fn group(name: &str) -> Self {
        Self { kind: SubjectKind::Group, namespace: Arc::from(""), name: Arc::from(name) }
    }

    /// A service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self { kind: SubjectKind::ServiceAccount, namespace: Arc::from(namespace), name: Arc::from(name) }
    }

    /// The group that is allowed everything before any authorizer is asked.
    pub fn masters() -> Self {
        Self::group(MASTERS)
    }

    /// A binding's subject, read in the binding's namespace (`""` for a ClusterRoleBinding).
    pub fn resolve(subject: &Subject, binding_namespace: &str) -> Self {
        Self::resolve_with(subject, binding_namespace, |text| Arc::from(text))
    }

    /// The same, with names from where the caller keeps them.
    pub(super) fn resolve_with(
        subject: &Subject,
        binding_namespace: &str,
        mut keep: impl FnMut(&str) -> Arc<str>,
    ) -> Self {
        let kind = SubjectKind::from_kind(&subject.kind);
        let namespace = match kind {
            SubjectKind::ServiceAccount => account_namespace(subject, binding_namespace),
            _ => "",
        };
        Self { namespace: keep(namespace), name: keep(&subject.name), kind }
    }

    /// Whether it can stand for anybody at all.
    pub fn can_match(&self) -> bool {
        match self.kind {
            SubjectKind::User | SubjectKind::Group => true,
            SubjectKind::ServiceAccount => !self.namespace.is_empty(),
            SubjectKind::Other(_) => false,
        }
    }

    /// Whether it stands for this user in these groups.
    pub fn applies_to(&self, user: &str, groups: &[String]) -> bool {
        match self.kind {
            SubjectKind::User => *self.name == *user,
            SubjectKind::Group => groups.iter().any(|g| **g == *self.name),
            SubjectKind::ServiceAccount => is_account(&self.namespace, &self.name, user),
            SubjectKind::Other(_) => false,
        }
    }
}

impl fmt::Display for SubjectRef {
    /// As the API server names it in a reason: a service account is `name/namespace`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SubjectKind::ServiceAccount => {
                write!(f, "{} {}", self.kind, go_quote(&format!("{}/{}", self.name, self.namespace)))
            }
            _ => write!(f, "{} {}", self.kind, go_quote(&self.name)),
        }
    }
}

/// The first subject that stands for the user; `binding_namespace` is `""` for a ClusterRoleBinding.
pub fn applies_to(user: &str, groups: &[String], subjects: &[Subject], binding_namespace: &str) -> Option<usize> {
    subjects.iter().position(|subject| match subject.kind.as_str() {
        "User" => subject.name == user,
        "Group" => groups.contains(&subject.name),
        "ServiceAccount" => is_account(account_namespace(subject, binding_namespace), &subject.name, user),
        _ => false,
    })
}

/// What an index files a subject under: a user name (that of a service account, too) or a group name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubjectKey {
    User(Box<str>),
    Group(Box<str>),
}

/// The key a subject is found by, `None` when it stands for nobody.
pub(super) fn subject_key(subject: &SubjectRef) -> Option<SubjectKey> {
    match subject.kind {
        SubjectKind::User => Some(SubjectKey::User(Box::from(&*subject.name))),
        SubjectKind::Group => Some(SubjectKey::Group(Box::from(&*subject.name))),
        SubjectKind::ServiceAccount if subject.can_match() => {
            Some(SubjectKey::User(service_account_user(&subject.namespace, &subject.name).into_boxed_str()))
        }
        SubjectKind::ServiceAccount | SubjectKind::Other(_) => None,
    }
}

fn account_namespace<'a>(subject: &'a Subject, binding_namespace: &'a str) -> &'a str {
    if subject.namespace.is_empty() { binding_namespace } else { &subject.namespace }
}

/// Whether the user name is exactly that of the account; an account without namespace is nobody's.
fn is_account(namespace: &str, name: &str, user: &str) -> bool {
    let rest = user.strip_prefix(ACCOUNT_PREFIX).and_then(|rest| rest.strip_prefix(namespace));
    !namespace.is_empty() && rest.and_then(|rest| rest.strip_prefix(':')) == Some(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn subject(kind: &str, namespace: &str, name: &str) -> Subject {
        Subject { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..Subject::default() }
    }

    #[test]
    fn an_account_without_namespace_takes_the_bindings_or_none() {
        let account = [subject("ServiceAccount", "", "bot")];
        assert_eq!(applies_to("system:serviceaccount:ci:bot", &[], &account, "ci"), Some(0));
        assert_eq!(applies_to("system:serviceaccount:default:bot", &[], &account, "ci"), None);
        assert_eq!(applies_to("system:serviceaccount::bot", &[], &account, ""), None);
        assert_eq!(subject_key(&SubjectRef::resolve(&account[0], "")), None);
    }

    #[test]
    fn the_first_fitting_subject_is_reported() {
        let subjects = [
            subject("user", "", "ann"),
            subject("Group", "x", "dev"),
            subject("User", "x", "ann"),
            subject("User", "", "*"),
        ];
        assert_eq!(applies_to("ann", &["dev".into()], &subjects, ""), Some(1));
        assert_eq!(applies_to("ann", &[], &subjects, ""), Some(2));
        assert_eq!(applies_to("bob", &[], &subjects, ""), None);
    }

    #[test]
    fn a_user_subject_in_account_form_is_that_account() {
        let user = "system:serviceaccount:ns:sa";
        assert_eq!(applies_to(user, &[], &[subject("User", "", user)], ""), Some(0));
        assert_eq!(applies_to(user, &[], &[subject("User", "", "ns:sa")], ""), None);
    }

    #[test]
    fn resolved_subjects_agree_with_the_raw_ones() {
        let subjects = [
            subject("User", "n", "u"),
            subject("Group", "n", "g"),
            subject("ServiceAccount", "", "a"),
            subject("ServiceAccount", "other", "a"),
            subject("Robot", "n", "r"),
        ];
        for user in
            ["u", "g", "r", "system:serviceaccount:n:a", "system:serviceaccount:other:a", "system:serviceaccount::a"]
        {
            for ns in ["", "n"] {
                for one in &subjects {
                    let raw = applies_to(user, &["g".to_owned()], std::slice::from_ref(one), ns).is_some();
                    assert_eq!(
                        SubjectRef::resolve(one, ns).applies_to(user, &["g".to_owned()]),
                        raw,
                        "{user} {one:?} {ns}"
                    );
                }
            }
        }
    }

    #[test]
    fn accounts_are_named_name_first() {
        assert_eq!(SubjectRef::service_account("ns", "sa").to_string(), r#"ServiceAccount "sa/ns""#);
        assert_eq!(SubjectRef::user("a\"b").to_string(), r#"User "a\"b""#);
    }
}
