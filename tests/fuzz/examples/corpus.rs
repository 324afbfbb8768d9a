//! Makes the corpus of every fuzz target from the samples and the test data:
//! `cargo run --example corpus -- REPOSITORY CORPUS`. Seeds are small pieces: a fuzzer works on those.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::Path;

use kubesleuth_fuzz::bundle::{BundleWriter, CollectionInfo, Folder, NewEntry, SourcePath};
use kubesleuth_fuzz::formats::archive::{self, Visitor};
use kubesleuth_fuzz::formats::decode::{Content, peel};
use kubesleuth_fuzz::formats::limits::{Budget, Limits};
use kubesleuth_fuzz::model::progress::Silent;
use serde_json::Value;

/// The most a seed may hold.
const SEED: usize = 12 << 10;

/// All evidence files by path, without their compression.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Visitor for Files {
    type Error = Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Infallible> {
        self.add(path, Box::new(content));
        Ok(())
    }

    fn refused(&mut self, _: &str, _: &str) {}

    fn damaged(&mut self, why: &io::Error) {
        panic!("{why}");
    }
}

impl Files {
    fn add(&mut self, path: &str, content: Box<dyn Read + Send + '_>) {
        let budget = Budget::new(Limits::default());
        let mut peeled = peel(Box::new(budget.metered(content)), &budget).expect("a file");
        if peeled.content == Content::Tar {
            let Ok(()) = archive::tar(peeled.reader, &budget, self);
            return;
        }
        let mut bytes = Vec::new();
        // Damaged samples are wanted too.
        let _ = peeled.reader.read_to_end(&mut bytes);
        self.0.insert(path.to_owned(), bytes);
    }

    fn folder(&mut self, root: &Path) {
        for entry in walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten() {
            if entry.file_type().is_file() {
                let file = fs::File::open(entry.path()).expect("a readable file");
                self.add(&entry.path().display().to_string(), Box::new(file));
            }
        }
    }
}

struct Corpus<'c> {
    root: &'c Path,
    counts: BTreeMap<&'static str, usize>,
}

impl Corpus<'_> {
    fn seed(&mut self, target: &'static str, bytes: &[u8]) {
        let count = self.counts.entry(target).or_default();
        *count += 1;
        let folder = self.root.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("seed-{count:04}")), bytes).expect("a seed");
    }
}

/// The start of a file, up to a line end where there is one.
fn start(bytes: &[u8], most: usize) -> &[u8] {
    let cut = &bytes[..bytes.len().min(most)];
    if cut.len() == bytes.len() { cut } else { cut.iter().rposition(|b| *b == b'\n').map_or(cut, |i| &cut[..=i]) }
}

fn texts(files: &Files, corpus: &mut Corpus<'_>) {
    for (path, bytes) in files.0.iter().filter(|(p, _)| !p.ends_with("expected.json")) {
        let head = start(bytes, SEED);
        corpus.seed("envelope", head);
        let text = String::from_utf8_lossy(head).into_owned();
        if path.ends_with(".csv") {
            corpus.seed("csv", head);
        }
        if !text.starts_with('{') || text.lines().nth(1).is_some_and(|l| l.starts_with(' ')) {
            corpus.seed("documents", start(bytes, 4096));
        }
        if text.contains(" AUDIT: id=") {
            corpus.seed("legacy_text", start(bytes, 2048));
        }
        if text.starts_with("time=\"") {
            corpus.seed("logfmt", start(bytes, 1024));
        }
        if text.starts_with("NAME") {
            corpus.seed("api_table", head);
        }
        if text.contains("APIResourceList") || text.contains("APIGroupDiscoveryList") {
            corpus.seed("api_table", bytes);
        }
    }
}

fn events_and_uris(files: &Files, corpus: &mut Corpus<'_>) {
    let lines = files.0.values().flat_map(|b| b.split(|b| *b == b'\n')).filter(|l| l.len() < SEED);
    for (n, line) in lines.filter(|l| l.starts_with(b"{\"kind\":\"Event\",\"apiVersion\":\"audit")).enumerate() {
        if n % 97 == 0 {
            corpus.seed("audit_line", line);
        }
        if n % 31 == 0
            && let Ok(event) = serde_json::from_slice::<Value>(line)
            && let Some(uri) = event.get("requestURI").and_then(Value::as_str)
        {
            corpus.seed("request_info", uri.as_bytes());
            let reason = event.pointer("/annotations/authorization.k8s.io~1reason").and_then(Value::as_str);
            reason.into_iter().for_each(|r| corpus.seed("request_info", r.as_bytes()));
        }
    }
}

