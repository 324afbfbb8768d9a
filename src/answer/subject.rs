//! Whom a question is about: what a person types, understood as a full identity, a group, or a pattern over
//! the subjects of bindings. Shared by all questions about subjects, so that the same words mean the same.

use std::collections::BTreeMap;

use regex::Regex;

use crate::authz::{Authorizer, Right, Rights, SubjectKind, SubjectRef, SubjectSelector, Unknown, When};
use crate::model::basis::Basis;
use crate::model::identity::{self, MASTERS};

/// Groups named in a note; more are counted.
const NAMED: usize = 10;

/// Whom a question is about.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A full identity: its own bindings and those of its groups.
    Identity {
        /// The user name.
        user: String,
        /// Groups given besides the implied ones.
        groups: Vec<String>,
    },
    /// One group.
    Group(String),
    /// Every subject whose name contains this.
    Containing(String),
    /// Every subject whose name equals this.
    Exactly(String),
    /// Every subject whose name matches this.
    Matching(Regex),
    /// Every subject of every binding.
    Everything,
}

/// A subject that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// A bad regular expression.
    #[error("`{pattern}` is no regular expression: {reason}")]
    Regex {
        /// What was typed.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An unknown kind in front of the slash.
    #[error("`{0}` is no kind of subject: expected `user/NAME`, `group/NAME` or `serviceaccount/NAMESPACE:NAME`")]
    Kind(String),
}

/// How a typed subject is to be matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A full identity where the text is one, else all subjects whose name contains it.
    #[default]
    Smart,
    /// Names that equal it.
    Exact,
    /// Names that match it as a regular expression.
    Regex,
}

/// Understands a typed subject; `known` tells whether a binding has a subject of that name.
///
/// # Errors
/// When the kind or the regular expression is wrong.
pub fn wanted(
    typed: &str,
    mode: Mode,
    groups: &[String],
    known: &dyn Fn(&str) -> bool,
) -> Result<Wanted, SubjectError> {
    match mode {
        Mode::Exact => return Ok(Wanted::Exactly(typed.to_owned())),
        Mode::Regex => {
            let regex = Regex::new(typed);
            return regex
                .map(Wanted::Matching)
                .map_err(|e| SubjectError::Regex { pattern: typed.to_owned(), reason: e.to_string() });
        }
        Mode::Smart => {}
    }
    if let Some(one) = spelled_out(typed, groups, known)? {
        return Ok(one);
    }
    if !groups.is_empty() || typed == identity::ANONYMOUS {
        return Ok(Wanted::Identity { user: typed.to_owned(), groups: groups.to_vec() });
    }
    Ok(if known(typed) { Wanted::Exactly(typed.to_owned()) } else { Wanted::Containing(typed.to_owned()) })
}

/// Understands a typed subject as exactly one: a user, unless it is spelled as a group or an account.
///
/// # Errors
/// When the kind is wrong.
pub fn one(typed: &str, groups: &[String]) -> Result<Wanted, SubjectError> {
    let user = || Wanted::Identity { user: typed.to_owned(), groups: groups.to_vec() };
    Ok(spelled_out(typed, groups, &|_| true)?.unwrap_or_else(user))
}

/// `kind/name`, `namespace:name`, or a service account's full user name; `None` for anything else.
fn spelled_out(typed: &str, groups: &[String], known: &dyn Fn(&str) -> bool) -> Result<Option<Wanted>, SubjectError> {
    let identity = |user: String| Some(Wanted::Identity { user, groups: groups.to_vec() });
    if let Some((kind, name)) = typed.split_once('/') {
        let account = name.split_once(':').or_else(|| name.split_once('/'));
        return match (kind.to_ascii_lowercase().as_str(), account) {
            ("user" | "u", _) => Ok(identity(name.to_owned())),
            ("group" | "g", _) => Ok(Some(Wanted::Group(name.to_owned()))),
            ("serviceaccount" | "sa", Some((ns, n))) => Ok(identity(identity::service_account_user(ns, n))),
            ("serviceaccount" | "sa", None) => Err(SubjectError::Kind(typed.to_owned())),
            _ if known(typed) => Ok(identity(typed.to_owned())),
            _ => Err(SubjectError::Kind(kind.to_owned())),
        };
    }
    if identity::split_service_account(typed).is_some() {
        return Ok(identity(typed.to_owned()));
    }
    let account = typed.split_once(':').filter(|(ns, n)| !ns.is_empty() && !n.is_empty() && !n.contains(':'));
    Ok(account
        .filter(|(ns, _)| *ns != "system")
        .and_then(|(ns, name)| identity(identity::service_account_user(ns, name))))
}

