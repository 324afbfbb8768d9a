//! Reads folders of evidence through the formats, without a case: what an import would hand on.
#![allow(unreachable_pub, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use kubesleuth::formats::Reject;
use kubesleuth::formats::archive::{self, Visitor};
use kubesleuth::formats::authenticator::AuthenticatorRecord;
use kubesleuth::formats::completeness::{SourceFacts, warnings_of};
use kubesleuth::formats::decode::{Content, peel};
use kubesleuth::formats::format::Format;
use kubesleuth::formats::layout::{Context, missing_listed_files};
use kubesleuth::formats::limits::{Budget, Limits};
use kubesleuth::formats::sink::{EventRecord, Fact, JsonDocument, Sink, Skipped, Span};
use kubesleuth::formats::source::{Batch, Source, open_batch};
use serde_json::{Map, Value, json};

/// An event as kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub format: Format,
    pub component: Option<String>,
    pub audit_id: String,
    pub stage: Option<String>,
    /// Everything it says, by column name.
    pub content: Map<String, Value>,
    pub span: Span,
}

/// One source as read.
#[derive(Default)]
pub struct Found {
    pub path: String,
    pub events: Vec<Kept>,
    pub json: Vec<(String, Span, bool)>,
    pub authenticator: Vec<(String, Vec<(String, String)>)>,
    pub skipped: Vec<Skipped>,
    pub rejects: Vec<Reject>,
    pub facts: SourceFacts,
    /// Warnings that are not of one record.
    pub more: BTreeSet<String>,
    pub refused: Vec<String>,
    pub listing: Option<Vec<u8>>,
}

impl Sink for Found {
    fn event(&mut self, r: EventRecord<'_>) {
        self.facts.fact(Fact::Format(r.format));
        let e = r.event;
        let mut content = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                content.insert(name.to_owned(), value);
            }
        };
        let raw = |b: Option<kubesleuth::model::json::Json<'_>>| {
            b.map_or(Value::Null, |b| serde_json::from_str(b.get()).unwrap_or_else(|_| b.get().into()))
        };
        put("stage_timestamp", json!(r.times.stage.map(|t| t.to_string())));
        put("request_received_timestamp", json!(r.times.received.map(|t| t.to_string())));
        put("level", json!(e.level.as_deref()));
        put("verb", json!(e.verb.as_deref()));
        put("request_uri", json!(e.request_uri.as_deref()));
        for (prefix, user) in [("user", &e.user), ("impersonated_user", &e.impersonated_user)] {
            let Some(u) = user else { continue };
            put(&format!("{prefix}_username"), json!(u.username.as_deref()));
            put(&format!("{prefix}_uid"), json!(u.uid.as_deref()));
            put(
                &format!("{prefix}_groups"),
                json!(u.groups.as_ref().map(|g| g.iter().map(|g| &**g).collect::<Vec<_>>())),
            );
            put(&format!("{prefix}_extra"), raw(u.extra));
        }
        put("source_ips", json!(e.source_ips.as_ref().map(|g| g.iter().map(|g| &**g).collect::<Vec<_>>())));
        put("user_agent", json!(e.user_agent.as_deref()));
        if let Some(o) = &e.object_ref {
            let fields = [
                ("resource", &o.resource),
                ("namespace", &o.namespace),
                ("name", &o.name),
                ("uid", &o.uid),
                ("api_group", &o.api_group),
                ("api_version", &o.api_version),
                ("resource_version", &o.resource_version),
                ("subresource", &o.subresource),
            ];
            fields.iter().for_each(|(name, v)| put(&format!("object_ref_{name}"), json!(v.as_deref())));
        }
        if let Some(s) = &e.response_status {
            put("response_status_code", json!(s.code));
            put("response_status_status", json!(s.status.as_deref()));
            put("response_status_message", json!(s.message.as_deref()));
            put("response_status_reason", json!(s.reason.as_deref()));
        }
        put("request_object", raw(e.request_object));
        put("response_object", raw(e.response_object));
        put(
            "annotations",
            json!(
                e.annotations
                    .as_ref()
                    .map(|a| a.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<BTreeMap<_, _>>())
            ),
        );
        put("api_version", json!(e.api_version.as_deref()));
        put("grpc_code", json!(r.envelope.grpc_code));
        put("operation_part", json!(r.envelope.operation_part));
        put("http_method", json!(r.envelope.http_method));
        put("node", json!(r.envelope.node));
        put("log_stream", json!(r.envelope.log_stream));
        put("api_server", json!(r.envelope.api_server));
        put("envelope_time", json!(r.envelope.time.map(|t| t.to_string())));
        self.events.push(Kept {
            format: r.format,
            component: r.envelope.component.map(str::to_owned),
            audit_id: e.audit_id.as_deref().unwrap_or_default().to_owned(),
            stage: e.stage.as_deref().map(str::to_owned),
            content,
            span: r.span,
        });
    }

    fn json(&mut self, d: JsonDocument<'_>) {
        self.json.push((d.text.to_owned(), d.span, d.damaged));
    }

    fn authenticator(&mut self, r: &AuthenticatorRecord<'_>, _: Span, _: Option<&str>) {
        self.authenticator.push((r.msg.clone(), r.fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()));
    }

    fn skip(&mut self, what: Skipped, _: Span) {
        self.skipped.push(what);
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    fn warn(&mut self, code: &'static str) {
        self.facts.warn(code);
    }

    fn fact(&mut self, fact: Fact<'_>) {
        self.facts.fact(fact);
    }
}

