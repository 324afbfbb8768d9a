//! Keys, signed bundles, and what `verify` says of them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{self, Lab, Ran, Tree};

pub const TAGS: &str = "tagmanifest-sha256.txt";
pub const SIG: &str = "tagmanifest-sha256.txt.sig";
pub const NAMESPACE: &str = "kubesleuth-bundle";

/// Runs ssh-keygen. These tests hold kubesleuth against it: without it they fail and say so.
pub fn ssh_keygen<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Output {
    let spawned = Command::new("ssh-keygen")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap_or_else(|e| {
        panic!("ssh-keygen cannot be run ({e}): install it (Debian: apt-get install openssh-client) and test again")
    });
    // A command that refuses does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Makes a key of a kind, `ed25519`, `rsa:3072`, `ecdsa:521`; gives the private key's file.
pub fn make_key(lab: &Lab, name: &str, kind: &str, passphrase: &str) -> PathBuf {
    let path = lab.path(name);
    let (kind, bits) = kind.split_once(':').unwrap_or((kind, ""));
    let mut args = vec!["-q", "-t", kind, "-N", passphrase, "-C", name, "-f", path.to_str().unwrap()];
    if !bits.is_empty() {
        args.extend(["-b", bits]);
    }
    let made = ssh_keygen(&args, b"");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

/// Kind and key of a public key, as a list of allowed signers has them.
pub fn public(key: &Path) -> String {
    let text = fs::read_to_string(key.with_extension("pub")).unwrap();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// What `ssh-keygen -Y verify` says.
pub fn ssh_accepts(allowed: &Path, principal: &str, signature: &Path, message: &[u8], options: &[&str]) -> bool {
    let text = |p: &Path| p.to_str().unwrap().to_owned();
    let mut args: Vec<String> = ["-Y", "verify", "-f"].map(str::to_owned).to_vec();
    args.extend([
        text(allowed),
        "-I".into(),
        principal.into(),
        "-n".into(),
        NAMESPACE.into(),
        "-s".into(),
        text(signature),
    ]);
    args.extend(options.iter().map(|o| (*o).to_owned()));
    ssh_keygen(&args, message).status.success()
}

/// `ssh-keygen -Y sign` of some bytes.
pub fn ssh_sign(key: &Path, namespace: &str, message: &[u8]) -> Vec<u8> {
    let made = ssh_keygen(&["-Y", "sign", "-n", namespace, "-f", key.to_str().unwrap()], message);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Runs the command on paths and flags.
pub fn kubesleuth(args: &[&dyn AsRef<OsStr>]) -> Ran {
    common::run(args.iter().map(|a| a.as_ref()))
}

/// A little evidence.
pub fn evidence(lab: &Lab) -> PathBuf {
    lab.write("in/audit.log", common::lines([common::event("a", "alice", "get", 1)]));
    lab.write("in/Sub/notes.txt", "what was seen\n");
    lab.path("in")
}

/// A signed bundle without its custody log, so that nothing but the bundle itself speaks; with alice's list.
pub struct Signed {
    pub lab: Lab,
    pub bundle: PathBuf,
    pub allowed: PathBuf,
    pub alice: PathBuf,
    pub mallory: PathBuf,
}

impl Signed {
    pub fn new(name: &str) -> Self {
        let lab = Lab::in_memory();
        let alice = make_key(&lab, "alice", "ed25519", "");
        let mallory = make_key(&lab, "mallory", "ed25519", "");
        let allowed = lab.write("allowed", format!("alice@example.com {}\n", public(&alice)));
        let (input, bundle) = (evidence(&lab), lab.path(name));
        kubesleuth(&[&"collect", &"files", &input, &"--out", &bundle, &"--sign-key", &alice]).expect(0);
        fs::remove_file(lab.path(&format!("{name}.custody.jsonl"))).unwrap();
        Self { lab, bundle, allowed, alice, mallory }
    }

    pub fn verify(&self) -> Verdict {
        verify(&self.bundle, &self.allowed, &[])
    }
}

/// What `verify` found.
#[derive(Debug)]
pub struct Verdict {
    pub code: i32,
    /// All findings: severity, code, message.
    pub findings: Vec<(String, String, String)>,
    pub json: Value,
}

impl Verdict {
    /// Codes of the findings above `info`.
    pub fn wrong(&self) -> Vec<&str> {
        self.findings.iter().filter(|f| f.0 != "info").map(|f| f.1.as_str()).collect()
    }

    /// Fails unless the bundle is refused with a finding of this code that names this, and no others than `may`.
    #[track_caller]
    pub fn must(&self, code: &str, names: &str, may: &[&str], what: &str) {
        assert_eq!(self.code, 2, "{what}: exit code: {:?}", self.findings);
        let named = |f: &(String, String, String)| f.0 == "high" && f.1 == code && f.2.contains(&format!("`{names}`"));
        assert!(self.findings.iter().any(named), "{what}: expected {code} of `{names}`: {:?}", self.findings);
        let other: Vec<&str> = self.wrong().into_iter().filter(|c| *c != code && !may.contains(c)).collect();
        assert!(other.is_empty(), "{what}: did not expect {other:?}: {:?}", self.findings);
    }

    #[track_caller]
    pub fn is_good(&self, what: &str) {
        assert_eq!((self.code, self.wrong()), (0, vec![]), "{what}: {:?}", self.findings);
    }

    /// The messages of one code.
    pub fn of(&self, code: &str) -> Vec<&str> {
        self.findings.iter().filter(|f| f.1 == code).map(|f| f.2.as_str()).collect()
    }
}

pub fn verify(bundle: &Path, allowed: &Path, flags: &[&str]) -> Verdict {
    let mut command = common::command();
    command.arg("verify").arg(bundle).arg("--allowed-signers").arg(allowed).args(["-o", "json", "-q"]).args(flags);
    verdict(&common::finish(&mut command))
}

/// Without a list.
pub fn verify_alone(bundle: &Path) -> Verdict {
    verdict(&kubesleuth(&[&"verify", &bundle, &"-o", &"json", &"-q"]))
}

fn verdict(ran: &Ran) -> Verdict {
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    let json = ran.json();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let findings = json["rows"].as_array().unwrap();
    let findings = findings.iter().map(|r| (text(r, "severity"), text(r, "code"), text(r, "finding"))).collect();
    Verdict { code: ran.code.unwrap(), findings, json }
}

/// The files of a bundle, a folder or a tar.
pub fn files_of(bundle: &Path) -> Tree {
    if bundle.is_dir() {
        return common::tree(bundle);
    }
    let mut archive = tar::Archive::new(fs::File::open(bundle).unwrap());
    let entries = archive.entries().unwrap().map(|e| {
        let mut entry = e.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().split_once('/').unwrap().1.to_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (name, bytes)
    });
    entries.collect()
}

/// Puts these files in place of the bundle's.
pub fn put(bundle: &Path, files: &Tree) {
    if bundle.extension().is_some_and(|e| e == "tar") {
        let mut builder = tar::Builder::new(fs::File::create(bundle).unwrap());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("bag/{name}"), bytes.as_slice()).unwrap();
        }
        builder.into_inner().unwrap();
        return;
    }
    let _ = fs::remove_dir_all(bundle);
    for (name, bytes) in files {
        let path = bundle.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
