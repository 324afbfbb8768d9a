//! The same evidence written in other ways: keys in another order, pretty or in lines or in one list, compressed,
//! with a byte order mark, with other line ends, under other names, in several files, and in one file with other
//! evidence. What is read must not change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use formats_support::{All, Folder, folders, read_folder};
use serde_json::{Map, Value};

/// A small generator: the same seed, the same variants.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % (n as u64)).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// What was read, without where it lay.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: BTreeMap<String, usize>,
    authenticator: usize,
    rejects: usize,
    skipped: usize,
    warnings: BTreeSet<String>,
    absent: BTreeSet<String>,
}

impl Outcome {
    fn of(all: &All) -> Self {
        let mut events = BTreeMap::new();
        for e in all.events() {
            let text = format!("{:?} {} {:?} {}", e.component, e.audit_id, e.stage, Value::Object(e.content.clone()));
            *events.entry(text).or_default() += 1;
        }
        Self {
            events,
            authenticator: all.sources.iter().map(|s| s.authenticator.len()).sum(),
            rejects: all.rejects().len(),
            skipped: all.skipped(),
            warnings: all.warnings(),
            absent: all.sources.iter().flat_map(|s| s.facts.absent_fields()).collect(),
        }
    }

    /// The first difference, in few words.
    fn differs(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut said = Vec::new();
        if self.events != other.events {
            let count = |o: &Self| o.events.values().sum::<usize>();
            said.push(format!("events {} -> {}", count(self), count(other)));
            let missing = self.events.keys().find(|k| !other.events.contains_key(*k));
            let new = other.events.keys().find(|k| !self.events.contains_key(*k));
            let cut = |t: &String| t.chars().take(3000).collect::<String>();
            said.push(format!("\n  - {:?}\n  + {:?}", missing.map(cut), new.map(cut)));
        }
        let mut number = |what: &str, a: usize, b: usize| {
            if a != b {
                said.push(format!("{what} {a} -> {b}"));
            }
        };
        number("rejects", self.rejects, other.rejects);
        number("skipped", self.skipped, other.skipped);
        number("authenticator", self.authenticator, other.authenticator);
        if self.warnings != other.warnings {
            said.push(format!("warnings {:?} -> {:?}", self.warnings, other.warnings));
        }
        if self.absent != other.absent {
            said.push(format!("absent {:?} -> {:?}", self.absent, other.absent));
        }
        Some(said.join("; "))
    }
}

/// The evidence of a folder, without the list of what is in it and the empty files beside.
fn evidence(folder: &Folder) -> Folder {
    folder.iter().filter(|(path, _)| *path != "expected.json").map(|(p, b)| (p.clone(), b.clone())).collect()
}

/// The bytes under the compression; `None` when they are damaged.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).ok()?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out).ok()?,
        _ => return Some(bytes.to_vec()),
    };
    Some(out)
}

/// Every file changed by its unpacked bytes, where that is possible.
fn each(folder: &Folder, mut change: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>) -> Option<Folder> {
    let mut changed = false;
    let mut out = Folder::new();
    for (path, bytes) in folder {
        let new = unpacked(bytes).filter(|b| !b.is_empty()).and_then(|b| change(path, &b));
        changed |= new.is_some();
        out.insert(path.clone(), new.unwrap_or_else(|| bytes.clone()));
    }
    changed.then_some(out)
}

fn pack(how: usize, bytes: &[u8]) -> Vec<u8> {
    match how % 4 {
        0 => {
            let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            e.write_all(bytes).unwrap();
            e.finish().unwrap()
        }
        1 => zstd::encode_all(bytes, 1).unwrap(),
        2 => {
            let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            e.write_all(bytes).unwrap();
            e.finish().unwrap()
        }
        _ => {
            let mut e = liblzma::write::XzEncoder::new(Vec::new(), 1);
            e.write_all(bytes).unwrap();
            e.finish().unwrap()
        }
    }
}

