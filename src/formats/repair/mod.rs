//! Makes a damaged document of records readable again, so that one broken byte in a page of a thousand
//! records costs one record and not the page.
//!
//! Only lists where exports keep their records are repaired: an element that cannot be read becomes
//! `null`, a document that breaks off is closed behind its last whole element. Nothing is moved, so
//! offsets and lines stay true. What was cut out is told and becomes rejects. Records inside bodies are
//! never taken for records: only siblings of the broken element are looked for.

mod list;

use std::ops::Range;

use super::documents::Utf8;

/// Bytes of a damaged head that are passed over.
const MAX_HEAD: usize = 4096;

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
    // Damage has more forms than repairs: what came out wrong is no repair.
    let readable = || serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    (walk.kept > 0 && !walk.cuts.is_empty() && readable()).then_some(Repaired { text, consumed, cuts: walk.cuts })
}

/// Where a list of records goes on behind damage: `bytes` hold records of it, and what is damaged starts at `start`.
/// `like` is how a whole record starts.
pub(super) fn next_element(bytes: &[u8], start: usize, like: &[u8]) -> Option<usize> {
    let budget = bytes.len().saturating_mul(8).saturating_add(1 << 20);
    let mut walk = Walk { bytes, text: Utf8::new(bytes), out: Vec::new(), cuts: Vec::new(), kept: 0, budget };
    walk.sibling(start, start, like).filter(|(_, ended)| !ended).map(|(at, _)| at)
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
                self.drop_comma(at);
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
            match self.next_member(at, start + 1, role) {
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

    /// The next key from `from` on under which records lie, beside the damaged member.
    fn next_member(&self, damage: usize, from: usize, role: Role) -> Option<usize> {
        let from = damage.max(from);
        let rest = self.bytes.get(from..)?;
        let opens = |at: usize, name: &str| {
            let colon = self.blank(at + name.len() + 2);
            self.bytes.get(colon) == Some(&b':') && matches!(self.bytes.get(self.blank(colon + 1)), Some(b'[' | b'{'))
        };
        let places = role.children().iter().filter_map(|(name, _)| {
            let quoted = format!("\"{name}\"");
            let mut found = memchr::memmem::find_iter(rest, quoted.as_bytes()).map(|i| from + i).take(64);
            found.find(|at| opens(*at, name) && self.is_beside(damage..*at))
        });
        places.min()
    }

    /// Whether what lies between a damaged member and a key leaves the key on the member's level: heads
    /// of exports are short, their brackets close, and they are no audit events.
    fn is_beside(&self, between: Range<usize>) -> bool {
        let between = self.bytes.get(between).unwrap_or_default();
        let count = |a: u8, b: u8| memchr::memchr2_iter(a, b, between).count();
        between.len() <= MAX_HEAD
            && count(b'{', b'[') == count(b'}', b']')
            && memchr::memmem::find(between, b"\"auditID\"").is_none()
    }

    fn blank(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        // JSON's white space: a form feed is damage.
        at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
    }

    /// Takes out a comma that nothing follows but the end at `end`.
    fn drop_comma(&mut self, end: usize) {
        let before = self.out.get(..end).unwrap_or_default();
        let last = before.iter().rposition(|b| !b.is_ascii_whitespace());
        if let Some(at) = last.filter(|at| before.get(*at) == Some(&b',')) {
            self.put(at, b' ');
            self.cuts.push((at..at + 1, "expected another element behind the comma".to_owned()));
        }
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
        // Line ends stay where they are: lines are counted in the repaired text too.
        let free = |at: &usize| self.bytes.get(*at) != Some(&b'\n');
        let mut behind = range.start;
        if element {
            let fits = |at: &usize| range.len() > 4 && (*at..*at + 4).all(|i| i < range.end && free(&i));
            let (at, stand_in): (usize, &[u8]) = match range.clone().find(fits) {
                Some(at) => (at, b"null"),
                None => (range.clone().find(free).unwrap_or(range.start), b"0"),
            };
            for (at, byte) in (at..).zip(stand_in) {
                self.put(at, *byte);
            }
            behind = at + stand_in.len();
        }
        if comma && behind < range.end {
            match (behind..range.end).rfind(free) {
                Some(at) => self.put(at, b','),
                // No room for both: without either, the comma before the stretch serves what follows.
                None => (range.start..behind).filter(free).for_each(|at| self.put(at, b' ')),
            }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn page(n: usize) -> Value {
        let events: Vec<Value> =
            (0..n).map(|i| json!({"message": format!("m{i} }},{{\"message\":0}}"), "x": [{"y": {}}, 1]})).collect();
        json!({"head": {"a": [1]}, "events": events, "nextToken": "t"})
    }

    fn messages(text: &str) -> Vec<String> {
        let v: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        v["events"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e["message"].as_str()?[..2].to_owned()))
            .collect()
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
    fn a_repaired_text_has_its_line_ends_where_they_were() {
        let text = "{\"events\":[{\"message\":\"m0\"}\n \n{\"message\":\"m3\"}]}";
        let r = repair(text.as_bytes()).unwrap();
        let ends = |t: &str| t.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!((ends(&r.text), messages(&r.text).last().map(String::as_str)), (ends(text), Some("m3")));
    }

    #[test]
    fn damage_before_the_list_costs_the_head_only() {
        let text = r#"{"head":{"a":[1x]},"events":[{"message":"m0"},{"message":"m1"}]}"#;
        let r = repair(text.as_bytes()).unwrap();
        assert_eq!((messages(&r.text), r.cuts.len()), (vec!["m0".to_owned(), "m1".to_owned()], 1));
    }

    #[test]
    fn streams_inside_lists_are_repaired_too() {
        let text = r#"{"data":{"resultType":"streams","result":[{"stream":{"n":"a"},"values":[["1","x"],["2","y"#;
        let r = repair(text.as_bytes()).unwrap();
        assert_eq!(r.text, r#"{"data":{"resultType":"streams","result":[{"stream":{"n":"a"},"values":[["1","x"]]}]}}"#);
    }

    #[test]
    fn other_documents_are_left_alone() {
        for text in [
            r#"{"kind":"Event","requestObject":{"items":[{"a":1},x"#,
            r#"{"kind":"Event","auditID":x,"requestObject":{},"items":[{"a":1}]}"#,
            "[",
            "{",
            "x",
            r#"{"a":1}"#,
            "",
        ] {
            assert!(repair(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_that_holds_no_records_after_all_is_passed_once() {
        assert!(repair(b"{:\"hits\":[x,\"hits\":[").is_none());
        assert!(repair(b"{\"hits\":[x").is_none());
    }

    #[test]
    fn a_list_that_ends_behind_a_comma_is_closed_there() {
        let repaired = repair(b"{\"events\":[{\"message\":\"a\"}, ]}").unwrap();
        assert_eq!(repaired.text, "{\"events\":[{\"message\":\"a\"}  ]}");
        assert_eq!(repaired.cuts.len(), 1);
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