/// Everything read.
#[derive(Default)]
pub struct All {
    pub sources: Vec<Found>,
}

/// Reads bytes as one file.
pub fn read_bytes(path: &str, bytes: &[u8], limits: Limits) -> All {
    let mut all = All::default();
    let budget = Budget::new(limits);
    let metered = budget.metered(Cursor::new(bytes.to_vec()));
    all.read(path, Box::new(metered), &budget, 0);
    all
}

/// A folder of evidence: its files by path.
pub type Folder = BTreeMap<String, Vec<u8>>;

/// The folders kept with the tests, and those under `KUBESLEUTH_FORMATS` if that names a directory.
pub fn folders() -> BTreeMap<String, Folder> {
    let mut collect = Collect::default();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats/all.tar.zst");
    let budget = Budget::new(Limits::default());
    let peeled = peel(Box::new(budget.metered(File::open(archive).unwrap())), &budget).unwrap();
    archive::tar(peeled.reader, &budget, &mut collect).unwrap();
    if let Some(root) = std::env::var_os("KUBESLEUTH_FORMATS") {
        let mut files = Vec::new();
        list(Path::new(&root), &mut files);
        for file in files {
            let path = file.strip_prefix(&root).unwrap().display().to_string();
            collect.put(&path, std::fs::read(&file).unwrap());
        }
    }
    collect.0.retain(|_, files| files.contains_key("expected.json"));
    collect.0
}

#[derive(Default)]
struct Collect(BTreeMap<String, Folder>);

impl Collect {
    fn put(&mut self, path: &str, bytes: Vec<u8>) {
        if let Some((folder, file)) = path.split_once('/') {
            self.0.entry(folder.to_owned()).or_default().insert(file.to_owned(), bytes);
        }
    }
}

impl Visitor for Collect {
    type Error = std::convert::Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Self::Error> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        self.put(path, bytes);
        Ok(())
    }

    fn refused(&mut self, path: &str, why: &str) {
        panic!("{path}: {why}");
    }

    fn damaged(&mut self, why: &std::io::Error) {
        panic!("{why}");
    }
}

