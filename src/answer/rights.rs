//! `rights`: the roles and rules of a user, group or service account, or of all subjects that match.

use regex::Regex;

use super::who_can::{namespace, scope, unknowns};
use super::{Answer, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, Gives, Right, SubjectKind, SubjectRef, SubjectSelector, When};
use crate::model::identity;

/// How the subject was given.
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

/// Understands a typed subject.
///
/// # Errors
/// When the kind or the regular expression is wrong.
pub fn wanted(typed: &str, mode: Mode, groups: &[String], known: &dyn Fn(&str) -> bool) -> Result<Wanted, SubjectError> {
    match mode {
        Mode::Exact => return Ok(Wanted::Exactly(typed.to_owned())),
        Mode::Regex => {
            let regex = Regex::new(typed);
            return regex.map(Wanted::Matching).map_err(|e| SubjectError::Regex { pattern: typed.to_owned(), reason: e.to_string() });
        }
        Mode::Smart => {}
    }
    let identity = |user: String| Wanted::Identity { user, groups: groups.to_vec() };
    if let Some((kind, name)) = typed.split_once('/') {
        let account = || name.split_once(':').or_else(|| name.split_once('/'));
        return match (kind.to_ascii_lowercase().as_str(), account()) {
            ("user" | "u", _) => Ok(identity(name.to_owned())),
            ("group" | "g", _) => Ok(Wanted::Group(name.to_owned())),
            ("serviceaccount" | "sa", Some((ns, n))) => Ok(identity(identity::service_account_user(ns, n))),
            _ if known(typed) => Ok(identity(typed.to_owned())),
            _ => Err(SubjectError::Kind(kind.to_owned())),
        };
    }
    if identity::split_service_account(typed).is_some() || !groups.is_empty() || typed == identity::ANONYMOUS {
        return Ok(identity(typed.to_owned()));
    }
    if let Some((ns, name)) = typed.split_once(':').filter(|(ns, n)| !ns.is_empty() && !n.contains(':') && *ns != "system") {
        return Ok(identity(identity::service_account_user(ns, name)));
    }
    Ok(if known(typed) { Wanted::Exactly(typed.to_owned()) } else { Wanted::Containing(typed.to_owned()) })
}

/// The name a subject is matched by: `namespace:name` and `name` for service accounts.
fn names(subject: &SubjectRef) -> [String; 2] {
    match subject.kind {
        SubjectKind::ServiceAccount => [subject.name.to_string(), format!("{}:{}", subject.namespace, subject.name)],
        _ => [subject.name.to_string(), subject.name.to_string()],
    }
}

/// Answers; `kind` narrows to one kind of subject.
pub fn answer(authorizer: &Authorizer, typed: &str, wanted: &Wanted, kind: Option<&str>, when: When, as_of: AsOf) -> Answer {
    let of_kind = |s: &SubjectRef| kind.is_none_or(|k| s.kind.as_str().eq_ignore_ascii_case(k));
    let mut notes = Vec::new();
    let found = match wanted {
        Wanted::Identity { user, groups } => {
            let mut all = groups.clone();
            let added = identity::implied_groups(user, groups);
            notes.push(format!("taken as user `{user}`; groups that come with the name: {}", added.join(", ")));
            all.extend(added);
            authorizer.rights(SubjectSelector::Identity { user, groups: &all }, when)
        }
        Wanted::Group(name) => {
            authorizer.rights(SubjectSelector::Matching(&|s| s.kind == SubjectKind::Group && *s.name == **name), when)
        }
        Wanted::Exactly(name) => {
            let holds = |s: &SubjectRef| of_kind(s) && names(s).iter().any(|n| n == name);
            notes.push(format!("subjects named `{name}`; rights that come through groups are those of the group"));
            authorizer.rights(SubjectSelector::Matching(&holds), when)
        }
        Wanted::Containing(part) => {
            let holds = |s: &SubjectRef| of_kind(s) && names(s).iter().any(|n| n.contains(part.as_str()));
            notes.push(format!("subjects whose name contains `{part}`"));
            authorizer.rights(SubjectSelector::Matching(&holds), when)
        }
        Wanted::Matching(regex) => {
            let holds = |s: &SubjectRef| of_kind(s) && names(s).iter().any(|n| regex.is_match(n));
            authorizer.rights(SubjectSelector::Matching(&holds), when)
        }
    };
    notes.extend(unknowns(&found.unknown));
    let granted = found.rows.iter().any(|r| matches!(r.gives, Gives::Rule(_)));
    let verdict = match (granted || !found.rows.is_empty(), found.unknown.is_empty()) {
        (true, _) => Verdict::Yes,
        (false, true) => Verdict::No,
        (false, false) => Verdict::Unknown,
    };
    Answer {
        question: vec![("subject", typed.into()), ("kind", Value::text(kind))],
        as_of,
        basis: Some(found.basis),
        notes,
        columns: columns(),
        rows: found.rows.iter().map(row).collect(),
        verdict,
    }
}

fn columns() -> Vec<super::AnswerColumn> {
    vec![
        column("subject_kind"),
        column("subject_namespace"),
        column("subject_name"),
        column("scope"),
        column("role"),
        column("verbs"),
        column("api_groups"),
        column("resources"),
        column("resource_names"),
        column("non_resource_urls"),
        column("gives"),
        wide("role_kind"),
        wide("role_namespace"),
        wide("binding_kind"),
        wide("binding_namespace"),
        wide("binding"),
        wide("rule_index"),
        wide("valid_from"),
        wide("valid_to"),
        wide("basis"),
        wide("reason"),
    ]
}

fn row(r: &Right) -> Vec<Value> {
    let (word, rule, reason) = match &r.gives {
        Gives::Rule(rule) => ("rule", Some(rule), None),
        Gives::MaybeRule(rule, why) => ("rule, if it existed", Some(rule), Some(why)),
        Gives::NoRules => ("nothing: the role has no rules", None, None),
        Gives::Dangling => ("nothing: there is no such role", None, None),
        Gives::UnknownRules(why) => ("unknown rules", None, Some(why)),
        Gives::UnseenRole => ("unknown: the role was never seen", None, None),
        Gives::Nobody => ("nothing: the subject stands for nobody", None, None),
    };
    let list = |pick: fn(&crate::model::rbac::PolicyRule) -> &Vec<String>| match rule {
        // An empty API group is the core group; show it as people write it in rules.
        Some(rule) => Value::texts(pick(rule.rule()).iter().map(|v| if v.is_empty() { "\"\"" } else { v })),
        None => Value::Null,
    };
    vec![
        r.subject.kind.as_str().into(),
        namespace(&r.subject.namespace),
        (&*r.subject.name).into(),
        scope(&r.scope),
        (&*r.role.name).into(),
        list(|x| &x.verbs),
        list(|x| &x.api_groups),
        list(|x| &x.resources),
        list(|x| &x.resource_names),
        list(|x| &x.non_resource_urls),
        word.into(),
        (&*r.role.kind).into(),
        namespace(&r.role.namespace),
        r.binding.kind.as_str().into(),
        namespace(&r.binding.namespace),
        (&*r.binding.name).into(),
        rule.map_or(Value::Null, |x| Value::Int(i64::try_from(x.index()).unwrap_or(i64::MAX))),
        Value::bound(r.reach.from),
        Value::bound(r.reach.to),
        r.basis.as_str().into(),
        Value::text(reason.map(|x| x.to_string())),
    ]
}
