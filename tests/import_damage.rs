//! Damage to a recorded incident, through the whole import: bytes, lines and files cut, flipped, deleted,
//! moved and doubled, in plain files, compressed ones and archives. Whatever is readable is in the case, counts
//! add up, and what was lost is told with its place.
//!
//! Some changes no reader can see, because what remains is what an API server may have written: a changed
//! letter inside a value, a line that is gone or doubled or moved whole. Every variant that is not told must be
//! of that class: each line that is left is a whole audit event. Only the seal of a bundle tells those, which
//! the last test holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use kubesleuth::case::Case;
use kubesleuth::case::frame::Frame;
use kubesleuth::collect::{FilesRequest, Origin, collect_files};
use kubesleuth::formats::limits::Limits;
use kubesleuth::import::{ImportError, ImportOptions, import};
use kubesleuth::model::progress::Silent;
use kubesleuth::tables;
use serde_json::Value;

/// Evidence: files by path.
type Files = BTreeMap<String, Vec<u8>>;
/// What an event is known by: audit ID and stage.
type Known = (String, String);

/// A small generator of repeatable numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/incident-a")
}

/// The incident, cut down to what changes RBAC and some of the rest; three logs and one snapshot.
fn incident() -> Files {
    let mut logs: Vec<PathBuf> = fs::read_dir(data().join("audit")).unwrap().map(|e| e.unwrap().path()).collect();
    logs.sort();
    let mut lines = Vec::new();
    for path in logs {
        let (bytes, mut text) = (fs::read(&path).unwrap(), String::new());
        if path.extension().is_some_and(|e| e == "gz") {
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(bytes).unwrap();
        }
        let wanted = |n: usize, l: &str| {
            l.len() < 3000 && (n.is_multiple_of(70) || n.is_multiple_of(6) && l.contains("rbac.authorization"))
        };
        lines.extend(text.lines().enumerate().filter(|(n, l)| wanted(*n, l)).map(|(_, l)| format!("{l}\n")));
    }
    let mut files = Files::new();
    let third = lines.len().div_ceil(3);
    for (name, part) in ["a", "b", "c"].iter().zip(lines.chunks(third)) {
        files.insert(format!("audit/{name}.log"), part.concat().into_bytes());
    }
    for name in ["clusterroles.json", "snapshot.json"] {
        let text = fs::read_to_string(data().join("snapshots/T0-before").join(name)).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
            items.truncate(12);
        }
        files.insert(format!("T0/{name}"), serde_json::to_vec_pretty(&value).unwrap());
    }
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn tar(files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

fn zip(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(path.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What an import made of it.
struct Imported {
    events: BTreeSet<Known>,
    rows: u64,
    /// Reason and line of every reject, with the path of its source.
    rejects: Vec<(String, u64, String)>,
    /// Everything else that tells of damage: warnings and findings, and files that are no evidence.
    signs: BTreeSet<String>,
}

/// Imports files in process and checks what holds for every import.
fn imported(files: &Files) -> Result<Imported, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join("in").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    import_path(&folder.path().join("in"), &folder.path().join("case"), false)
}

fn import_path(path: &Path, case_dir: &Path, accept_damaged: bool) -> Result<Imported, ImportError> {
    let at = "2026-11-24T02:00:00Z".parse().unwrap();
    let options = ImportOptions {
        case_dir: case_dir.to_owned(),
        paths: vec![path.to_owned()],
        cluster: Some("c".to_owned()),
        observed_at: None,
        limits: Limits::default(),
        room: kubesleuth::import::Room::default(),
        accept_damaged,
        now: at,
    };
    import(&options, &Silent)?;
    Ok(read_case(&Case::open(case_dir).unwrap(), path))
}

fn read_case(case: &Case, root: &Path) -> Imported {
    let frame = |table| Frame::collect(case.table(table, None).unwrap(), "").unwrap();
    let (events, sources, rejects) =
        (frame(&tables::events::TABLE), frame(&tables::sources::TABLE), frame(&tables::rejects::TABLE));
    let findings = frame(&tables::findings::TABLE);
    let (sightings, text) = (frame(&tables::sightings::SIGHTINGS), |f: &Frame, name: &str, row: usize| {
        f.text(name).unwrap().get(row).unwrap_or_default().to_owned()
    });
    let mut counted: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for f in [&events, &sightings] {
        (0..f.height()).for_each(|row| counted.entry(text(f, "source_id", row)).or_default()[0] += 1);
    }
    (0..rejects.height()).for_each(|row| counted.entry(text(&rejects, "source_id", row)).or_default()[1] += 1);
    let (mut signs, mut paths, mut rows) = (BTreeSet::new(), BTreeMap::new(), 0);
    for row in 0..sources.height() {
        let count = |name: &str| u64::try_from(sources.int(name).unwrap().get(row).unwrap()).unwrap();
        let (id, path) = (text(&sources, "source_id", row), text(&sources, "path", row));
        let path = path.strip_prefix(&root.display().to_string()).unwrap_or(&path).trim_start_matches('/').to_owned();
        let told = [count("rows"), count("rejects")];
        assert_eq!(count("records"), told[0] + count("duplicates") + told[1], "{path} does not add up");
        assert_eq!(counted.remove(&id).unwrap_or_default(), told, "rows and rejects of {path} are not those counted");
        rows += told[0];
        let warnings = sources.list("warnings").unwrap().get(row).unwrap_or_default();
        signs.extend(warnings.into_iter().map(|w| format!("{path}: {w}")));
        let format = text(&sources, "format", row);
        if matches!(format.as_str(), "unrecognised" | "unreadable") {
            signs.insert(format!("{path}: {format}"));
        }
        if count("duplicates") > 0 {
            signs.insert(format!("{path}: duplicates"));
        }
        paths.insert(id, path);
    }
    assert!(counted.is_empty(), "rows without a source: {counted:?}");
    signs.extend((0..findings.height()).map(|row| text(&findings, "message", row)));
    Imported {
        events: (0..events.height()).map(|r| (text(&events, "audit_id", r), text(&events, "stage", r))).collect(),
        rows,
        rejects: (0..rejects.height())
            .map(|r| {
                let line = u64::try_from(rejects.int("line").unwrap().get(r).unwrap()).unwrap();
                (paths[&text(&rejects, "source_id", r)].clone(), line, text(&rejects, "reason", r))
            })
            .collect(),
        signs,
    }
}

/// What a whole line is known by, when it is an audit event.
fn known(line: &[u8]) -> Option<Known> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let value: Value = serde_json::from_slice(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    (text("kind")? == "Event").then_some((text("auditID")?, text("stage")?))
}

fn all_known(files: &Files) -> BTreeMap<Vec<u8>, Known> {
    let lines = files.values().flat_map(|b| b.split_inclusive(|b| *b == b'\n'));
    lines.filter_map(|l| Some((l.to_vec(), known(l)?))).collect()
}

/// Original lines that stand whole, as lines, in these bytes.
fn intact(bytes: &[u8], lines: &BTreeMap<Vec<u8>, Known>) -> BTreeSet<Known> {
    bytes.split_inclusive(|b| *b == b'\n').filter_map(|l| lines.get(l).cloned()).collect()
}

/// Whether a change of a log cannot be seen: every line that is left is a whole event, and the last one ends.
fn invisible(bytes: &[u8]) -> bool {
    let blank = |l: &[u8]| l.iter().all(|b| b.is_ascii_whitespace() || *b == 0);
    let mut lines = bytes.split_inclusive(|b| *b == b'\n').filter(|l| !blank(l));
    lines.all(|l| {
        let text = std::str::from_utf8(l)
            .ok()
            .and_then(|t| serde_json::from_str::<Value>(t.trim_matches(['\0', ' ', '\n', '\r'])).ok());
        // A log whose first line lost its mark is told by a reject; other JSON is what it says it is.
        text.is_some_and(|v| {
            v.get("kind").is_some_and(|k| k == "Event") && v.get("apiVersion").is_some_and(|a| a == "audit.k8s.io/v1")
        })
    })
}

/// Damages bytes; gives what was done.
fn damage(bytes: &[u8], how: usize, numbers: &mut Numbers) -> (Vec<u8>, &'static str) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(200)).min(bytes.len());
    let mut out = bytes.to_vec();
    let word = match how {
        0 => {
            out.truncate(at);
            "cut"
        }
        1 => {
            out[at] ^= 1 << numbers.below(8);
            "flip"
        }
        2 => {
            out.drain(at..end);
            "delete"
        }
        3 => {
            let copy = bytes[at..end].to_vec();
            out.splice(at..at, copy);
            "double"
        }
        4 => {
            let to = numbers.below(bytes.len());
            let moved: Vec<u8> = out.drain(at..end).collect();
            let to = to.min(out.len());
            out.splice(to..to, moved);
            "move"
        }
        5 => {
            out[at..end].iter_mut().for_each(|b| *b = numbers.below(256) as u8);
            "overwrite"
        }
        _ => {
            out[at..end].fill(0);
            "zero"
        }
    };
    (out, word)
}

const HOWS: usize = 7;

fn told(before: &Imported, after: &Imported) -> bool {
    !after.rejects.is_empty() || after.signs.iter().any(|s| !before.signs.contains(s))
}

fn lost(wanted: &BTreeSet<Known>, after: &Imported) -> Option<String> {
    let lost: Vec<_> = wanted.difference(&after.events).collect();
    (!lost.is_empty()).then(|| format!("{} readable events are lost: {:?}", lost.len(), lost[0]))
}

fn verdict(wrong: Vec<String>, variants: usize, at_least: usize) {
    assert!(variants >= at_least, "{variants} variants");
    let shown: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {variants}:\n{}", wrong.len(), shown.join("\n"));
}

#[test]
fn damaged_bytes_cost_their_record_and_are_told() {
    let (files, mut numbers, mut wrong, mut variants, mut unseen) = (incident(), Numbers(7), Vec::new(), 0, 0);
    let (lines, before) = (all_known(&files), imported(&files).unwrap());
    assert!(before.events.len() > 100 && before.rejects.is_empty(), "{}", before.events.len());
    for how in 0..HOWS {
        for n in 0..15 {
            let path = format!("audit/{}.log", ["a", "b", "c"][n % 3]);
            let (bytes, word) = damage(&files[&path], how, &mut numbers);
            let mut damaged = files.clone();
            let wanted: BTreeSet<Known> = damaged
                .iter()
                .filter(|(p, _)| **p != path)
                .flat_map(|(_, b)| intact(b, &lines))
                .chain(intact(&bytes, &lines))
                .collect();
            let unseen_here = invisible(&bytes);
            let same = bytes == files[&path];
            let first = bytes.iter().zip(&files[&path]).position(|(a, b)| a != b).unwrap_or(bytes.len());
            let line = 1 + files[&path][..first.min(files[&path].len())].iter().filter(|b| **b == b'\n').count() as u64;
            damaged.insert(path.clone(), bytes);
            let after = imported(&damaged).unwrap();
            variants += 1;
            let mut say = |why: String| wrong.push(format!("{word} in {path} line {line}: {why}"));
            if let Some(why) = lost(&wanted, &after) {
                say(why);
            }
            if !told(&before, &after) {
                unseen += 1;
                if !unseen_here && !same {
                    say("nothing tells of it".to_owned());
                }
            }
            // A reject names the place: the file, and a line not before the first that changed.
            for (source, at, reason) in &after.rejects {
                if *source != path || *at < line {
                    say(format!("the reject is in {source} line {at}: {reason}"));
                }
            }
        }
    }
    assert!(unseen < variants / 3, "{unseen} of {variants} are not told");
    verdict(wrong, variants, 100);
}

#[test]
fn damage_of_a_snapshot_is_told_and_what_is_whole_is_kept() {
    let (files, mut numbers, mut wrong, mut variants) = (incident(), Numbers(11), Vec::new(), 0);
    let before = imported(&files).unwrap();
    let path = "T0/clusterroles.json";
    for how in 0..HOWS {
        for _ in 0..4 {
            let (bytes, word) = damage(&files[path], how, &mut numbers);
            // Whole JSON says what it says: a flipped letter in it cannot be seen.
            let unseen = serde_json::from_slice::<Value>(&bytes).is_ok();
            let mut damaged = files.clone();
            damaged.insert(path.to_owned(), bytes);
            let after = imported(&damaged).unwrap();
            variants += 1;
            if after.events != before.events {
                wrong.push(format!("{word}: the logs are read otherwise"));
            }
            if !unseen && !told(&before, &after) {
                wrong.push(format!("{word}: nothing tells of it"));
            }
        }
    }
    verdict(wrong, variants, 28);
}

#[test]
fn lines_and_files_lost_doubled_and_moved_whole() {
    let (files, mut numbers) = (incident(), Numbers(13));
    let (lines, before) = (all_known(&files), imported(&files).unwrap());
    let of = |files: &Files| files.values().flat_map(|b| intact(b, &lines)).collect::<BTreeSet<_>>();
    for n in 0..21 {
        let mut damaged = files.clone();
        let path = format!("audit/{}.log", ["a", "b", "c"][numbers.below(3)]);
        let mut of_file: Vec<Vec<u8>> = files[&path].split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let (i, j) = (numbers.below(of_file.len()), numbers.below(of_file.len()));
        let mut doubled = 0;
        match n % 7 {
            0 => drop(of_file.remove(i)),
            1 => {
                of_file.insert(j, of_file[i].clone());
                doubled = 1;
            }
            2 => of_file.swap(i, j),
            3 => of_file.reverse(),
            4 => of_file.clear(),
            5 => {
                damaged.insert("audit/copy.log".to_owned(), [files[&path].clone(), b"\n".to_vec()].concat());
                doubled = of_file.len() as u64;
            }
            _ => drop(damaged.insert("T0/clusterroles.json".to_owned(), Vec::new())),
        }
        damaged.insert(path.clone(), of_file.concat());
        if n == 20 {
            damaged.remove(&path);
        }
        let after = imported(&damaged).unwrap();
        assert_eq!(after.events, of(&damaged), "variant {n}");
        let kept = before.rows - after.rows;
        assert!(doubled == 0 || kept == 0 && after.signs.iter().any(|s| s.ends_with("duplicates")), "variant {n}");
        assert!(after.rejects.is_empty(), "variant {n}: {:?}", after.rejects);
    }
}

/// What a decoder that knows nothing of damage gives, up to its first error.
fn plain(mut reader: impl Read) -> (Vec<u8>, bool) {
    let (mut out, mut byte) = (Vec::new(), [0; 1]);
    loop {
        match reader.read(&mut byte) {
            Ok(0) => return (out, true),
            Ok(_) => out.push(byte[0]),
            Err(_) => return (out, false),
        }
    }
}

#[test]
fn damaged_compression_gives_what_lies_before_the_damage() {
    let (files, mut numbers, mut wrong, mut variants) = (incident(), Numbers(17), Vec::new(), 0);
    let (lines, before) = (all_known(&files), imported(&files).unwrap());
    let log = files["audit/b.log"].clone();
    let halves = log.split_at(log[..log.len() / 2].iter().rposition(|b| *b == b'\n').unwrap() + 1);
    let bzip2 = |b: &[u8]| {
        let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    };
    let packings = [
        ("gz", gzip(&log)),
        ("gz", [gzip(halves.0), gzip(halves.1)].concat()),
        ("zst", zstd::encode_all(&log[..], 3).unwrap()),
        ("bz2", bzip2(&log)),
    ];
    for (extension, packed) in packings {
        for how in 0..HOWS {
            for _ in 0..2 {
                let (bytes, word) = damage(&packed, how, &mut numbers);
                let reader: Box<dyn Read> = match extension {
                    "gz" => Box::new(flate2::read::MultiGzDecoder::new(Cursor::new(bytes.clone()))),
                    "zst" => Box::new(zstd::Decoder::new(Cursor::new(bytes.clone())).unwrap()),
                    _ => Box::new(bzip2::read::MultiBzDecoder::new(Cursor::new(bytes.clone()))),
                };
                let (text, whole) = plain(reader);
                let mut damaged = files.clone();
                damaged.remove("audit/b.log");
                let wanted: BTreeSet<Known> =
                    damaged.values().flat_map(|b| intact(b, &lines)).chain(intact(&text, &lines)).collect();
                damaged.insert(format!("audit/b.log.{extension}"), bytes);
                let after = imported(&damaged).unwrap();
                variants += 1;
                if let Some(why) = lost(&wanted, &after) {
                    wrong.push(format!("{extension} {word}: {why}"));
                }
                let unseen = whole && invisible(&text);
                if !told(&before, &after) && !unseen {
                    wrong.push(format!("{extension} {word}: nothing tells of it"));
                }
            }
        }
    }
    verdict(wrong, variants, 50);
}

#[test]
fn damaged_archives_give_every_member_that_is_whole() {
    let (files, mut numbers, mut wrong, mut variants) = (incident(), Numbers(19), Vec::new(), 0);
    let lines = all_known(&files);
    for (name, packed) in [("x.tar", tar(&files)), ("x.zip", zip(&files)), ("x.tar.gz", gzip(&tar(&files)))] {
        let before = imported(&Files::from([(name.to_owned(), packed.clone())])).unwrap();
        for how in 0..HOWS {
            for _ in 0..3 {
                let (bytes, word) = damage(&packed, how, &mut numbers);
                // In a tar the lines lie open; of a zip, those of members whose packed bytes are untouched.
                let wanted: BTreeSet<Known> = match name {
                    "x.tar" => intact(&bytes, &lines),
                    "x.zip" => intact_zip(&bytes, &packed, &files, &lines),
                    _ => intact(&plain(flate2::read::GzDecoder::new(Cursor::new(bytes.clone()))).0, &lines),
                };
                let same = bytes == packed;
                variants += 1;
                let after = match imported(&Files::from([(name.to_owned(), bytes)])) {
                    Ok(after) => after,
                    // With nothing left there is no case, and the message names the file.
                    Err(e) if wanted.is_empty() && e.to_string().contains(name) => continue,
                    Err(e) => {
                        wrong.push(format!("{name} {word}: {} events are lost: {e}", wanted.len()));
                        continue;
                    }
                };
                // Where bytes are too many or missing, the record across the end of a member is cut in two, and told.
                let across =
                    name == "x.tar" && wanted.difference(&after.events).count() == 1 && !after.rejects.is_empty();
                if let Some(why) = lost(&wanted, &after).filter(|_| !across) {
                    wrong.push(format!("{name} {word}: {why}"));
                }
                if !same && !told(&before, &after) && after.events != before.events {
                    let gone = before.events.difference(&after.events).count();
                    let changed = after.events.difference(&before.events).count();
                    // An open tar shows a changed letter as little as the log itself does.
                    if name != "x.tar" || gone > changed {
                        wrong.push(format!("{name} {word}: {gone} events are lost and nothing tells of it"));
                    }
                }
            }
        }
    }
    verdict(wrong, variants, 60);
}

/// Lines of zip members whose header and packed content stand untouched in the damaged archive.
fn intact_zip(bytes: &[u8], packed: &[u8], files: &Files, lines: &BTreeMap<Vec<u8>, Known>) -> BTreeSet<Known> {
    let starts: Vec<usize> = memchr::memmem::find_iter(packed, b"PK\x03\x04")
        .chain([memchr::memmem::find(packed, b"PK\x01\x02").unwrap()])
        .collect();
    // The order of the members is that of the map.
    let whole = |range: &[usize]| memchr::memmem::find(bytes, &packed[range[0]..range[1]]).is_some();
    starts.windows(2).zip(files.values()).filter(|(r, _)| whole(r)).flat_map(|(_, b)| intact(b, lines)).collect()
}

#[test]
fn the_seal_of_a_bundle_tells_what_no_reader_can_see() {
    let (files, mut numbers) = (incident(), Numbers(23));
    let folder = tempfile::tempdir().unwrap();
    let (evidence, sealed) = (folder.path().join("in"), folder.path().join("bundle"));
    for (path, bytes) in &files {
        let path = evidence.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let now = "2026-11-24T02:00:00Z".parse().unwrap();
    let origin = Origin { version: "0".into(), arguments: vec![], host: None, user: None, cluster: None, note: None };
    let request = FilesRequest { paths: &[evidence], out: &sealed, origin: &origin, sign_key: None };
    collect_files(&request, &|| now, &Silent).unwrap();
    let stored: Vec<PathBuf> = walkdir::WalkDir::new(sealed.join("data"))
        .sort_by_file_name()
        .into_iter()
        .map(|e| e.unwrap().into_path())
        .filter(|p| p.is_file())
        .collect();
    let (lines, before) = (all_known(&files), import_path(&sealed, &folder.path().join("whole"), false).unwrap());
    assert!(before.events.len() == lines.len() && before.rejects.is_empty());
    for n in 0..12 {
        let path = &stored[numbers.below(stored.len())];
        let original = fs::read(path).unwrap();
        let mut bytes = original.clone();
        match n % 4 {
            // What a careful hand would do: take one line away, and pack it again.
            0 | 1 => {
                let text = zstd::decode_all(&original[..]).unwrap();
                let at = numbers.below(text.iter().filter(|b| **b == b'\n').count());
                let kept = text.split_inclusive(|b| *b == b'\n').enumerate().filter(|(i, _)| *i != at);
                bytes = zstd::encode_all(&kept.flat_map(|(_, l)| l.to_vec()).collect::<Vec<_>>()[..], 3).unwrap();
            }
            2 => bytes[original.len() / 2] ^= 1,
            _ => {}
        }
        if n % 4 == 3 {
            fs::remove_file(path).unwrap()
        } else {
            fs::write(path, bytes).unwrap()
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Err(error) = import_path(&sealed, &folder.path().join(format!("refused-{n}")), false) else {
            panic!("variant {n} of {name} is imported")
        };
        assert!(matches!(error, ImportError::DamagedBundle { .. }), "{n}: {error}");
        let found = kubesleuth::bundle::verify(&sealed, &Silent).unwrap().findings;
        assert!(found.iter().any(|f| f.message.contains(name)), "{n} {name}: {found:?}");
        let case = folder.path().join(format!("accepted-{n}"));
        match import_path(&sealed, &case, true) {
            Ok(after) => {
                assert!(after.signs.iter().any(|s| s.contains(name) && s.contains("damaged")), "{n}: {:?}", after.signs)
            }
            Err(e) => assert!(n % 4 == 3 && e.to_string().contains(name), "{n}: {e}"),
        }
        fs::write(path, original).unwrap();
    }
}
