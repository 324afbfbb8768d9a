//! Bundles against damage: whatever is changed in one after it was sealed must be seen and named. Also bags made by
//! other tools, tar files made by attackers, and records that lie about their payload.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kubesleuth::bundle::{
    AddError, Bundle, BundleWriter, CollectionInfo, Encoding, Folder, NewEntry, Verification, verify,
};
use kubesleuth::collect::{FilesRequest, Origin, collect_files};
use kubesleuth::model::progress::Silent;
use kubesleuth::model::time::Timestamp;
use sha2::{Digest, Sha256, Sha512};

#[path = "bundle_model/damage.rs"]
mod damage;
#[path = "bundle_model/foreign.rs"]
mod foreign;
#[path = "bundle_model/hostile.rs"]
mod hostile;
#[path = "bundle_model/writing.rs"]
mod writing;

const AT: Timestamp = Timestamp::from_micros(1_795_480_860_000_000);

type Files = BTreeMap<String, Vec<u8>>;

fn check(path: &Path) -> Verification {
    verify(path, &Silent).unwrap()
}

fn codes(path: &Path) -> Vec<&'static str> {
    check(path).findings.into_iter().map(|f| f.code).collect()
}

/// Fails unless the bundle is not whole and some finding names `name`.
fn assert_seen(path: &Path, name: &str, what: &str) {
    let verification = check(path);
    assert!(!verification.is_whole(), "{what}: taken for whole");
    assert!(verification.findings.iter().any(|f| f.message.contains(name)), "{what}: {:?}", verification.findings);
}

/// A small bundle: text, compressed and empty files, a long name, files that are called like tag files.
fn sample(out: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    let long = format!("{}.log", "n".repeat(150));
    let files: [(&str, &[u8]); 6] = [
        ("audit.log", &b"{\"kind\":\"Event\",\"level\":\"Metadata\"}\n".repeat(50)),
        ("sub/old.gz", b"\x1f\x8b\x08 not really"),
        ("empty", b""),
        ("bagit.txt", b"not the declaration"),
        ("sub/manifest-sha256.txt", b"not a manifest"),
        (&long, b"a long name"),
    ];
    for (name, content) in files {
        let path = input.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let origin = Origin { version: "1.2.3".into(), note: Some("for the test".into()), ..Origin::default() };
    collect_files(&FilesRequest { paths: &[input], out, origin: &origin, sign_key: None }, &|| AT, &Silent).unwrap();
}

fn read_tree(root: &Path) -> Files {
    let files = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    files.map(|e| (name(e.path()), fs::read(e.path()).unwrap())).collect()
}

fn write_tree(root: &Path, files: &Files) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// A tar of members in the order given; names are put in as they are.
fn write_tar<'a>(path: &Path, members: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if name.len() < 100 {
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content).unwrap();
        } else {
            builder.append_data(&mut header, name, content).unwrap();
        }
    }
    builder.into_inner().unwrap();
}

fn write_bag_tar(path: &Path, files: &Files) {
    let named: Vec<(String, &[u8])> = files.iter().map(|(name, c)| (format!("bag/{name}"), c.as_slice())).collect();
    write_tar(path, named.iter().map(|(name, content)| (name.as_str(), *content)));
}

fn hex<D: Digest>(bytes: &[u8]) -> String {
    D::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn manifest<D: Digest>(files: &Files, listed: impl Fn(&str) -> bool) -> Vec<u8> {
    let lines = files.iter().filter(|(name, _)| listed(name)).map(|(name, c)| format!("{}  {name}\n", hex::<D>(c)));
    lines.collect::<String>().into_bytes()
}

/// What an attacker who can rewrite everything does: makes all manifests match again.
fn reseal(files: &mut Files) {
    files.remove("tagmanifest-sha256.txt");
    files.insert("manifest-sha256.txt".into(), manifest::<Sha256>(files, |name| name.starts_with("data/")));
    files.insert("tagmanifest-sha256.txt".into(), manifest::<Sha256>(files, |name| !name.starts_with("data/")));
}

/// The files of the sample; made once.
fn sealed_files() -> Files {
    static SEALED: LazyLock<Files> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        sample(&dir.path().join("bag"));
        read_tree(&dir.path().join("bag"))
    });
    SEALED.clone()
}
