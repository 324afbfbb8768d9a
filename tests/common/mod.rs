//! What tests of the command share: running the binary, folders of evidence, and reading its answers.
//! These tests do not link the library: they know of kubesleuth what a user knows.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What a run of the command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("standard output is UTF-8")
    }

    /// Standard output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.out)))
    }

    /// The rows of an answer in JSON.
    pub fn rows(&self) -> Vec<Value> {
        self.json()["rows"].as_array().expect("an answer has rows").clone()
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let out = String::from_utf8_lossy(&self.out);
        assert_eq!(self.code, Some(code), "exit code; stderr: {}\nstdout: {}", self.err, &out[..out.len().min(3000)]);
        self
    }

    /// Fails unless the command refused with exit code 2 and one message that holds all these words.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "exit code; stderr: {}", self.err);
        assert_eq!(String::from_utf8_lossy(&self.out), "", "nothing is answered");
        for word in words {
            assert!(self.err.contains(word), "expected `{word}` in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

/// The command, away from the environment of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubesleuth"));
    command.env_remove("KUBESLEUTH_CASE").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the command.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    finish(command().args(args))
}

/// Runs a prepared command.
pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary runs");
    Ran { code: output.status.code(), out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Runs the command with this on its standard input.
pub fn run_with_input<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, input: Vec<u8>) -> Ran {
    let mut child =
        command().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // A command that refuses does not read its input.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran { code: output.status.code(), out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// A folder for one test, with a case in it.
pub struct Lab {
    pub dir: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// One in memory, where there is such a place: for tests of hundreds of cases, each of which is brought to the disk.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { dir: dir.or_else(|_| tempfile::tempdir()).unwrap() }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, its folders made.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A case in the folder; it need not exist yet.
    pub fn case(&self, name: &str) -> Case {
        Case { dir: self.path(name) }
    }
}

/// A case to ask.
#[derive(Clone, Debug)]
pub struct Case {
    pub dir: PathBuf,
}

impl Case {
    /// Runs a subcommand on the case.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        finish(self.command(args).stdin(Stdio::null()))
    }

    /// A subcommand on the case, to be run.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = command();
        command.args(args).arg("--case").arg(&self.dir);
        command
    }

    /// Imports paths with further flags; it must succeed.
    #[track_caller]
    pub fn import<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>, flags: &[&str]) -> Ran {
        let mut args: Vec<OsString> = vec!["import".into()];
        args.extend(paths.into_iter().map(|p| p.as_ref().as_os_str().to_owned()));
        args.extend(flags.iter().map(OsString::from));
        self.run(args).expect(0)
    }

    /// The rows a query gives.
    #[track_caller]
    pub fn sql(&self, query: &str) -> Vec<Value> {
        let ran = self.run(["sql", query, "-o", "json"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{query}: {}", ran.err);
        ran.rows()
    }

    /// The one number a query gives.
    #[track_caller]
    pub fn count(&self, query: &str) -> u64 {
        let rows = self.sql(query);
        let row = rows.first().and_then(Value::as_object).expect("one row");
        row.values().next().and_then(Value::as_u64).expect("one number")
    }

    /// The rows of `sources`, each as JSON.
    pub fn sources(&self) -> Vec<Value> {
        self.run(["sources", "-o", "json"]).expect(0).rows()
    }

    /// Asks access reviews; the answers, line by line, as text.
    #[track_caller]
    pub fn review(&self, lines: &str, code: i32) -> Vec<String> {
        let args = ["can", "--reviews", "-", "--case", self.dir.to_str().unwrap()];
        let ran = run_with_input(args, lines.as_bytes().to_vec()).expect(code);
        ran.text().lines().map(str::to_owned).collect()
    }

    /// Every file of the case with its bytes.
    pub fn files(&self) -> Tree {
        tree(&self.dir)
    }

    /// The Parquet files alone.
    pub fn tables(&self) -> Tree {
        let mut files = self.files();
        files.retain(|name, _| name.ends_with(".parquet"));
        files
    }
}

/// Files under a folder, by relative path.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Reads all files under a folder; a missing folder has none.
pub fn tree(root: &Path) -> Tree {
    walkdir::WalkDir::new(root)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_file())
        .map(|e| {
            let name = e.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(e.path()).unwrap())
        })
        .collect()
}