/// The JSON documents of a file; `None` when it holds anything else.
fn documents(bytes: &[u8]) -> Option<Vec<Value>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    documents.ok().filter(|d: &Vec<Value>| d.iter().all(|v| v.is_object() || v.is_array()) && !d.is_empty())
}

/// JSON with its keys in an order of its own; spaces where JSON allows them.
fn write(value: &Value, dice: &mut Dice, spaced: bool, out: &mut String) {
    let space = |dice: &mut Dice, out: &mut String| {
        if spaced {
            out.push_str([" ", "", "\n", "\t", "\r\n  "][dice.below(5)]);
        }
    };
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            dice.shuffle(&mut entries);
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                space(dice, out);
                out.push_str(&Value::from(key.as_str()).to_string());
                space(dice, out);
                out.push(':');
                space(dice, out);
                write(value, dice, spaced, out);
            }
            space(dice, out);
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (i, value) in list.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                space(dice, out);
                write(value, dice, spaced, out);
            }
            space(dice, out);
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// One document a line, in another order of keys.
fn shuffled_lines(documents: &[Value], dice: &mut Dice) -> Vec<u8> {
    let mut out = String::new();
    for d in documents {
        write(d, dice, false, &mut out);
        out.push('\n');
    }
    out.into_bytes()
}

/// Documents with any white space between tokens, side by side.
fn spaced(documents: &[Value], dice: &mut Dice) -> Vec<u8> {
    let mut out = String::new();
    for d in documents {
        write(d, dice, true, &mut out);
        out.push_str(["", "\n", " ", "\n\n"][dice.below(4)]);
    }
    out.into_bytes()
}

fn pretty(documents: &[Value]) -> Vec<u8> {
    documents.iter().map(|d| serde_json::to_string_pretty(d).unwrap() + "\n").collect::<String>().into_bytes()
}

/// All documents in one list; lists in the file are opened, as exports write them.
fn as_list(documents: &[Value], indented: bool) -> Vec<u8> {
    let all: Vec<Value> =
        documents.iter().flat_map(|d| d.as_array().cloned().unwrap_or_else(|| vec![d.clone()])).collect();
    let all = Value::Array(all);
    if indented { serde_json::to_vec_pretty(&all).unwrap() } else { serde_json::to_vec(&all).unwrap() }
}

/// Whether a folder's meaning lies in its paths.
fn speaks_by_path(name: &str) -> bool {
    ["openshift", "rke2", "cloudwatch-s3", "cri", "aks-diagnostics"].iter().any(|p| name.starts_with(p))
}

/// Whether text may be changed without changing what it says: not where bytes are damaged on purpose, or keys come twice.
fn is_whole(name: &str, expected: &Value) -> bool {
    !name.starts_with("hostile")
        && (expected["rejected"] == 0 || name.starts_with("journal") || name.starts_with("aks"))
}

