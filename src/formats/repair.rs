//! Makes a damaged document of records readable again, so that one broken byte in a page of a thousand
//! records costs one record and not the page.
//!
//! Only lists where exports keep their records are repaired: an element that cannot be read becomes
//! `null`, a document that breaks off is closed behind its last whole element. Nothing is moved, so
//! offsets and lines stay true. What was cut out is told and becomes rejects. Records inside bodies are
//! never taken for records: only siblings of the broken element are looked for.

use std::ops::Range;

use super::documents::Utf8;

/// A readable form of a damaged document.
#[derive(Debug)]
pub(super) struct Repaired {
    /// The document: as long as the original, or cut and closed.
    pub(super) text: String,
    /// How many bytes of the input it stands for.
    pub(super) consumed: usize,
    /// What was cut out: where, and why.
    pub(super) cuts: Vec<(Range<usize>, String)>,
}

/// Repairs the document `bytes` starts with; `None` when no record of it can be saved that way.
pub(super) fn repair(bytes: &[u8]) -> Option<Repaired> {
    let budget = bytes.len().saturating_mul(8).saturating_add(1 << 20);
    let mut walk = Walk { bytes, text: Utf8::new(bytes), out: bytes.to_vec(), cuts: Vec::new(), kept: 0, budget };
    let step = match bytes.first()? {
        b'{' => walk.object(0, Role::Page),
        b'[' => walk.array(0, None),
        _ => return None,
    };
    let consumed = match step {
        Step::At(end) => {
            walk.out.truncate(end);
            end
        }
        Step::Ended => bytes.len(),
    };
    let text = String::from_utf8(walk.out).ok()?;
    (walk.kept > 0 && !walk.cuts.is_empty()).then_some(Repaired { text, consumed, cuts: walk.cuts })
}

/// What an object is, which tells under which keys records lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A page of an export, or a list of objects.
    Page,
    /// `hits` of Elasticsearch.
    Hits,
    /// `data` of Loki.
    Data,
    /// A stream of Loki.
    Stream,
}

/// What lies under a key.
#[derive(Clone, Copy)]
enum Child {
    Object(Role),
    /// A list of records.
    Records,
    /// A list of objects that hold records.
    Lists(Role),
}

impl Role {
    const fn children(self) -> &'static [(&'static str, Child)] {
        match self {
            Self::Page => &[
                ("events", Child::Records),
                ("logEvents", Child::Records),
                ("records", Child::Records),
                ("items", Child::Records),
                ("results", Child::Records),
                ("hits", Child::Object(Role::Hits)),
                ("data", Child::Object(Role::Data)),
            ],
            Self::Hits => &[("hits", Child::Records)],
            Self::Data => &[("result", Child::Lists(Role::Stream))],
            Self::Stream => &[("values", Child::Records)],
        }
    }
}

/// Where walking stands.
enum Step {
    /// Behind a value.
    At(usize),
    /// The rest was cut off.
    Ended,
}

struct Walk<'b> {
    bytes: &'b [u8],
    text: Utf8<'b>,
    out: Vec<u8>,
    cuts: Vec<(Range<usize>, String)>,
    kept: u64,
    /// Bytes that may still be read in search of siblings.
    budget: usize,
}

