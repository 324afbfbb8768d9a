//! The annotation in which kubectl keeps what it applied last. When kubectl moves on to server-side apply,
//! the API server itself keeps an annotation that is already there in step.
//!
//! Source: `apimachinery/pkg/util/managedfields/internal/lastappliedupdater.go`.

use serde_json::Value;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Above this, all annotations together, the API server drops this one.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Brings the annotation in step with what `manager` applied, if it is kubectl and the annotation is there.
pub(super) fn sync(object: &mut Value, config: &Value, manager: &str) {
    let annotations = object.get_mut("metadata").and_then(|m| m.get_mut("annotations")).and_then(Value::as_object_mut);
    let Some(annotations) = annotations.filter(|_| manager == "kubectl") else { return };
    if annotations.get(ANNOTATION).and_then(Value::as_str).is_none_or(str::is_empty) {
        return;
    }
    let mut config = config.clone();
    if let Some(applied) =
        config.get_mut("metadata").and_then(|m| m.get_mut("annotations")).and_then(Value::as_object_mut)
    {
        applied.remove(ANNOTATION);
    }
    let mut text = String::new();
    write_sorted(&config, &mut text);
    text.push('\n');
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size = |(name, value): (&String, &Value)| name.len().saturating_add(value.as_str().map_or(0, str::len));
    if annotations.iter().map(size).fold(0, usize::saturating_add) > MAX_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}

/// JSON as Go writes it: fields sorted, and `<`, `>`, `&` escaped in texts.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (place, (name, field)) in fields.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write_sorted(field, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out),
        other => out.push_str(&other.to_string()),
    }
}

fn write_text(text: &str, out: &mut String) {
    for c in Value::from(text).to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            other => out.push(other),
        }
    }
}
