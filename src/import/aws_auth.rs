//! The config map `kube-system/aws-auth` taken apart: YAML texts that map IAM roles, users and whole
//! accounts to Kubernetes names. Whoever can write it can be anybody.

use serde_json::Value;

/// Whom an entry maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// `mapRoles`.
    Role,
    /// `mapUsers`.
    User,
    /// `mapAccounts`: every identity of an account, under its own ARN.
    Account,
}

impl Mapped {
    /// The word used in `identities`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Account => "account",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whom it maps.
    pub mapped: Mapped,
    /// The ARN, or the account.
    pub outside: String,
    /// User name, maybe with placeholders (`{{SessionName}}`).
    pub username: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}

/// What one state of the config map says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Entries, in their order.
    pub entries: Vec<Entry>,
    /// What could not be read: the key, and why.
    pub malformed: Vec<(&'static str, String)>,
}

/// Whether a config map is the mapping.
pub fn is_mapping(key: &crate::model::object::ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "ConfigMap" && key.namespace == "kube-system" && key.name == "aws-auth"
}

/// Reads the mapping out of the config map's JSON; `None` when `data` is not known.
pub fn read(body: &str) -> Option<Mapping> {
    let body: Value = serde_json::from_str(body).ok()?;
    let data = body.get("data")?;
    let mut mapping = Mapping::default();
    for (key, mapped, outside) in [
        ("mapRoles", Mapped::Role, "rolearn"),
        ("mapUsers", Mapped::User, "userarn"),
        ("mapAccounts", Mapped::Account, ""),
    ] {
        let text = match data.get(key) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text,
            Some(_) => {
                mapping.malformed.push((key, "expected a text".to_owned()));
                continue;
            }
        };
        match parse(text) {
            Ok(items) => read_items(&items, key, mapped, outside, &mut mapping),
            Err(why) => mapping.malformed.push((key, why)),
        }
    }
    Some(mapping)
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    match serde_saphyr::from_str::<Value>(text) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(_) => Err("expected a list of entries".to_owned()),
        Err(e) => Err(e.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

fn read_items(items: &[Value], key: &'static str, mapped: Mapped, outside: &str, mapping: &mut Mapping) {
    for (n, item) in items.iter().enumerate() {
        let wrong = |what: &str| (key, format!("entry {}: expected {what}", n + 1));
        if mapped == Mapped::Account {
            match scalar(item) {
                Some(account) => {
                    mapping.entries.push(Entry { mapped, outside: account, username: None, groups: Vec::new() });
                }
                None => mapping.malformed.push(wrong("an account")),
            }
            continue;
        }
        // Keys are read without regard to case, as Go reads them.
        let get = |name: &str| item.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let Some(arn) = get(outside).and_then(Value::as_str).filter(|a| !a.is_empty()) else {
            mapping.malformed.push(wrong(&format!("`{outside}`")));
            continue;
        };
        let groups = match get("groups") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(scalar).collect(),
            Some(_) => None,
        };
        if groups.is_none() {
            mapping.malformed.push(wrong("a list of texts in `groups`"));
        }
        mapping.entries.push(Entry {
            mapped,
            outside: arn.to_owned(),
            username: get("username").and_then(scalar),
            groups: groups.unwrap_or_default(),
        });
    }
}

/// A scalar as text: YAML reads `123456789012` as a number. What was written for true or false is lost.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn config(data: &Value) -> String {
        serde_json::json!({"kind": "ConfigMap", "data": data}).to_string()
    }

    #[test]
    fn roles_users_and_accounts_are_read() {
        let roles = "- rolearn: arn:aws:iam::1:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:nodes\n";
        let users = "- userarn: arn:aws:iam::1:user/ops\n  groups: [system:masters, ops]\n";
        let found = read(&config(
            &serde_json::json!({"mapRoles": roles, "mapUsers": users, "mapAccounts": "- \"012345678901\"\n- 7\n"}),
        ))
        .unwrap();
        let told: Vec<_> = found
            .entries
            .iter()
            .map(|e| (e.mapped.as_str(), e.outside.as_str(), e.username.as_deref(), e.groups.join(",")))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "role",
                    "arn:aws:iam::1:role/nodes",
                    Some("system:node:{{EC2PrivateDNSName}}"),
                    "system:nodes".to_owned()
                ),
                ("user", "arn:aws:iam::1:user/ops", None, "system:masters,ops".to_owned()),
                ("account", "012345678901", None, String::new()),
                ("account", "7", None, String::new()),
            ]
        );
        assert!(found.malformed.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_kept() {
        let found = read(&config(&serde_json::json!({
            "mapRoles": "- rolearn: [1\n", "mapUsers": "- username: x\n- userarn: u\n  groups: x\n", "mapAccounts": {"a": 1}
        })))
        .unwrap();
        let keys: Vec<_> = found.malformed.iter().map(|(k, _)| *k).collect();
        assert_eq!(keys, ["mapRoles", "mapUsers", "mapUsers", "mapAccounts"]);
        assert_eq!(found.entries.len(), 1);
        assert_eq!(read(r#"{"kind":"ConfigMap"}"#), None);
        assert_eq!(read(&config(&serde_json::json!({}))), Some(Mapping::default()));
    }
}