/// The names a subject is matched by: `namespace:name` and `name` for service accounts.
fn names(subject: &SubjectRef) -> [String; 2] {
    match subject.kind {
        SubjectKind::ServiceAccount => [subject.name.to_string(), format!("{}:{}", subject.namespace, subject.name)],
        _ => [subject.name.to_string(), subject.name.to_string()],
    }
}

impl Wanted {
    /// The user with all groups, those that come with the name included; `None` when it is no identity.
    pub fn full_identity(&self) -> Option<(String, Vec<String>)> {
        let Self::Identity { user, groups } = self else { return None };
        let mut all = groups.clone();
        all.extend(identity::implied_groups(user, groups));
        Some((user.clone(), all))
    }

    /// Whether a binding's subject is meant; `full` is the full identity, if this is one.
    fn means(&self, subject: &SubjectRef, full: Option<&(String, Vec<String>)>) -> bool {
        match self {
            Self::Identity { .. } => full.is_some_and(|(user, groups)| subject.applies_to(user, groups)),
            Self::Group(name) => subject.kind == SubjectKind::Group && *subject.name == **name,
            Self::Exactly(name) => names(subject).iter().any(|n| n == name),
            Self::Containing(part) => names(subject).iter().any(|n| n.contains(part.as_str())),
            Self::Matching(regex) => names(subject).iter().any(|n| regex.is_match(n)),
            Self::Everything => true,
        }
    }

    /// What the subjects were given; `kind` narrows to one kind of subject.
    pub fn rights(&self, authorizer: &Authorizer, kind: Option<&str>, when: When) -> Rights {
        self.select(kind, |selector| authorizer.rights(selector, when))
    }

    /// The same piece by piece, as [`Authorizer::rights_by_binding`] gives it.
    pub fn rights_by_binding(
        &self,
        authorizer: &Authorizer,
        kind: Option<&str>,
        when: When,
        f: impl FnMut(Vec<Right>),
    ) -> (Vec<Unknown>, Basis) {
        self.select(kind, |selector| authorizer.rights_by_binding(selector, when, f))
    }

    fn select<T>(&self, kind: Option<&str>, ask: impl FnOnce(SubjectSelector<'_>) -> T) -> T {
        let full = self.full_identity();
        let of_kind = |s: &SubjectRef| kind.is_none_or(|k| s.kind.as_str().eq_ignore_ascii_case(k));
        let holds = |s: &SubjectRef| of_kind(s) && self.means(s, full.as_ref());
        ask(SubjectSelector::Matching(&holds))
    }

    /// Whether the answer is about a member of the privileged group, as far as the question tells.
    pub fn is_master(&self) -> bool {
        match self {
            Self::Group(name) => name == MASTERS,
            _ => self.full_identity().is_some_and(|(_, groups)| groups.iter().any(|g| g == MASTERS)),
        }
    }

    /// How the subject was understood, and in which further groups the events show it.
    pub fn notes(&self, members: &BTreeMap<String, Vec<String>>) -> Vec<String> {
        let mut notes = Vec::new();
        match self {
            Self::Identity { user, groups } => {
                let added = identity::implied_groups(user, groups);
                let come = if added.is_empty() { "none".to_owned() } else { added.join(", ") };
                notes.push(format!("taken as user `{user}`; groups that come with the name: {come}"));
            }
            Self::Exactly(name) => {
                notes.push(format!("subjects named `{name}`; what comes through groups is that of the group"))
            }
            Self::Containing(part) => notes.push(format!("subjects whose name contains `{part}`")),
            Self::Group(_) | Self::Matching(_) | Self::Everything => {}
        }
        notes.extend(self.seen_elsewhere(members));
        if self.is_master() {
            notes.push(
                "members of group system:masters are allowed everything before RBAC is asked; it needs no binding"
                    .to_owned(),
            );
        }
        notes
    }

    fn seen_elsewhere(&self, members: &BTreeMap<String, Vec<String>>) -> Option<String> {
        let (user, own) = match self {
            Self::Exactly(name) => (name.clone(), Vec::new()),
            _ => self.full_identity()?,
        };
        let implied = identity::implied_groups(&user, &[]);
        let mine = members
            .iter()
            .filter(|(group, users)| !own.contains(group) && !implied.contains(group) && users.contains(&user));
        let seen: Vec<&str> = mine.map(|(group, _)| group.as_str()).collect();
        if seen.is_empty() {
            return None;
        }
        let named: Vec<&str> = seen.iter().take(NAMED).copied().collect();
        let more = seen.len() - named.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!(
            "events show `{user}` in groups {}{more}: what they give is not in this answer, add it with --as-group",
            named.join(", ")
        ))
    }
}

