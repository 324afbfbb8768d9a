//! Reads the authorizer's reason out of an audit annotation.
//!
//! Its form is `RBAC: allowed by RoleBinding "name/namespace" of Role "name" to User "name"`: name
//! before namespace, names in Go quotes. Source: `plugin/pkg/auth/authorizer/rbac/rbac.go` and the
//! describers in `pkg/registry/rbac/validation/rule.go`.

use super::object::ObjectKey;
use super::rbac::{RBAC_GROUP, RbacKind};

/// The grant that a reason names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGrant {
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub binding_kind: RbacKind,
    /// Namespace of the binding, `""` for a ClusterRoleBinding.
    pub binding_namespace: String,
    /// Name of the binding.
    pub binding: String,
    /// `Role` or `ClusterRole`.
    pub role_kind: RbacKind,
    /// Name of the role.
    pub role: String,
    /// `User`, `Group` or `ServiceAccount`.
    pub subject_kind: String,
    /// Name of the subject.
    pub subject: String,
    /// Namespace of a service account.
    pub subject_namespace: String,
}

/// Reads a reason of an allowed request; `None` when another authorizer gave it.
pub fn parse(reason: &str) -> Option<NamedGrant> {
    let rest = reason.strip_prefix("RBAC: allowed by ")?;
    let (binding_kind, rest) = rest.split_once(' ')?;
    let (binding, rest) = unquote(rest)?;
    let (role_kind, rest) = rest.strip_prefix(" of ")?.split_once(' ')?;
    let (role, rest) = unquote(rest)?;
    let (subject_kind, rest) = rest.strip_prefix(" to ")?.split_once(' ')?;
    let (subject, _) = unquote(rest)?;
    let binding_kind = RbacKind::from_kind(binding_kind)?;
    let (binding, binding_namespace) = match binding_kind {
        RbacKind::RoleBinding => split(&binding)?,
        _ => (binding, String::new()),
    };
    let (subject, subject_namespace) = match subject_kind {
        "ServiceAccount" => split(&subject)?,
        _ => (subject, String::new()),
    };
    Some(NamedGrant {
        binding_kind,
        binding_namespace,
        binding,
        role_kind: RbacKind::from_kind(role_kind)?,
        role,
        subject_kind: subject_kind.to_owned(),
        subject,
        subject_namespace,
    })
}

/// The binding and the role that a reason names.
pub fn named_objects(reason: &str) -> Vec<ObjectKey> {
    let Some(grant) = parse(reason) else { return Vec::new() };
    let key = |kind: RbacKind, namespace: String, name: String| ObjectKey {
        group: RBAC_GROUP.to_owned(),
        kind: kind.as_str().to_owned(),
        namespace,
        name,
    };
    let role_namespace =
        if grant.role_kind == RbacKind::Role { grant.binding_namespace.clone() } else { String::new() };
    vec![
        key(grant.binding_kind, grant.binding_namespace, grant.binding),
        key(grant.role_kind, role_namespace, grant.role),
    ]
}

fn split(pair: &str) -> Option<(String, String)> {
    let (name, namespace) = pair.rsplit_once('/')?;
    Some((name.to_owned(), namespace.to_owned()))
}

/// A Go-quoted string at the start of `text`, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, body.get(at + 1..)?)),
            '\\' => out.push(escape(&mut chars)?),
            other => out.push(other),
        }
    }
    None
}

fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let (_, c) = chars.next()?;
    Some(match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        'x' => return hex(chars, 2),
        'u' => return hex(chars, 4),
        'U' => return hex(chars, 8),
        other => other,
    })
}

fn hex(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let text: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_before_the_namespace() {
        let g = parse(
            r#"RBAC: allowed by RoleBinding "alice-admin/payments" of ClusterRole "admin" to ServiceAccount "api/web""#,
        )
        .unwrap();
        assert_eq!((g.binding.as_str(), g.binding_namespace.as_str()), ("alice-admin", "payments"));
        assert_eq!((g.subject.as_str(), g.subject_namespace.as_str()), ("api", "web"));
        assert_eq!(g.role_kind, RbacKind::ClusterRole);
    }

    #[test]
    fn go_escapes_are_undone_and_other_reasons_are_left_alone() {
        let g =
            parse(r#"RBAC: allowed by ClusterRoleBinding "a:b" of ClusterRole "c" to User "q\"\u00e9\x1b\\""#).unwrap();
        assert_eq!(g.subject, "q\"é\u{1b}\\");
        for other in [
            "",
            "access granted by IAM",
            "RBAC: allowed by RoleBinding \"x",
            "RBAC: allowed by Thing \"a\" of Role \"b\" to User \"c\"",
        ] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
