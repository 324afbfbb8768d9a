//! Whether two records of one identity say the same.
//!
//! Copies of one event differ in form: another key order, bodies removed for size, fields that an export
//! format cannot carry. A record is a copy of another only when everything it *does* say is said there, too;
//! what is missing is excused only by a sign of truncation or by what the source's format is known to lack.

use serde_json::{Map, Value};

/// How two records of one identity stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They say the same.
    Same,
    /// The first says part of what the second says.
    FirstIsPoorer,
    /// The second says part of what the first says.
    SecondIsPoorer,
    /// They say different things: two events.
    Different,
}

/// The content of an event for comparison: its fields by column name, JSON parsed, missing ones left out.
pub type Content = Map<String, Value>;

/// A record with what its source's format cannot carry: columns of `events`, those carried in part with the
/// missing part in parentheses, as in `sources.absent_fields`.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it says.
    pub content: &'a Content,
    /// What its format cannot say.
    pub absent: &'a [String],
}

/// Fields that truncation removes.
const BODIES: [&str; 2] = ["request_object", "response_object"];
/// What some services put in place of a body.
const TOO_BIG: &str = "skipped-too-big-size-object";
const TRUNCATED: &str = "audit.k8s.io/truncated";

/// Whether anything is missing in a record that another copy may have.
pub fn may_be_poorer(side: Side<'_>) -> bool {
    side.is_truncated() || !side.absent.is_empty()
}

/// Compares two records field by field.
pub fn compare(first: Side<'_>, second: Side<'_>) -> Relation {
    if first.content == second.content {
        return Relation::Same;
    }
    let mut names: Vec<&String> = first.content.keys().chain(second.content.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let (mut first_lacks, mut second_lacks) = (0_usize, 0_usize);
    for name in names.into_iter().filter(|n| *n != "truncated") {
        let (a, b) = (first.value(name), second.value(name));
        if a == b {
            continue;
        }
        if first.lacks(name, a.as_ref(), b.as_ref()) {
            first_lacks += 1;
        } else if second.lacks(name, b.as_ref(), a.as_ref()) {
            second_lacks += 1;
        } else {
            return Relation::Different;
        }
    }
    match (first_lacks, second_lacks) {
        (0, 0) if first.is_truncated() && !second.is_truncated() => Relation::FirstIsPoorer,
        (0, 0) if second.is_truncated() && !first.is_truncated() => Relation::SecondIsPoorer,
        (0, 0) => Relation::Same,
        (a, b) if a > b => Relation::FirstIsPoorer,
        _ => Relation::SecondIsPoorer,
    }
}

impl Side<'_> {
    fn is_truncated(self) -> bool {
        self.content.get("truncated") == Some(&Value::Bool(true))
    }

    /// A field's value without the sign of truncation, which only one of two copies has.
    fn value(self, name: &str) -> Option<Value> {
        let mut value = self.content.get(name)?.clone();
        if let Value::Object(annotations) = &mut value
            && name == "annotations"
        {
            annotations.remove(TRUNCATED);
            if annotations.is_empty() {
                return None;
            }
        }
        Some(value)
    }

    /// Whether this record's value may be what its format or truncation left of `full`.
    fn lacks(self, name: &str, own: Option<&Value>, full: Option<&Value>) -> bool {
        let Some(full) = full else { return false };
        if self.is_truncated() && BODIES.contains(&name) && own.is_none_or(|v| v == TOO_BIG) {
            return true;
        }
        let part = self
            .absent
            .iter()
            .find_map(|field| field.strip_prefix(name).filter(|p| p.is_empty() || p.starts_with(' ')));
        match (part, own) {
            (Some(_), None) => true,
            (Some(" (microseconds)"), Some(own)) => same_but_finer(own, full),
            (Some(" (after the first)"), Some(Value::Array(own))) => {
                own.len() == 1 && full.as_array().is_some_and(|full| full.first() == own.first())
            }
            // Shippers that rewrite keys: dots become underscores.
            (Some(" (exact keys)"), Some(own)) => plain_keys(own) == plain_keys(full),
            _ => false,
        }
    }
}