/// What Kubernetes' own groups stand for, of those in `groups`, each once.
pub fn implied_members<'a>(groups: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut sorted: Vec<&str> = groups.collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.into_iter().filter_map(implied).collect()
}

fn implied(group: &str) -> Option<String> {
    Some(match group {
        identity::AUTHENTICATED => "group system:authenticated: everybody who is not anonymous".to_owned(),
        identity::UNAUTHENTICATED => "group system:unauthenticated: everybody who is anonymous".to_owned(),
        identity::SERVICE_ACCOUNTS => "group system:serviceaccounts: every service account".to_owned(),
        MASTERS => "group system:masters is allowed everything before RBAC is asked; it needs no binding".to_owned(),
        _ => {
            let namespace = group.strip_prefix("system:serviceaccounts:").filter(|ns| !ns.is_empty())?;
            format!("group {group}: every service account of namespace `{namespace}`")
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn smart(typed: &str, known: bool) -> String {
        match wanted(typed, Mode::Smart, &[], &|_| known) {
            Ok(Wanted::Identity { user, .. }) => format!("identity {user}"),
            Ok(Wanted::Group(g)) => format!("group {g}"),
            Ok(Wanted::Exactly(n)) => format!("exactly {n}"),
            Ok(Wanted::Containing(n)) => format!("containing {n}"),
            Ok(other) => format!("{other:?}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn subjects_are_typed_in_many_ways() {
        for (typed, known, expected) in [
            ("ci:deployer", false, "identity system:serviceaccount:ci:deployer"),
            ("sa/ci:deployer", false, "identity system:serviceaccount:ci:deployer"),
            ("serviceaccount/ci/deployer", false, "identity system:serviceaccount:ci:deployer"),
            ("system:serviceaccount:ci:deployer", false, "identity system:serviceaccount:ci:deployer"),
            ("system:anonymous", false, "identity system:anonymous"),
            ("group/a/b", false, "group a/b"),
            ("user/x:y", false, "identity x:y"),
            ("system:masters", true, "exactly system:masters"),
            ("alice", true, "exactly alice"),
            ("ali", false, "containing ali"),
            ("corp/alice", true, "identity corp/alice"),
        ] {
            assert_eq!(smart(typed, known), expected, "{typed}");
        }
        assert!(smart("robot/x", false).contains("`robot` is no kind of subject"));
        assert!(smart("sa/lonely", false).contains("expected"));
    }

    #[test]
    fn one_subject_is_a_user_where_nothing_else_is_spelled() {
        for (typed, user) in
            [("alice", "alice"), ("corp/alice", "corp/alice"), ("system:kube-scheduler", "system:kube-scheduler")]
        {
            assert_eq!(one(typed, &[]).unwrap().full_identity().unwrap().0, user);
        }
    }

    #[test]
    fn groups_that_events_show_are_said_but_not_added() {
        let members = BTreeMap::from([
            ("dev".to_owned(), vec!["bob".to_owned()]),
            ("system:authenticated".to_owned(), vec!["bob".to_owned()]),
        ]);
        let notes = one("bob", &[]).unwrap().notes(&members);
        assert!(notes.iter().any(|n| n.contains("events show `bob` in groups dev:")), "{notes:?}");
        let told = one("bob", &["dev".to_owned()]).unwrap().notes(&members);
        assert!(!told.iter().any(|n| n.contains("events show")), "{told:?}");
    }
}
