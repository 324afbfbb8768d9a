//! JSON as Kubernetes writes it: the API server keeps the order of its Go fields, kubectl sorts keys and indents.
//! Written here and not with `serde_json::Value`, whose order of keys depends on the features other crates switch on.

use std::borrow::Cow;

/// A JSON value; objects keep the order in which they were built.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// A whole number.
    Number(i64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Object),
}

/// The members of an object.
pub(crate) type Object = Vec<(Cow<'static, str>, Json)>;

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[String]> for Json {
    fn from(texts: &[String]) -> Self {
        Self::List(texts.iter().map(|t| Self::Text(t.clone())).collect())
    }
}

/// Builds an object member by member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builder(pub(crate) Object);

impl Builder {
    /// Adds a member.
    pub(crate) fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Json>) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    /// Adds a string unless it is empty, as Go's `omitempty` does.
    pub(crate) fn text(self, key: &'static str, value: &str) -> Self {
        if value.is_empty() { self } else { self.with(key, value) }
    }

    /// Adds a list of strings unless it is empty.
    pub(crate) fn texts(self, key: &'static str, values: &[String]) -> Self {
        if values.is_empty() { self } else { self.with(key, values) }
    }

    /// Adds a member if there is one.
    pub(crate) fn maybe(self, key: &'static str, value: Option<Json>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The object.
    pub(crate) fn done(self) -> Json {
        Json::Object(self.0)
    }
}

/// An object to be built.
pub(crate) fn object() -> Builder {
    Builder::default()
}

impl Json {
    /// On one line, keys in the order given.
    pub(crate) fn push_compact(&self, out: &mut Vec<u8>) {
        Writer { out, sorted: false, indent: None }.value(self, 0);
    }

    /// On one line, keys sorted.
    pub(crate) fn sorted(&self) -> String {
        let mut out = Vec::new();
        Writer { out: &mut out, sorted: true, indent: None }.value(self, 0);
        String::from_utf8(out).unwrap_or_default()
    }

    /// As `kubectl get -o json` prints: sorted, indented by `indent`, with a line feed at the end.
    pub(crate) fn pretty(&self, indent: usize) -> Vec<u8> {
        let mut out = Vec::new();
        Writer { out: &mut out, sorted: true, indent: Some(indent) }.value(self, 0);
        out.push(b'\n');
        out
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    sorted: bool,
    indent: Option<usize>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Json, depth: usize) {
        match value {
            Json::Null => self.out.extend_from_slice(b"null"),
            Json::Number(n) => self.out.extend_from_slice(n.to_string().as_bytes()),
            Json::Text(text) => push_text(self.out, text),
            Json::List(items) => self.list(items, depth),
            Json::Object(members) => self.object(members, depth),
        }
    }

    fn list(&mut self, items: &[Json], depth: usize) {
        self.out.push(b'[');
        for (place, item) in items.iter().enumerate() {
            self.next(place, depth);
            self.value(item, depth.saturating_add(1));
        }
        self.close(items.is_empty(), depth, b']');
    }

    fn object(&mut self, members: &[(Cow<'static, str>, Json)], depth: usize) {
        let mut order: Vec<&(Cow<'static, str>, Json)> = members.iter().collect();
        if self.sorted {
            order.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.out.push(b'{');
        for (place, (key, value)) in order.into_iter().enumerate() {
            self.next(place, depth);
            push_text(self.out, key);
            self.out.extend_from_slice(if self.indent.is_some() { b": " } else { b":" });
            self.value(value, depth.saturating_add(1));
        }
        self.close(members.is_empty(), depth, b'}');
    }

    fn next(&mut self, place: usize, depth: usize) {
        if place > 0 {
            self.out.push(b',');
        }
        self.line(depth.saturating_add(1));
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: u8) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push(b'\n');
            self.out.resize(self.out.len().saturating_add(indent.saturating_mul(depth)), b' ');
        }
    }
}

/// Writes a quoted string the way Go's encoder does, HTML characters escaped.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Writes the inside of a quoted string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