/// Fails, naming the first file that differs, unless both are the same.
#[track_caller]
pub fn assert_same(a: &Tree, b: &Tree, what: &str) {
    let names = |t: &Tree| t.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(a), names(b), "{what}: other files");
    for (name, bytes) in a {
        assert!(b[name] == *bytes, "{what}: `{name}` differs ({} and {} bytes)", bytes.len(), b[name].len());
    }
}

/// Names in a folder, hidden ones included, sorted.
pub fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A recorded intrusion: `audit/`, `snapshots/T0-before`, `snapshots/T2-after` and the questions that the cluster's own
/// authorizer answered, in `oracle/`.
pub fn incident(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/incident-a").join(part)
}

/// The files in a folder, sorted.
pub fn files_in(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(|e| e.unwrap())
        .filter(|e| e.file_type().is_file())
        .map(|e| e.path().to_owned())
        .collect();
    files.sort();
    files
}

/// A file's bytes, decompressed where its name says so.
pub fn read_plain(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    match path.extension().and_then(OsStr::to_str) {
        Some("gz") => {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
            plain
        }
        Some("zst") => zstd::decode_all(bytes.as_slice()).unwrap(),
        _ => bytes,
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The lines of all audit logs of the incident with the file they are in, in the order of the files.
pub fn audit_lines() -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for file in files_in(&incident("audit")) {
        let text = String::from_utf8(read_plain(&file)).unwrap();
        lines.extend(text.lines().map(|l| (file.clone(), l.to_owned())));
    }
    lines
}

/// The recorded questions, with their answers.
pub struct Oracle {
    /// Each line, as it is asked: `spec` and `at`.
    pub lines: Vec<String>,
    /// What the cluster's authorizer said.
    pub allowed: Vec<bool>,
    /// And why.
    pub reasons: Vec<String>,
}

/// The questions asked at one moment: `T0-before`, `T1-during`, `T2-after`.
pub fn oracle(moment: &str) -> Oracle {
    let text = String::from_utf8(read_plain(&incident(&format!("oracle/{moment}.jsonl.gz")))).unwrap();
    let mut oracle = Oracle { lines: Vec::new(), allowed: Vec::new(), reasons: Vec::new() };
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        oracle.allowed.push(value["allowed"].as_bool().unwrap());
        oracle.reasons.push(value["reason"].as_str().unwrap().to_owned());
        oracle.lines.push(json!({"spec": value["spec"], "at": value["at"]}).to_string());
    }
    oracle
}

pub const MOMENTS: [&str; 3] = ["T0-before", "T1-during", "T2-after"];

/// An audit event with a body, as one line.
pub fn event(id: &str, user: &str, verb: &str, second: u32) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id, "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/web/secrets/s", "verb": verb, "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.1"], "userAgent": "curl/8", "objectRef": {"resource": "secrets", "namespace": "web", "name": "s", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": format!("2026-03-01T{:02}:{:02}:{:02}.000000Z", second / 3600, second / 60 % 60, second % 60),
        "stageTimestamp": format!("2026-03-01T{:02}:{:02}:{:02}.500000Z", second / 3600, second / 60 % 60, second % 60),
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
    })
}

/// JSON values, one a line.
pub fn lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|v| format!("{v}\n")).collect()
}

/// A ClusterRole that allows verbs on secrets, and a binding of it to a user.
pub fn role_and_binding(role: &str, verbs: &[&str], user: &str) -> [Value; 2] {
    [
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
               "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": format!("{role}-binding")},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
               "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]}),
    ]
}

/// The names in one column of rows, in order.
pub fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|r| r[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// Whether the tests run as a user who may read everything.
pub fn reads_everything() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    fs::write(&path, "x").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    fs::read(&path).is_ok()
}
