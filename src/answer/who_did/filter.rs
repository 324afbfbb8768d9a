//! What `who-did` is asked: as conditions on events, and as the question that is shown.

use super::count::Unit;
use crate::answer::Value;
use crate::case::condition::{Condition, Test};
use crate::case::pattern::Pattern;
use crate::case::sieve::Sieve;
use crate::model::audit::MUTATING_VERBS;
use crate::model::time::Interval;

/// Where `--text` looks.
const BODIES: [&str; 2] = ["request_object", "response_object"];

/// What is asked; empty fields ask nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Verbs, any of them.
    pub verbs: Vec<String>,
    /// API group, where it is known, and plural resource.
    pub resource: Option<(Option<String>, String)>,
    /// Subresource.
    pub subresource: Option<String>,
    /// Object name.
    pub name: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// User name pattern, `*` for any text; matches the authenticated and the impersonated user.
    pub user: Option<String>,
    /// A group of the authenticated or impersonated user.
    pub group: Option<String>,
    /// Pattern of the request URI.
    pub uri: Option<String>,
    /// Address, any place in the list.
    pub source_ip: Option<String>,
    /// Pattern of the user agent.
    pub user_agent: Option<String>,
    /// HTTP status codes, any of them.
    pub codes: Vec<i32>,
    /// Only what the authorizer forbade.
    pub denied: bool,
    /// Only requests that change something.
    pub changes: bool,
    /// Credential id.
    pub credential: Option<String>,
    /// Text inside the bodies.
    pub text: Option<String>,
    /// Stretch of time in which a stage was reached.
    pub within: Option<Interval>,
    /// At most so many rows.
    pub limit: Option<u32>,
}

impl Filter {
    /// What lets through the events asked for.
    pub(super) fn sieve(&self) -> Sieve<'_> {
        Sieve {
            within: self.within.unwrap_or(Interval::ALWAYS),
            conditions: self.conditions(),
            text: self.text.as_deref().map(|text| (BODIES.as_slice(), text)),
        }
    }

    /// What must hold of an event besides its bodies, those first that cost little to look at.
    fn conditions(&self) -> Vec<Condition> {
        let mut all = Vec::new();
        // Events are filed under the time that counts here.
        if let Some(within) = self.within.filter(|w| *w != Interval::ALWAYS) {
            let columns = ["stage_timestamp", "request_received_timestamp"];
            all.push(Condition(vec![Test::Time { columns, within }]));
        }
        let mut add = |columns: &[&'static str], one_of: &[Pattern], or_missing: bool| {
            let tests = columns.iter().map(|column| Test::Text { column, one_of: one_of.to_vec(), or_missing });
            all.push(Condition(tests.collect()));
        };
        let one = |text: &Option<String>, exact: bool| {
            text.as_deref().map(|text| [if exact { Pattern::exactly(text) } else { Pattern::new(text) }])
        };
        if !self.verbs.is_empty() {
            add(&["verb"], &exactly(&self.verbs), false);
        }
        if self.changes {
            add(&["verb"], &exactly(&MUTATING_VERBS), false);
        }
        if self.denied {
            add(&["authorization_decision"], &exactly(&["forbid"]), false);
        }
        if let Some((group, resource)) = &self.resource {
            add(&["object_ref_resource"], &exactly(&[resource]), false);
            if let Some(group) = group {
                add(&["object_ref_api_group"], &exactly(&[group]), group.is_empty());
            }
        }
        for (columns, pattern) in [
            (&["object_ref_subresource"][..], &self.subresource),
            (&["user_username", "impersonated_user_username"], &self.user),
            (&["object_ref_namespace"], &self.namespace),
            (&["user_credential_id"], &self.credential),
            (&["user_agent"], &self.user_agent),
            (&["object_ref_name"], &self.name),
            (&["request_uri"], &self.uri),
        ] {
            if let Some(pattern) = one(pattern, false) {
                add(columns, &pattern, false);
            }
        }
        if !self.codes.is_empty() {
            let test = Test::Number { column: "response_status_code", one_of: self.codes.clone() };
            all.push(Condition(vec![test]));
        }
        let mut holds = |columns: &[&'static str], text: &Option<String>| {
            let item = |text: &String| columns.iter().map(|column| Test::Item { column, text: text.clone() }).collect();
            all.extend(text.as_ref().map(|text| Condition(item(text))));
        };
        holds(&["source_ips"], &self.source_ip);
        holds(&["user_groups", "impersonated_user_groups"], &self.group);
        all
    }

    /// The question, key by key.
    pub(super) fn describe(&self, count_by: Option<Unit>) -> Vec<(&'static str, Value)> {
        let mut keys = Vec::new();
        let mut add = |key: &'static str, value: Option<Value>| keys.extend(value.map(|v| (key, v)));
        let text = |v: &Option<String>| v.as_deref().map(Value::from);
        let codes = || self.codes.iter().map(|c| Value::Int(i64::from(*c))).collect();
        add("verbs", (!self.verbs.is_empty()).then(|| Value::texts(&self.verbs)));
        add("api_group", self.resource.as_ref().and_then(|r| r.0.as_deref()).map(Value::from));
        add("resource", self.resource.as_ref().map(|r| r.1.as_str().into()));
        add("subresource", text(&self.subresource));
        add("name", text(&self.name));
        add("namespace", text(&self.namespace));
        add("user", text(&self.user));
        add("group", text(&self.group));
        add("uri", text(&self.uri));
        add("source_ip", text(&self.source_ip));
        add("user_agent", text(&self.user_agent));
        add("codes", (!self.codes.is_empty()).then(|| Value::List(codes())));
        add("denied", self.denied.then_some(Value::Bool(true)));
        add("changes", self.changes.then_some(Value::Bool(true)));
        add("credential", text(&self.credential));
        add("text", text(&self.text));
        add("count_by", count_by.map(|unit| unit.name().into()));
        keys
    }
}

fn exactly<T: AsRef<str>>(texts: &[T]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::exactly(text.as_ref())).collect()
}
