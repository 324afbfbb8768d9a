//! Puts together records that were written as several lines: lines a container runtime split (CRI `P`
//! parts, Docker parts without a newline), and the two lines a request had before Kubernetes 1.7.
//!
//! Runs over every line in order, so it looks at first bytes only; a block without such lines passes
//! untouched and is parsed in parallel. What is kept waiting is bounded.

mod kind;

use std::collections::{BTreeMap, HashMap};

use self::kind::{Kind, finish_cri, is_whole, kind, text_of};

use super::blocks::{Block, Line};
use super::cri;
use super::legacy_text::Half;

/// Requests that wait for their response; more are given out unanswered.
const MAX_WAITING: usize = 500_000;
/// Their bytes.
const MAX_WAITING_BYTES: usize = 256 << 20;
/// Streams that have a part waiting.
const MAX_STREAMS: usize = 10_000;

/// A record of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its content: not a slice of the source when it was put together.
    pub bytes: Vec<u8>,
    /// Offset of its first line.
    pub offset: u64,
    /// Its first line, from 1.
    pub line: u64,
    /// Length in the source. A joined request's length is that of its request line.
    pub length: u64,
    /// Whether a line end followed.
    pub ended: bool,
    /// Whether it was put together of several lines.
    pub joined: bool,
}

impl Record {
    fn of(line: &Line<'_>) -> Self {
        let length = line.bytes.len() as u64;
        Self {
            bytes: line.bytes.to_vec(),
            offset: line.offset,
            line: line.number,
            length,
            ended: line.ended,
            joined: false,
        }
    }

    /// Adds another line's content; the record then reaches to that line's end.
    fn reach(&mut self, line: &Line<'_>) {
        self.length = (line.offset + line.bytes.len() as u64).saturating_sub(self.offset);
        self.ended = line.ended;
        self.joined = true;
    }
}

/// The start of a record whose rest is to come.
struct Part {
    record: Record,
    /// What stands around the joined literal in the last line: kept apart, so that a part costs its own length.
    around: Option<(Vec<u8>, Vec<u8>)>,
}

impl Part {
    fn into_record(self) -> Record {
        let Self { mut record, around } = self;
        if let Some((head, tail)) = around {
            record.bytes = [head, record.bytes, tail].concat();
        }
        record
    }
}

/// Lines that wait for others.
#[derive(Default)]
pub struct Joiner {
    /// Bytes of a joined record.
    max: usize,
    /// Parts by stream.
    parts: BTreeMap<String, Part>,
    part_bytes: usize,
    /// Request lines by id, in the order they came.
    requests: HashMap<String, u64>,
    waiting: BTreeMap<u64, (String, Record)>,
    waiting_bytes: usize,
    next: u64,
}

impl Joiner {
    /// Joins up to `max` bytes; a record that would be longer stays in parts.
    pub fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// Takes the next block; `None` when its lines stand for themselves.
    pub fn push(&mut self, block: &Block) -> Option<Vec<Record>> {
        let idle = self.parts.is_empty() && self.waiting.is_empty();
        if idle && block.lines().all(|line| matches!(kind(line.bytes, false), Kind::Plain)) {
            return None;
        }
        let mut out = Vec::new();
        for line in block.lines() {
            let looking = !self.parts.is_empty();
            match kind(line.bytes, looking) {
                Kind::Plain => out.push(Record::of(&line)),
                Kind::Cri(parsed) => self.cri(&line, parsed, &mut out),
                Kind::Docker { stream, literal, partial } => self.docker(&line, &stream, literal, partial, &mut out),
                Kind::Half(half) => self.half(&line, half, &mut out),
            }
        }
        Some(out)
    }

    /// What still waits at the end of the source.
    pub fn finish(&mut self) -> Vec<Record> {
        let mut rest = Vec::new();
        self.give_up_parts(&mut rest);
        self.give_up(&mut rest);
        rest
    }

    fn give_up_parts(&mut self, out: &mut Vec<Record>) {
        self.part_bytes = 0;
        let mut rest: Vec<Record> = std::mem::take(&mut self.parts).into_values().map(Part::into_record).collect();
        rest.sort_by_key(|r| r.offset);
        out.append(&mut rest);
    }

    /// Keeps the start of a record; when too much waits in all, nothing waits any longer.
    fn keep(&mut self, stream: &str, part: Part, out: &mut Vec<Record>) {
        self.part_bytes = self.part_bytes.saturating_add(part.record.bytes.len());
        self.parts.insert(stream.to_owned(), part);
        if self.part_bytes > self.max.saturating_mul(2) || self.parts.len() > MAX_STREAMS {
            self.give_up_parts(out);
        }
    }