impl Walk<'_> {
    fn object(&mut self, at: usize, role: Role) -> Step {
        let mut at = at + 1;
        loop {
            at = self.blank(at);
            if self.bytes.get(at) == Some(&b'}') {
                return Step::At(at + 1);
            }
            let start = at;
            let why = match self.member(at, role) {
                Ok(Step::At(end)) => {
                    at = self.blank(end);
                    match self.bytes.get(at) {
                        Some(b',') => {
                            at += 1;
                            continue;
                        }
                        Some(b'}') => return Step::At(at + 1),
                        _ => "expected `,` or `}`".to_owned(),
                    }
                }
                Ok(Step::Ended) => {
                    self.out.push(b'}');
                    return Step::Ended;
                }
                Err(why) => why,
            };
            let comma = at != start;
            match self.next_member(at, role) {
                Some(next) => {
                    self.blank_out(at..next, why, false, comma);
                    at = next;
                }
                None => {
                    self.cut_off(at, why);
                    self.out.push(b'}');
                    return Step::Ended;
                }
            }
        }
    }

    /// A key and its value.
    fn member(&mut self, at: usize, role: Role) -> Result<Step, String> {
        let key = self.text.first_value(at)?;
        let name: String = serde_json::from_str(key).map_err(|_| "expected a key".to_owned())?;
        let colon = self.blank(at + key.len());
        if self.bytes.get(colon) != Some(&b':') {
            return Err("expected `:`".to_owned());
        }
        let value = self.blank(colon + 1);
        let child = role.children().iter().find(|(key, _)| *key == name).map(|(_, child)| *child);
        match (child, self.bytes.get(value)) {
            (Some(Child::Records), Some(b'[')) => Ok(self.array(value, None)),
            (Some(Child::Lists(role)), Some(b'[')) => Ok(self.array(value, Some(role))),
            (Some(Child::Object(role)), Some(b'{')) => Ok(self.object(value, role)),
            _ => self.text.first_value(value).map(|v| Step::At(value + v.len())),
        }
    }

    /// The next key under which records lie.
    fn next_member(&self, from: usize, role: Role) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let opens = |at: usize, name: &str| {
            let colon = self.blank(at + name.len() + 2);
            self.bytes.get(colon) == Some(&b':') && matches!(self.bytes.get(self.blank(colon + 1)), Some(b'[' | b'{'))
        };
        let places = role.children().iter().filter_map(|(name, _)| {
            let quoted = format!("\"{name}\"");
            memchr::memmem::find_iter(rest, quoted.as_bytes()).map(|i| from + i).take(64).find(|at| opens(*at, name))
        });
        places.min()
    }

    /// A list; `inner` says what its elements are, when they hold records themselves.
    fn array(&mut self, at: usize, inner: Option<Role>) -> Step {
        let mut at = at + 1;
        let mut before: Option<usize> = None;
        loop {
            at = self.blank(at);
            if self.bytes.get(at) == Some(&b']') {
                return Step::At(at + 1);
            }
            let start = at;
            let why = match self.text.first_value(at) {
                Ok(value) => {
                    self.kept += 1;
                    let end = at + value.len();
                    before = Some(start);
                    at = self.blank(end);
                    match self.bytes.get(at) {
                        Some(b',') => {
                            at += 1;
                            continue;
                        }
                        Some(b']') => return Step::At(at + 1),
                        Some(b'{' | b'[') if at > end => {
                            self.put(end, b',');
                            self.cuts.push((end..at, "expected `,`".to_owned()));
                            continue;
                        }
                        _ => "expected `,` or `]`".to_owned(),
                    }
                }
                Err(why) => why,
            };
            let broken_element = at == start;
            if let Some(role) = inner.filter(|_| broken_element && self.bytes.get(at) == Some(&b'{')) {
                match self.object(at, role) {
                    Step::At(end) => at = self.after_element(end),
                    Step::Ended => {
                        self.out.push(b']');
                        return Step::Ended;
                    }
                }
                continue;
            }
            match self.sibling(start, at, before) {
                Some((next, last)) => {
                    self.blank_out(at..next, why, broken_element, !last);
                    at = next;
                }
                None => {
                    let page = inner.is_none() && before.is_none() && broken_element && self.bytes.get(at) == Some(&b'{');
                    let step = if page { self.object(at, Role::Page) } else { Step::Ended };
                    if !page {
                        self.cut_off(at, why);
                    }
                    if let Step::At(end) = step {
                        at = self.after_element(end);
                        continue;
                    }
                    self.out.push(b']');
                    return Step::Ended;
                }
            }
        }
    }

    /// Passes the comma behind an element that was repaired.
    fn after_element(&self, end: usize) -> usize {
        let at = self.blank(end);
        if self.bytes.get(at) == Some(&b',') { at + 1 } else { at }
    }

    /// Where the next element of the list starts, or (`true`) where the list ends.
    fn sibling(&mut self, start: usize, from: usize, before: Option<usize>) -> Option<(usize, bool)> {
        let open = *self.bytes.get(before.unwrap_or(start)).filter(|b| matches!(b, b'{' | b'['))?;
        match indentation(self.bytes, start) {
            Some(indent) => self.indented_sibling(indent, from, open),
            None => self.compact_sibling(start, from, before).map(|at| (at, false)),
        }
    }

    /// Pretty-printed: elements of one list are indented alike, and its end less.
    fn indented_sibling(&mut self, indent: &[u8], from: usize, open: u8) -> Option<(usize, bool)> {
        let rest = self.bytes.get(from..)?;
        for i in memchr::memchr_iter(b'\n', rest) {
            let line = rest.get(i + 1..)?;
            let depth = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let at = from + i + 1 + depth;
            let first = self.bytes.get(at);
            if depth < indent.len() && first == Some(&b']') {
                return Some((at, true));
            }
            let alike = line.get(..depth) == Some(indent) && first == Some(&open);
            if alike && self.whole(at)? {
                return Some((at, false));
            }
        }
        None
    }

    /// On one line: elements of one list start with the same key.
    fn compact_sibling(&mut self, start: usize, from: usize, before: Option<usize>) -> Option<usize> {
        let head = self.bytes.get(before.unwrap_or(start)..)?;
        let end = match head.first()? {
            b'[' => memchr::memchr2(b'"', b'{', head.get(1..64)?)? + 2,
            _ => memchr::memchr(b':', head.get(..64.min(head.len()))?)? + 1,
        };
        let pattern = head.get(..end)?.to_vec();
        let rest = self.bytes.get(from + 1..)?;
        let places: Vec<usize> = memchr::memmem::find_iter(rest, &pattern).map(|i| from + 1 + i).take(256).collect();
        for at in places {
            let follows = self.bytes.get(..at).is_some_and(|b| b.trim_ascii_end().ends_with(b","));
            if follows && self.whole(at)? {
                return Some(at);
            }
        }
        None
    }

    /// Whether a whole value, and then the list's next or end, lies at a place. `None` once too much was read.
    fn whole(&mut self, at: usize) -> Option<bool> {
        let value = self.text.first_value(at);
        let read = value.as_ref().map_or(4096, |v| v.len());
        self.budget = self.budget.checked_sub(read)?;
        Some(value.is_ok_and(|v| matches!(self.bytes.get(self.blank(at + v.len())), Some(b',' | b']'))))
    }

    fn blank(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
    }

    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.out.get_mut(at) {
            *place = byte;
        }
    }

    /// Blanks a stretch in the middle; `null` stands for a broken element, a comma for what follows.
    fn blank_out(&mut self, range: Range<usize>, why: String, element: bool, comma: bool) {
        for at in range.clone() {
            if self.bytes.get(at) != Some(&b'\n') {
                self.put(at, b' ');
            }
        }
        let stand_in: &[u8] = if !element { b"" } else if range.len() > 4 { b"null" } else { b"0" };
        for (at, byte) in range.clone().zip(stand_in) {
            self.put(at, *byte);
        }
        if comma && range.len() > stand_in.len() {
            self.put(range.end - 1, b',');
        }
        self.cuts.push((range, why));
    }

    /// Cuts everything from `at` on, and the comma before it.
    fn cut_off(&mut self, at: usize, why: String) {
        self.out.truncate(at);
        let kept = self.out.trim_ascii_end();
        let kept = kept.strip_suffix(b",").unwrap_or(kept).len();
        self.out.truncate(kept);
        self.cuts.push((at..self.bytes.len(), why));
    }
}

