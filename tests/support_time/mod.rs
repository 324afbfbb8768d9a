//! What the tests of questions about time share: the recorded intrusion as a case, and the same evidence with something
//! in it changed. They know of kubesleuth what a user knows.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The recorded evidence: a real control plane, driven through normal work and one intrusion.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/intrusion/bundle")
}

/// What a run of the command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }

    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        self.json()["rows"].as_array().unwrap().clone()
    }

    /// The notes, one a line.
    #[track_caller]
    pub fn notes(&self) -> String {
        let json = self.json();
        let notes: Vec<&str> = json["notes"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        notes.join("\n")
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} {}", self.out.chars().take(2000).collect::<String>(), self.err);
        self
    }
}

/// A case of its own.
pub struct Case {
    dir: TempDir,
}

impl Case {
    /// Imports folders or a bundle.
    #[track_caller]
    pub fn of(paths: &[&Path]) -> Self {
        let case = Self { dir: TempDir::new().unwrap() };
        let mut args = vec!["import".to_owned()];
        args.extend(paths.iter().map(|p| p.display().to_string()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        case.ask(&args).expect(0);
        case
    }

    /// Runs the command on the case.
    pub fn ask(&self, args: &[&str]) -> Ran {
        self.ask_with(args, &[])
    }

    pub fn ask_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_kubesleuth"))
            .args(args)
            .args(["--case", &self.dir.path().join("case").display().to_string()])
            .env_remove("KUBESLEUTH_CASE")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the command and takes its answer as JSON.
    pub fn json(&self, args: &[&str]) -> Ran {
        self.ask(&[args, &["-o", "json"]].concat())
    }

    /// The rows of a SQL query.
    #[track_caller]
    pub fn sql(&self, query: &str) -> Vec<Value> {
        self.json(&["sql", query]).rows()
    }
}

/// The case of the whole sample; made once, never changed.
pub fn intrusion() -> &'static Case {
    static CASE: LazyLock<Case> = LazyLock::new(|| Case::of(&[&sample()]));
    &CASE
}

/// The sample's evidence, taken out of its files so that it can be changed.
pub struct Evidence {
    /// Audit events in the order of the log.
    pub events: Vec<Value>,
    /// Snapshots: folder, file name, text.
    pub snapshots: Vec<(String, String, String)>,
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).map(drop).unwrap(),
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_string(&mut text).map(drop).unwrap(),
        _ => panic!("{}", path.display()),
    }
    text
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

impl Evidence {
    pub fn recorded() -> Self {
        let data = sample().join("data");
        let logs = sorted(&data.join("audit"));
        let text: Vec<String> = logs.iter().map(|p| unpacked(p)).collect();
        let events = text.iter().flat_map(|t| t.lines()).map(|l| serde_json::from_str(l).unwrap()).collect();
        let mut snapshots = Vec::new();
        for folder in sorted(&data.join("snapshots")) {
            let tag = folder.file_name().unwrap().to_str().unwrap().to_owned();
            for file in sorted(&folder) {
                let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
                snapshots.push((tag.clone(), name, unpacked(&file)));
            }
        }
        Self { events, snapshots }
    }

    /// Changes every event that the test picks; says how many.
    pub fn change(&mut self, picks: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> usize {
        let picked: Vec<&mut Value> = self.events.iter_mut().filter(|e| picks(e)).collect();
        let count = picked.len();
        picked.into_iter().for_each(change);
        count
    }

    /// A case of this evidence.
    #[track_caller]
    pub fn case(&self) -> Case {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("audit");
        fs::create_dir(&log).unwrap();
        let lines: Vec<String> = self.events.iter().map(|e| format!("{e}\n")).collect();
        fs::write(log.join("audit.log"), lines.concat()).unwrap();
        for (tag, name, text) in &self.snapshots {
            let folder = dir.path().join("snapshots").join(tag);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        Case::of(&[dir.path()])
    }
}

/// The user of an event.
pub fn user(event: &Value) -> &str {
    event["user"]["username"].as_str().unwrap_or_default()
}

/// The resource of an event's object.
pub fn resource(event: &Value) -> &str {
    event["objectRef"]["resource"].as_str().unwrap_or_default()
}

/// Whether an event may have changed an RBAC object.
pub fn changes_rbac(event: &Value) -> bool {
    let verb = event["verb"].as_str().unwrap_or_default();
    event["objectRef"]["apiGroup"] == "rbac.authorization.k8s.io"
        && ["create", "update", "patch", "delete", "deletecollection"].contains(&verb)
}