type Variant = (&'static str, fn(&str, &Folder, &mut Dice) -> Option<Folder>);

const VARIANTS: &[Variant] = &[
    ("packed", |_, f, dice| {
        let how = dice.below(4);
        each(f, |_, b| Some(pack(how, b)))
    }),
    ("packed twice", |_, f, dice| {
        let how = dice.below(4);
        each(f, |_, b| Some(pack(how + 1, &pack(how, b))))
    }),
    ("unpacked", |_, f, _| each(f, |_, b| Some(b.to_vec()))),
    ("byte order mark", |_, f, _| {
        each(f, |p, b| {
            (!b.starts_with(b"\xef\xbb\xbf") && !p.ends_with("aws-logs-write-test"))
                .then(|| [b"\xef\xbb\xbf", b].concat())
        })
    }),
    ("cr lf", |_, f, _| {
        each(f, |_, b| {
            let text = String::from_utf8(b.to_vec()).ok()?;
            (!text.contains('\r')).then(|| text.replace('\n', "\r\n").into_bytes())
        })
    }),
    ("no line end at the end", |_, f, _| each(f, |_, b| b.ends_with(b"\n").then(|| b.trim_ascii_end().to_vec()))),
    ("blank lines", |_, f, _| {
        // Quoted cells hold line ends of their own.
        each(f, |p, b| {
            (!p.ends_with(".csv") && !b.starts_with(b"\xef\xbb\xbf")).then(|| {
                String::from_utf8(b.to_vec()).ok().map(|t| format!("\n{}\n", t.replace('\n', "\n\n")).into_bytes())
            })?
        })
    }),
    ("keys in another order", |_, f, dice| each(f, |_, b| Some(shuffled_lines(&documents(b)?, dice)))),
    ("any white space", |_, f, dice| each(f, |_, b| Some(spaced(&documents(b)?, dice)))),
    ("pretty", |_, f, _| each(f, |_, b| Some(pretty(&documents(b)?)))),
    ("lines", |_, f, _| {
        each(f, |_, b| Some(documents(b)?.iter().map(|d| format!("{d}\n")).collect::<String>().into_bytes()))
    }),
    ("side by side", |_, f, _| {
        each(f, |_, b| Some(documents(b)?.iter().map(ToString::to_string).collect::<String>().into_bytes()))
    }),
    ("one list", |name, f, _| {
        if name.contains("insights") || name.starts_with("loki") && name.contains("range") {
            return None;
        }
        each(f, |_, b| Some(as_list(&documents(b)?, false)))
    }),
    ("one pretty list", |name, f, _| {
        if name.contains("insights") || name.starts_with("loki") && name.contains("range") {
            return None;
        }
        each(f, |_, b| Some(as_list(&documents(b)?, true)))
    }),
    ("other names", |name, f, dice| {
        if speaks_by_path(name) {
            return None;
        }
        let endings = ["", ".txt", ".bin", ".yaml", ".csv", ".gz", ".json", ".log.1"];
        let named = f
            .iter()
            .enumerate()
            .map(|(i, (_, b))| (format!("x/{i}é {}{}", dice.below(999), endings[dice.below(8)]), b.clone()));
        Some(named.collect())
    }),
    ("several files", |name, f, dice| {
        // Records of several lines may not be torn, totals are of one file, and a log's stream may be its file.
        if ["cri", "legacy-text--pre", "splunk--json", "loki--logcli", "docker", "duplicates"]
            .iter()
            .any(|p| name.starts_with(p))
            || speaks_by_path(name)
        {
            return None;
        }
        let mut out = Folder::new();
        for (path, bytes) in f {
            let Some(text) = unpacked(bytes).and_then(|b| String::from_utf8(b).ok()) else {
                out.insert(path.clone(), bytes.clone());
                continue;
            };
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            if path.ends_with(".csv")
                || lines.len() < 4
                || documents(text.as_bytes()).is_some_and(|d| d.len() < lines.len() / 2)
            {
                out.insert(path.clone(), bytes.clone());
                continue;
            }
            let at = 1 + dice.below(lines.len() - 1);
            let name =
                |part: &str| path.rsplit_once('/').map_or(format!("{part}-{path}"), |(d, n)| format!("{d}/{part}-{n}"));
            out.insert(name("b"), lines[..at].concat().into_bytes());
            out.insert(name("a"), lines[at..].concat().into_bytes());
        }
        Some(out)
    }),
    ("an archive", |_, f, _| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in f {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, bytes.as_slice()).unwrap();
        }
        Some(Folder::from([("a.tgz".to_owned(), pack(0, &tar.into_inner().unwrap()))]))
    }),
];