/// Reads a folder.
pub fn read_folder(folder: &Folder) -> All {
    let mut all = All::default();
    for (path, bytes) in folder.iter().filter(|(path, _)| *path != "expected.json") {
        let budget = Budget::new(Limits::default());
        all.read(path, Box::new(budget.metered(Cursor::new(bytes.clone()))), &budget, 0);
    }
    all
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

impl All {
    pub fn read(&mut self, path: &str, reader: Box<dyn Read + Send + '_>, budget: &Budget, depth: u32) {
        let peeled = match peel(reader, budget) {
            Ok(peeled) => peeled,
            Err(e) => {
                let mut found = Found { path: path.to_owned(), ..Default::default() };
                found.more.insert(kubesleuth::formats::decode::failure_code(&[], &e));
                return self.sources.push(found);
            }
        };
        if peeled.content != Content::Plain {
            let mut walk =
                Walk { all: self, path, budget, depth, own: Found { path: path.to_owned(), ..Default::default() } };
            if depth >= 2 {
                walk.own.more.insert("nested-too-deep".to_owned());
            } else if peeled.content == Content::Tar {
                archive::tar(peeled.reader, budget, &mut walk).unwrap();
            } else {
                archive::zip(peeled.reader, budget, &mut walk).unwrap();
            }
            let own = walk.own;
            return self.sources.push(own);
        }
        let ctx = Context::of_path(path);
        let mut found = Found { path: path.to_owned(), ..Default::default() };
        let mut source = Source::open(peeled, path, budget);
        while let Some(batch) = source.next_batch() {
            open_batch(&batch, &ctx, &mut found);
            match batch {
                Batch::Failed { code, .. } => {
                    found.more.insert(code);
                }
                Batch::Listing(bytes) => found.listing = Some(bytes),
                _ => {}
            }
        }
        self.sources.push(found);
    }

    /// Warnings of all sources together.
    pub fn warnings(&self) -> BTreeSet<String> {
        let folder = |s: &Found| s.path.rsplit_once('/').map_or(String::new(), |(f, _)| f.to_owned());
        let folders: Vec<String> = self.sources.iter().map(folder).collect();
        let pairs: Vec<(&str, &SourceFacts)> =
            self.sources.iter().zip(&folders).map(|(s, f)| (f.as_str(), &s.facts)).collect();
        let mut all: BTreeSet<String> = warnings_of(&pairs).into_iter().flatten().map(str::to_owned).collect();
        let paths: Vec<&str> = self.sources.iter().map(|s| s.path.as_str()).collect();
        for s in &self.sources {
            all.extend(s.more.iter().cloned());
            if let Some(listing) = &s.listing
                && !missing_listed_files(&String::from_utf8_lossy(listing), &s.path, &paths).is_empty()
            {
                all.insert("listed-file-missing".to_owned());
            }
        }
        all
    }

    pub fn events(&self) -> impl Iterator<Item = &Kept> {
        self.sources.iter().flat_map(|s| &s.events)
    }

    pub fn rejects(&self) -> Vec<&Reject> {
        self.sources.iter().flat_map(|s| &s.rejects).collect()
    }

    pub fn skipped(&self) -> usize {
        self.sources.iter().map(|s| s.skipped.len()).sum()
    }

    /// Events that remain when those that say the same are one, and truncated copies give way.
    pub fn remaining(&self) -> Vec<Kept> {
        const ENVELOPE: [&str; 5] = ["node", "log_stream", "api_server", "envelope_time", "api_version"];
        let mut groups: BTreeMap<_, Vec<Kept>> = BTreeMap::new();
        for kept in self.events() {
            let mut event = kept.clone();
            ENVELOPE.iter().for_each(|name| {
                event.content.remove(*name);
            });
            let key = (event.component.clone(), event.audit_id.clone(), event.stage.clone());
            let group = groups.entry(key).or_default();
            if let Some(same) = group.iter_mut().find(|k| agree(&k.content, &event.content)) {
                if same.content.len() < event.content.len() || is_cut(&same.content) {
                    *same = event;
                }
            } else {
                group.push(event);
            }
        }
        groups.into_values().flatten().collect()
    }
}

fn is_cut(content: &Map<String, Value>) -> bool {
    content.get("annotations").and_then(|a| a.get("audit.k8s.io/truncated")).is_some()
}

fn agree(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let strip = |c: &Map<String, Value>| {
        let mut c = c.clone();
        c.remove("request_object");
        c.remove("response_object");
        if let Some(Value::Object(annotations)) = c.get_mut("annotations") {
            annotations.remove("audit.k8s.io/truncated");
        }
        c
    };
    a == b || (is_cut(a) || is_cut(b)) && strip(a) == strip(b)
}

struct Walk<'a, 'b> {
    all: &'a mut All,
    path: &'b str,
    budget: &'b Budget,
    depth: u32,
    own: Found,
}

impl Visitor for Walk<'_, '_> {
    type Error = std::convert::Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Self::Error> {
        let path = format!("{}/{path}", self.path);
        self.all.read(&path, Box::new(content), self.budget, self.depth + 1);
        Ok(())
    }

    fn refused(&mut self, path: &str, why: &str) {
        self.own.refused.push(format!("{path}: {why}"));
        self.own.more.insert("archive-member-refused".to_owned());
    }

    fn damaged(&mut self, why: &std::io::Error) {
        self.own.refused.push(why.to_string());
        self.own.more.insert(kubesleuth::formats::decode::failure_code(&[], why));
    }
}