    fn take_part(&mut self, stream: &str) -> Option<Part> {
        let part = self.parts.remove(stream)?;
        self.part_bytes = self.part_bytes.saturating_sub(part.record.bytes.len());
        Some(part)
    }

    fn cri(&mut self, line: &Line<'_>, parsed: cri::Line<'_>, out: &mut Vec<Record>) {
        let more = parsed.text.as_bytes();
        let Some(Part { mut record, .. }) = self.take_part(parsed.stream) else {
            if parsed.partial {
                self.keep(parsed.stream, Part { record: Record::of(line), around: None }, out);
            } else {
                out.push(Record::of(line));
            }
            return;
        };
        if !parsed.partial && is_whole(parsed.text) || record.bytes.len() + more.len() > self.max {
            // The rest of the earlier line is lost; this one is a record of its own.
            out.push(record);
            return self.cri(line, parsed, out);
        }
        record.bytes.extend_from_slice(more);
        record.reach(line);
        if parsed.partial {
            self.keep(parsed.stream, Part { record, around: None }, out);
        } else {
            finish_cri(&mut record.bytes);
            out.push(record);
        }
    }

    fn docker(&mut self, line: &Line<'_>, stream: &str, literal: (usize, usize), partial: bool, out: &mut Vec<Record>) {
        let get = |from: usize, to: usize| line.bytes.get(from..to).unwrap_or_default();
        let (head, inner, tail) = (get(0, literal.0), get(literal.0, literal.1), get(literal.1, line.bytes.len()));
        let around = Some((head.to_vec(), tail.to_vec()));
        let Some(mut part) = self.take_part(stream) else {
            if partial {
                // Only the literal grows; the last line gives the rest of the object.
                let record = Record { bytes: inner.to_vec(), ..Record::of(line) };
                self.keep(stream, Part { record, around }, out);
            } else {
                out.push(Record::of(line));
            }
            return;
        };
        let whole = !partial && std::str::from_utf8(inner).is_ok_and(|i| text_of(i).is_some_and(|t| is_whole(&t)));
        if whole || part.record.bytes.len() + inner.len() > self.max {
            out.push(part.into_record());
            return self.docker(line, stream, literal, partial, out);
        }
        part.record.bytes.extend_from_slice(inner);
        part.record.reach(line);
        part.around = around;
        if partial {
            self.keep(stream, part, out);
        } else {
            out.push(part.into_record());
        }
    }