#[test]
fn what_is_read_does_not_depend_on_how_it_is_written() {
    let seeds = std::env::var("KUBESLEUTH_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1_u64);
    let mut failures = Vec::new();
    let mut tried = 0_u64;
    for (name, folder) in &folders() {
        let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
        let evidence = evidence(folder);
        let wanted = Outcome::of(&read_folder(&evidence));
        for (what, variant) in VARIANTS {
            let keeps_bytes = what.starts_with("packed") || *what == "an archive" || *what == "other names";
            if !keeps_bytes && !is_whole(name, &expected) {
                continue;
            }
            for seed in 1..=seeds {
                let mut dice = Dice((tried + 1 + seed * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let Some(varied) = variant(name, &evidence, &mut dice) else { continue };
                tried += 1;
                if let Some(difference) = wanted.differs(&Outcome::of(&read_folder(&varied))) {
                    failures.push(format!("{name}, {what}, seed {seed}: {difference}"));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {tried} variants differ:\n{}", failures.len(), failures.join("\n"));
    assert!(tried > 600, "{tried}");
}

/// Evidence of two kinds in one file is read as both.
#[test]
fn mixed_files_hold_what_their_parts_hold() {
    let all = folders();
    let lines: Vec<(&String, Vec<u8>)> = all
        .iter()
        .filter(|(name, folder)| {
            let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
            expected["rejected"] == 0
                && expected["warnings"] == Value::Array(Vec::new())
                && folder.len() == 2
                && !speaks_by_path(name)
                && !name.contains("csv")
        })
        .filter_map(|(name, folder)| {
            let (_, bytes) = folder.iter().find(|(p, _)| *p != "expected.json")?;
            let bytes = unpacked(bytes)?;
            Some((name, if bytes.ends_with(b"\n") { bytes } else { [bytes.as_slice(), b"\n"].concat() }))
        })
        .collect();
    assert!(lines.len() > 20);
    let mut failures = Vec::new();
    for (i, (a, first)) in lines.iter().enumerate() {
        for (b, second) in [&lines[(i + 1) % lines.len()], &lines[(i + 7) % lines.len()]] {
            let alone = |bytes: &Vec<u8>| {
                let mut o = Outcome::of(&read_folder(&Folder::from([("x".to_owned(), bytes.clone())])));
                o.absent.clear();
                o
            };
            let (one, two) = (alone(first), alone(second));
            let mut wanted = one.events;
            two.events.into_iter().for_each(|(k, n)| *wanted.entry(k).or_default() += n);
            let without_mark = second.strip_prefix(b"\xef\xbb\xbf").unwrap_or(second);
            let both = alone(&[first.as_slice(), without_mark].concat());
            let wanted = Outcome {
                events: wanted,
                authenticator: one.authenticator + two.authenticator,
                rejects: 0,
                skipped: one.skipped + two.skipped,
                warnings: BTreeSet::new(),
                absent: BTreeSet::new(),
            };
            if let Some(difference) = wanted.differs(&both) {
                failures.push(format!("{a} + {b}: {difference}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

/// Events quoted in an envelope may have their keys in any order too.
#[test]
fn quoted_events_may_have_any_order_of_keys() {
    let mut failures = Vec::new();
    for (name, folder) in &folders() {
        let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
        if !is_whole(name, &expected) || expected["rejected"] != 0 || name.starts_with("duplicates") {
            continue;
        }
        let evidence = evidence(folder);
        let mut dice = Dice(7);
        let Some(varied) = each(&evidence, |_, b| {
            let mut documents = documents(b)?;
            documents.iter_mut().for_each(|d| requote(d, &mut dice));
            Some(documents.iter().map(|d| format!("{d}\n")).collect::<String>().into_bytes())
        }) else {
            continue;
        };
        let wanted = Outcome::of(&read_folder(&evidence));
        if let Some(difference) = wanted.differs(&Outcome::of(&read_folder(&varied))) {
            failures.push(format!("{name}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

/// Writes every event that stands in a text anew.
fn requote(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::String(text) if text.contains("\"auditID\"") => {
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
                let mut out = String::new();
                write(&inner, dice, false, &mut out);
                if text.ends_with('\n') {
                    out.push('\n');
                }
                *text = out;
            }
        }
        Value::Object(map) => map.iter_mut().for_each(|(_, v)| requote(v, dice)),
        Value::Array(list) => list.iter_mut().for_each(|v| requote(v, dice)),
        _ => {}
    }
}

#[test]
fn the_generator_keeps_what_it_writes() {
    let value: Value = serde_json::json!({"a": [1, {"b": null}], "c": "x\ny", "d": Map::new()});
    for seed in 1..20 {
        let mut out = String::new();
        write(&value, &mut Dice(seed), true, &mut out);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), value);
    }
}