/// Whether two instants (microseconds) are one, the first cut or rounded to milliseconds or seconds.
fn same_but_finer(coarse: &Value, fine: &Value) -> bool {
    let (Some(coarse), Some(fine)) = (coarse.as_i64(), fine.as_i64()) else { return false };
    let unit = [1_000_000, 1_000].into_iter().find(|unit| coarse % unit == 0);
    unit.is_some_and(|unit| coarse.abs_diff(fine) < unit.unsigned_abs())
}

/// Values by keys in which everything but letters and digits is one.
fn plain_keys(value: &Value) -> Vec<(String, &Value)> {
    let plain = |key: &String| key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut pairs: Vec<(String, &Value)> =
        value.as_object().into_iter().flatten().map(|(k, v)| (plain(k), v)).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    // A key that is read again by its exact name stands beside its rewritten form.
    pairs.dedup();
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn content(v: Value) -> Content {
        v.as_object().unwrap().clone()
    }

    fn relation(first: &Content, second: &Content) -> Relation {
        compare(Side { content: first, absent: &[] }, Side { content: second, absent: &[] })
    }

    #[test]
    fn a_truncated_copy_agrees_with_its_full_one_and_nothing_else_does() {
        let full = content(json!({"verb": "update", "request_object": {"a": 1}, "response_object": {"b": 2}}));
        let cut =
            content(json!({"verb": "update", "truncated": true, "annotations": {"audit.k8s.io/truncated": "true"}}));
        assert_eq!(relation(&cut, &full), Relation::FirstIsPoorer);
        assert_eq!(relation(&full, &cut), Relation::SecondIsPoorer);
        let unmarked = content(json!({"verb": "update"}));
        assert_eq!(relation(&unmarked, &full), Relation::Different);
        let other = content(json!({"verb": "delete", "truncated": true}));
        assert_eq!(relation(&other, &full), Relation::Different);
        let half = content(json!({"verb": "update", "truncated": true, "request_object": {"a": 9}}));
        assert_eq!(relation(&half, &full), Relation::Different);
    }

    #[test]
    fn a_poorer_format_agrees_in_all_it_can_say_and_in_nothing_else() {
        let full = content(json!({
            "verb": "get", "user_uid": "u1", "source_ips": ["203.0.113.9", "10.0.0.1"],
            "stage_timestamp": 1_700_000_000_123_456_i64, "annotations": {"a.b/c": "x"}
        }));
        let absent: Vec<String> =
            ["user_uid", "source_ips (after the first)", "stage_timestamp (microseconds)", "annotations (exact keys)"]
                .map(str::to_owned)
                .into();
        let poor = content(json!({
            "verb": "get", "source_ips": ["203.0.113.9"], "stage_timestamp": 1_700_000_000_123_000_i64,
            "annotations": {"a_b_c": "x", "a.b/c": "x"}
        }));
        let told =
            |poor: &Content| compare(Side { content: poor, absent: &absent }, Side { content: &full, absent: &[] });
        assert_eq!(told(&poor), Relation::FirstIsPoorer);
        for (field, value) in [
            ("verb", json!("list")),
            ("user_uid", json!("u2")),
            ("source_ips", json!(["10.0.0.1"])),
            ("stage_timestamp", json!(1_700_000_000_125_000_i64)),
            ("annotations", json!({"a_b_c": "y"})),
            ("user_agent", json!("curl")),
        ] {
            let mut other = poor.clone();
            other.insert(field.to_owned(), value);
            assert_eq!(told(&other), Relation::Different, "{field}");
        }
        // The same record from a format that carries everything says less: that is another event.
        assert_eq!(relation(&poor, &full), Relation::Different);
    }
}