fn objects(files: &Files, corpus: &mut Corpus<'_>) {
    for bytes in files.0.values() {
        let Ok(Value::Object(mut list)) = serde_json::from_slice::<Value>(bytes) else { continue };
        let Some(Value::Array(mut items)) = list.remove("items") else { continue };
        items.retain(|i| i.to_string().len() < 4096);
        for (n, item) in items.iter().enumerate().filter(|(n, _)| n % 11 == 0) {
            let text = if n % 2 == 0 { item.to_string() } else { serde_saphyr::to_string(item).unwrap_or_default() };
            corpus.seed("rbac_object", text.as_bytes());
        }
        items.truncate(3);
        list.insert("items".to_owned(), Value::Array(items));
        corpus.seed("rbac_object", Value::Object(list.clone()).to_string().as_bytes());
        corpus.seed("documents", serde_json::to_string_pretty(&list).unwrap_or_default().as_bytes());
    }
}

fn patches(repository: &Path, corpus: &mut Corpus<'_>) {
    for name in ["apply", "json", "merge", "strategic"] {
        let text = fs::read_to_string(repository.join(format!("tests/data/patch/{name}.jsonl"))).expect("patches");
        for line in text.lines().step_by(13) {
            let case: Value = serde_json::from_str(line).expect("a case");
            corpus.seed("patch", format!("{}\n{}", case["prior"], case["patch"]).as_bytes());
        }
    }
}

fn bundles(repository: &Path, corpus: &mut Corpus<'_>) {
    let bag = repository.join("samples/intrusion/bundle");
    for name in ["manifest-sha256.txt", "tagmanifest-sha256.txt", "bagit.txt", "bag-info.txt"] {
        corpus.seed("manifest", &fs::read(bag.join(name)).expect("a tag file"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("b.tar");
    let at = "2026-11-24T00:41:57Z".parse().expect("a time");
    let mut writer = BundleWriter::create(&out, at).expect("a bundle");
    let below = writer.folder(&Folder::top(), b"audit");
    for (name, text) in [(&b"audit.log"[..], "{\"kind\":\"Event\"}\n"), (b"\xff odd %", "x")] {
        let new = NewEntry {
            folder: &below,
            name,
            original_path: SourcePath::from_os(Path::new("/var/log/audit.log")),
            mtime: Some(at),
            observed: None,
        };
        writer.add(new, &mut text.as_bytes(), &Silent).map(drop).unwrap_or_else(|_| panic!("an entry"));
    }
    let info = CollectionInfo {
        collector: "collect files".to_owned(),
        version: "0".to_owned(),
        arguments: Vec::new(),
        host: None,
        user: None,
        started: at,
        ended: at,
        cluster: None,
        note: None,
    };
    writer.finish(info).expect("a seal");
    corpus.seed("bundle", &fs::read(&out).expect("a bundle"));
}

fn archives(corpus: &mut Corpus<'_>) {
    let text = b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"a\"}\n".repeat(4);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&text).expect("memory");
    let gz = gz.finish().expect("memory");
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&text).expect("memory");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&text).expect("memory");
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("a.log", &text[..]), ("b.log.gz", &gz)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, name, bytes).expect("memory");
    }
    let tar = tar.into_inner().expect("memory");
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in [("a.log", &text[..]), ("b.tar", &tar)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    let zip = zip.finish().expect("memory").into_inner();
    let zst = |b: &[u8]| zstd::encode_all(b, 1).expect("memory");
    for bytes in [
        zst(&text),
        zst(&tar),
        [zst(&text), zst(b"x")].concat(),
        [gz.clone(), gz].concat(),
        bz.finish().expect("memory"),
        xz.finish().expect("memory"),
        tar,
        zip,
    ] {
        corpus.seed("archive", &bytes);
    }
}

fn main() {
    let mut args = std::env::args_os().skip(1);
    let (Some(repository), Some(root)) = (args.next(), args.next()) else { panic!("expected REPOSITORY CORPUS") };
    let (repository, mut files) = (Path::new(&repository), Files::default());
    files.folder(&repository.join("samples"));
    files.folder(&repository.join("tests/data"));
    let mut corpus = Corpus { root: Path::new(&root), counts: BTreeMap::new() };
    texts(&files, &mut corpus);
    events_and_uris(&files, &mut corpus);
    objects(&files, &mut corpus);
    patches(repository, &mut corpus);
    bundles(repository, &mut corpus);
    archives(&mut corpus);
    for (target, seeds) in &corpus.counts {
        let _ = writeln!(io::stdout(), "{target}: {seeds} seeds");
    }
}
