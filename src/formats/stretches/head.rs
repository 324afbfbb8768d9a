//! Tells a document that is one long list of records by how it begins: what stands before the list, and what closes
//! behind it. Only lists whose records stand for themselves are told. A list of objects is not one of them: what lacks
//! in it proves an absence, so it is read whole.

use crate::formats::fields::Fields;
use crate::formats::recognise::BOM;
use crate::formats::spanning::{ValueEnd, value_end};

/// Bytes before a list that are looked through.
const HEAD: usize = 64 << 10;

/// Where the list of a document lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes up to and with its `[`.
    pub(super) length: usize,
    /// Objects that are open around it.
    pub(super) around: usize,
    /// Its records are log events of CloudWatch, of which several may hold one message.
    pub(super) log_events: bool,
}

impl Head {
    /// What closes a list that ends here, and everything around it.
    pub(super) fn closing(self) -> Vec<u8> {
        let mut closing = b"\n]".to_vec();
        closing.resize(closing.len() + self.around, b'}');
        closing
    }
}

/// The head of the document that `bytes` begin with, if it is one that may be taken apart.
pub(super) fn find(bytes: &[u8]) -> Option<Head> {
    let mark = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let mut walk = Walk { bytes, at: mark };
    if walk.take(b'[') {
        return walk.records(0, false);
    }
    walk.object(1)
}

struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Walk<'b> {
    fn blank(&mut self) {
        self.at = blank(self.bytes, self.at);
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// A whole value.
    fn value(&mut self) -> Option<&'b [u8]> {
        self.blank();
        let rest = self.bytes.get(self.at..)?;
        let ValueEnd::At(end) = value_end(rest) else { return None };
        self.at += end;
        rest.get(..end)
    }

    /// The members of an object, up to the list; `around` objects are open inside it.
    fn object(&mut self, around: usize) -> Option<Head> {
        if !self.take(b'{') {
            return None;
        }
        let (mut is_list, mut has_version) = (false, false);
        while self.at < HEAD {
            let key = self.value()?;
            if !self.take(b':') {
                return None;
            }
            self.blank();
            match (key, self.bytes.get(self.at)?) {
                (b"\"events\"", b'[') if around == 1 => return self.log_events(),
                (b"\"items\"", b'[') if is_list && has_version => return self.open(around, false),
                (b"\"hits\"", b'{') if around == 1 => return self.object(2),
                (b"\"hits\"", b'[') if around == 2 => return self.open(around, false),
                _ => {}
            }
            let value = self.value()?;
            is_list |= key == b"\"kind\"" && value == b"\"EventList\"";
            has_version |= key == b"\"apiVersion\"" && value.starts_with(b"\"audit.k8s.io/");
            if !self.take(b',') {
                return None;
            }
        }
        None
    }

    fn open(&mut self, around: usize, log_events: bool) -> Option<Head> {
        self.at += 1;
        self.records(around, log_events)
    }

    /// A list of `events` is one of log events if its first one is. Those of `get-log-events` do not name their stream:
    /// what such a document is stands behind its list, and it is one page.
    fn log_events(&mut self) -> Option<Head> {
        let head = self.open(1, true)?;
        let first = std::str::from_utf8(self.value()?).ok()?;
        let named = |f: Fields<'_>| f.has("message") && f.has("timestamp") && f.has("logStreamName");
        Fields::of(first).is_ok_and(named).then_some(head)
    }

    /// Behind the `[` of a list: it must hold objects.
    fn records(&mut self, around: usize, log_events: bool) -> Option<Head> {
        let length = self.at;
        self.blank();
        (self.bytes.get(self.at) == Some(&b'{')).then_some(Head { length, around, log_events })
    }
}

/// What follows white space from `at` on.
pub(super) fn blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_records_are_told_by_what_stands_before_them() {
        for (text, length, around, log_events) in [
            ("[{\"a\":1},", 1, 0, false),
            ("\u{feff}\n [ {", 6, 0, false),
            ("{\"events\":[{\"timestamp\":1,\"message\":\"x\",\"logStreamName\":\"\"},", 11, 1, true),
            (
                "{\n \"searchedLogStreams\": [],\n \"events\": [\n {\"message\":\"\",\"timestamp\":1,\"logStreamName\":\"a\"}",
                41,
                1,
                true,
            ),
            ("{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{", 60, 1, false),
            ("{\"took\":1,\"hits\":{\"total\":{\"value\":2},\"hits\":[{", 46, 2, false),
        ] {
            assert_eq!(find(text.as_bytes()), Some(Head { length, around, log_events }), "{text}");
        }
    }

    #[test]
    fn other_documents_are_left_whole() {
        for text in [
            "[1,2]",
            "[[\"1\",\"x\"]]",
            "[",
            "{\"apiVersion\":\"v1\",\"items\":[{",
            "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{",
            "{\"items\":[{},{}],\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\"}",
            "{\"events\":[{\"id\":1},",
            "{\"events\":[{\"timestamp\":1,\"message\":\"x\"},",
            "{\"a\":{\"events\":[{\"timestamp\":1,\"message\":\"x\"},",
            "{\"kind\":\"Event\",\"requestObject\":{\"hits\":[{",
            "{\"events\":[],",
            "{\"a\":x,\"events\":[{",
            "",
        ] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_closes_makes_the_head_a_document() {
        for text in ["[{", "{\"took\":1,\"hits\":{\"hits\":[{"] {
            let head = find(text.as_bytes()).unwrap();
            let mut whole = text.as_bytes().get(..head.length).unwrap().to_vec();
            whole.extend(head.closing());
            assert!(serde_json::from_slice::<serde_json::Value>(&whole).is_ok(), "{text}");
        }
    }
}