/// The white space before a place, if nothing else is before it on its line.
fn indentation(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let before = bytes.get(..at)?;
    let line = memchr::memrchr(b'\n', before)? + 1;
    let indent = before.get(line..)?;
    indent.iter().all(|b| matches!(b, b' ' | b'\t')).then_some(indent)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn page(n: usize) -> Value {
        let events: Vec<Value> = (0..n).map(|i| json!({"message": format!("m{i} },{{\"message\":0}}"), "x": [{"y": {}}, 1]})).collect();
        json!({"head": {"a": [1]}, "events": events, "nextToken": "t"})
    }

    fn messages(text: &str) -> Vec<String> {
        let v: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        v["events"].as_array().into_iter().flatten().filter_map(|e| Some(e["message"].as_str()?[..2].to_owned())).collect()
    }

    #[test]
    fn a_cut_page_keeps_all_elements_before_the_cut() {
        for text in [page(5).to_string(), serde_json::to_string_pretty(&page(5)).unwrap()] {
            let at = text.find("m3").unwrap();
            let r = repair(&text.as_bytes()[..at]).unwrap();
            assert_eq!(messages(&r.text), ["m0", "m1", "m2"]);
            assert_eq!((r.cuts.len(), r.consumed), (1, at));
        }
    }

    #[test]
    fn a_broken_element_is_one_cut_and_the_rest_is_kept() {
        for text in [page(5).to_string(), serde_json::to_string_pretty(&page(5)).unwrap()] {
            let mut bytes = text.clone().into_bytes();
            let at = text.find("m2").unwrap();
            bytes[at - 1] = 0xff;
            let r = repair(&bytes).unwrap();
            assert_eq!(messages(&r.text), ["m0", "m1", "m3", "m4"]);
            assert_eq!((r.cuts.len(), r.text.len(), r.consumed), (1, text.len(), text.len()));
            assert!(r.cuts[0].0.contains(&at) && r.text.contains("nextToken"));
        }
    }

    #[test]
    fn damage_before_the_list_costs_the_head_only() {
        let text = page(3).to_string().replace("[1]", "[1x");
        let r = repair(text.as_bytes()).unwrap();
        assert_eq!(messages(&r.text), ["m0", "m1", "m2"]);
    }

    #[test]
    fn streams_inside_lists_are_repaired_too() {
        let text = r#"{"data":{"resultType":"streams","result":[{"stream":{"n":"a"},"values":[["1","x"],["2","y"#;
        let r = repair(text.as_bytes()).unwrap();
        assert_eq!(r.text, r#"{"data":{"resultType":"streams","result":[{"stream":{"n":"a"},"values":[["1","x"]]}]}}"#);
    }

    #[test]
    fn other_documents_are_left_alone() {
        for text in [r#"{"kind":"Event","requestObject":{"items":[{"a":1},x"#, "[", "{", "x", r#"{"a":1}"#, ""] {
            assert!(repair(text.as_bytes()).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_repaired_is_json_and_cuts_lie_inside(at in 0_usize..400, byte: u8, pretty: bool, cut: bool) {
            let text = if pretty { serde_json::to_string_pretty(&page(4)).unwrap() } else { page(4).to_string() };
            let mut bytes = text.into_bytes();
            let at = at.min(bytes.len() - 1);
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            if let Some(r) = repair(&bytes) {
                prop_assert!(serde_json::from_str::<Value>(&r.text).is_ok(), "{}", r.text);
                prop_assert!(r.cuts.iter().all(|(c, _)| c.start <= c.end && c.end <= bytes.len()));
            }
        }
    }
}