    fn half(&mut self, line: &Line<'_>, half: Half<'_>, out: &mut Vec<Record>) {
        match half {
            Half::Request(id) => {
                if let Some(earlier) = self.requests.remove(id) {
                    out.extend(self.take(earlier));
                }
                let record = Record::of(line);
                self.waiting_bytes += record.bytes.len();
                self.requests.insert(id.to_owned(), self.next);
                self.waiting.insert(self.next, (id.to_owned(), record));
                self.next += 1;
                if self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
                    self.give_up(out);
                }
            }
            Half::Response(id) => {
                let request = self.requests.remove(id).and_then(|n| self.take(n));
                out.push(match request {
                    Some(mut record) => {
                        record.bytes.push(b'\n');
                        record.bytes.extend_from_slice(line.bytes);
                        record.joined = true;
                        record
                    }
                    None => Record::of(line),
                });
            }
        }
    }

    fn take(&mut self, number: u64) -> Option<Record> {
        let (_, record) = self.waiting.remove(&number)?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(record.bytes.len());
        Some(record)
    }

    /// Gives out all waiting requests without their responses.
    fn give_up(&mut self, out: &mut Vec<Record>) {
        self.requests.clear();
        self.waiting_bytes = 0;
        out.extend(std::mem::take(&mut self.waiting).into_values().map(|(_, record)| record));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &str) -> Block {
        Block { bytes: text.as_bytes().to_vec().into(), offset: 100, first_line: 1 }
    }

    fn shown(records: &[Record]) -> Vec<String> {
        records.iter().map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect()
    }

    #[test]
    fn whole_lines_pass_untouched() {
        let mut j = Joiner::new(1 << 20);
        for text in [
            "{\"kind\":\"Event\"}\n",
            "2026-11-24T00:41:02Z stdout F {}\n",
            "{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n",
            "I1124 x\n",
            "",
        ] {
            assert!(j.push(&block(text)).is_none(), "{text}");
        }
        assert!(j.finish().is_empty());
    }

    #[test]
    fn parts_of_one_stream_are_joined_across_blocks_and_other_streams() {
        let mut j = Joiner::new(1 << 20);
        let a = j.push(&block("2026-11-24T00:41:02Z stdout P {\"a\":\n2026-11-24T00:41:02Z stderr F I1124\n")).unwrap();
        assert_eq!(shown(&a), ["2026-11-24T00:41:02Z stderr F I1124"]);
        let mut second = block("2026-11-24T00:41:03Z stdout P 1,\n2026-11-24T00:41:03Z stdout F \"b\":2}\n");
        second.offset = 500;
        let b = j.push(&second).unwrap();
        assert_eq!(shown(&b), ["2026-11-24T00:41:02Z stdout F {\"a\":1,\"b\":2}"]);
        assert_eq!((b[0].offset, b[0].line, b[0].offset + b[0].length), (100, 1, 500 + 33 + 36));
        assert!(j.push(&block("{}\n")).is_none());
    }

    #[test]
    fn a_part_without_its_rest_does_not_swallow_the_next_record() {
        let mut j = Joiner::new(1 << 20);
        let r =
            j.push(&block("2026-11-24T00:41:02Z stdout P {\"a\":\n2026-11-24T00:41:03Z stdout F {\"b\":2}\n")).unwrap();
        assert_eq!(shown(&r), ["2026-11-24T00:41:02Z stdout P {\"a\":", "2026-11-24T00:41:03Z stdout F {\"b\":2}"]);
    }

    #[test]
    fn docker_parts_are_joined_by_their_missing_newline() {
        let mut j = Joiner::new(1 << 20);
        let text = "{\"log\":\"{\\\"a\\\":\",\"stream\":\"stdout\",\"time\":\"t1\"}\n{\"log\":\"\\\"x\\\\n\\\"\",\"stream\":\"stdout\",\"time\":\"t2\"}\n{\"log\":\"}\\n\",\"stream\":\"stdout\",\"time\":\"t3\"}\n";
        let r = j.push(&block(text)).unwrap();
        assert_eq!(shown(&r), ["{\"log\":\"{\\\"a\\\":\\\"x\\\\n\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"t3\"}"]);
        assert_eq!(r[0].length, text.len() as u64 - 1);
    }

    #[test]
    fn requests_meet_their_responses_by_id() {
        let line = |id: &str, rest: &str| format!("2026-11-24T00:41:01Z AUDIT: id=\"{id}\" {rest}\n");
        let mut j = Joiner::new(1 << 20);
        let text = [
            line("a", "ip=\"1\" uri=\"/a\""),
            line("b", "ip=\"1\" uri=\"/b\""),
            line("a", "response=\"200\""),
            line("c", "response=\"201\""),
        ]
        .concat();
        let r = j.push(&block(&text)).unwrap();
        assert_eq!(r.len(), 2);
        assert!(shown(&r)[0].contains("/a\"\n2026") && shown(&r)[1].contains("201"));
        assert_eq!(shown(&j.finish()), [line("b", "ip=\"1\" uri=\"/b\"").trim_end()]);
    }

    proptest! {
        /// Every line comes out once, whatever the order of parts.
        #[test]
        fn no_text_is_lost(parts in proptest::collection::vec((0_usize..2, 0_usize..2, "[a-z]{1,3}"), 0..20), cut in 0_usize..20) {
            let line = |(s, f, t): &(usize, usize, String)| format!("2026-11-24T00:41:02Z {} {} {t}\n", ["stdout", "stderr"][*s], ["F", "P"][*f]);
            let (a, b) = parts.split_at(cut.min(parts.len()));
            let mut j = Joiner::new(1 << 20);
            let mut got = String::new();
            for half in [a, b] {
                let text: String = half.iter().map(line).collect();
                match j.push(&block(&text)) {
                    Some(records) => records.iter().for_each(|r| got.push_str(&String::from_utf8_lossy(&r.bytes)[30..])),
                    None => half.iter().for_each(|p| got.push_str(&p.2)),
                }
            }
            j.finish().iter().for_each(|r| got.push_str(&String::from_utf8_lossy(&r.bytes)[30..]));
            let mut want: Vec<char> = parts.iter().flat_map(|p| p.2.chars()).collect();
            let mut got: Vec<char> = got.chars().collect();
            want.sort_unstable();
            got.sort_unstable();
            prop_assert_eq!(got, want);
        }
    }
}
