//! JSON values as YAML text, for objects that go back to a cluster. Only what cannot be misread is written
//! plain; every other text is quoted with escapes, so that no name from the evidence can change the document.

use serde_json::Value;

use super::escape::is_hidden;

/// Words that YAML 1.1 or 1.2 readers take for something other than text.
const TAKEN: [&str; 14] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "t", "f", "none"];

/// One YAML document in block style, ending in a line feed.
pub fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut text),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut text),
        _ => {
            text.push_str(&flow(value));
            text.push('\n');
        }
    }
    text
}

/// Writes a map or list that is not empty, each line indented.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.extend(std::iter::repeat_n(' ', indent));
                out.push_str(&text(key));
                out.push(':');
                nested(value, indent.saturating_add(2), indent, out);
            }
        }
        Value::Array(list) => {
            for value in list {
                out.extend(std::iter::repeat_n(' ', indent));
                out.push('-');
                item(value, indent.saturating_add(2), out);
            }
        }
        _ => {}
    }
}

/// What follows `key:`. A list may stand at the key's own indent.
fn nested(value: &Value, map_indent: usize, list_indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, map_indent, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, list_indent, out);
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

/// What follows `-`: the first line of a map or list goes beside it.
fn item(value: &Value, indent: usize, out: &mut String) {
    let mut inner = String::new();
    block(value, indent, &mut inner);
    match inner.get(indent..) {
        Some(rest) if !rest.is_empty() => {
            out.push(' ');
            out.push_str(rest);
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

/// A scalar, or an empty map or list.
fn flow(value: &Value) -> String {
    match value {
        Value::String(s) => text(s),
        other => other.to_string(),
    }
}

fn text(s: &str) -> String {
    if is_plain(s) { s.to_owned() } else { quoted(s) }
}

/// Letters first, then nothing that has a meaning in YAML.
fn is_plain(s: &str) -> bool {
    let first = s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let rest = s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'@'));
    first && rest && !TAKEN.contains(&s.to_ascii_lowercase().as_str())
}

/// In double quotes, whatever a reader cannot see escaped.
fn quoted(s: &str) -> String {
    let mut out = String::with_capacity(s.len().saturating_add(2));
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) || u32::from(c) > 0xffff => {
                let code = u32::from(c);
                out.push_str(&if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    #[test]
    fn a_role_reads_as_people_write_it() {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "x"},
            "rules": [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]}, {}],
        });
        let expected = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: x\nrules:\n- apiGroups:\n  - \"\"\n  resources:\n  - pods\n  - pods/log\n  verbs:\n  - get\n- {}\n";
        assert_eq!(document(&role), expected);
        assert_eq!(read(expected), role);
    }

    #[test]
    fn names_that_yaml_would_take_for_something_else_are_quoted() {
        for name in [
            "yes",
            "No",
            "null",
            "~",
            "1e3",
            "0x1f",
            "-",
            "*",
            "&a",
            "a: b",
            "#",
            "a #b",
            "",
            "true",
            "2026-11-24",
            "!x",
            "\u{85}",
            "\u{202e}",
            "😀",
        ] {
            assert!(document(&json!(name)).starts_with('"'), "{name}");
            assert_eq!(read(&document(&json!({"k": [name]}))), json!({"k": [name]}), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_changes_the_document(names in prop::collection::vec(any::<String>(), 0..5), key in any::<String>()) {
            let value = json!({"subjects": [{"name": names, "key": key}], "last": true});
            prop_assert_eq!(read(&document(&value)), value);
        }
    }
}
