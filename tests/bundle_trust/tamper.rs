//! Whatever is changed in a signed bundle after it was sealed: `verify` refuses it and names the change and its place.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::common::Tree;
use crate::support::{NAMESPACE, SIG, Signed, TAGS, Verdict, files_of, kubesleuth, put, ssh_sign};

const MANIFEST: &str = "manifest-sha256.txt";
const RECORD: &str = "collection.json";

/// What may be found besides, when a file is changed: the same change seen from another file. First what must be.
fn of_change(name: &str) -> (&'static str, &'static str, &'static [&'static str]) {
    match name {
        "bagit.txt" => ("hash-mismatch", "bagit.txt", &["bagit-txt-invalid"]),
        "bag-info.txt" => ("hash-mismatch", "bag-info.txt", &["payload-oxum-mismatch", "bag-info-invalid"]),
        RECORD => (
            "hash-mismatch",
            RECORD,
            &[
                "collection-unreadable",
                "size-mismatch",
                "original-mismatch",
                "entry-without-file",
                "file-without-entry",
                "duplicate-entry",
            ],
        ),
        MANIFEST => (
            "hash-mismatch",
            MANIFEST,
            &[
                "manifest-line-unreadable",
                "missing-file",
                "extra-file",
                "unsafe-path",
                "manifest-rewritten",
                "manifest-wrong-path",
                "manifest-duplicate",
            ],
        ),
        TAGS => (
            "signature-mismatch",
            SIG,
            &[
                "hash-mismatch",
                "manifest-line-unreadable",
                "missing-file",
                "extra-file",
                "unsafe-path",
                "manifest-rewritten",
                "manifest-wrong-path",
                "manifest-duplicate",
            ],
        ),
        _ => ("hash-mismatch", "", &["size-mismatch", "payload-oxum-mismatch"]),
    }
}

/// Checks what is said of a change of a file's bytes.
#[track_caller]
fn must_see_change(verdict: &Verdict, name: &str, what: &str) {
    if name == SIG {
        assert_eq!(verdict.code, 2, "{what}");
        let codes = ["signature-unreadable", "signature-namespace", "signature-key-unsupported", "signature-mismatch"];
        let wrong = verdict.wrong();
        assert!(wrong.len() == 1 && codes.contains(&wrong[0]), "{what}: {wrong:?}");
        assert!(verdict.of(wrong[0])[0].contains(&format!("`{SIG}`")), "{what}");
        return;
    }
    let (code, names, may) = of_change(name);
    verdict.must(code, if names.is_empty() { name } else { names }, may, what);
}

/// A generator that gives the same numbers each time.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn every_changed_byte_of_every_file_is_seen_and_named() {
    let s = Signed::new("bag");
    s.verify().is_good("as sealed");
    let files = files_of(&s.bundle);
    assert_eq!(files.len(), 8, "{:?}", files.keys());
    let mut seeded = Seeded(7);
    let mut tried = 0;
    for (name, bytes) in &files {
        let path = s.bundle.join(name);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << seeded.below(8);
            fs::write(&path, &changed).unwrap();
            must_see_change(&s.verify(), name, &format!("byte {at} of {name}"));
            tried += 1;
        }
        fs::write(&path, bytes).unwrap();
    }
    s.verify().is_good("as sealed again");
    assert!(tried > 2000, "{tried}");
}

#[test]
fn every_block_of_a_tar_counts_headers_and_padding_too() {
    let s = Signed::new("bag.tar");
    s.verify().is_good("as sealed");
    let bytes = fs::read(&s.bundle).unwrap();
    assert_eq!(bytes.len() % 512, 0);
    let members = members(&bytes);
    let mut seeded = Seeded(11);
    for block in 0..bytes.len() / 512 {
        for _ in 0..12 {
            let at = block * 512 + seeded.below(512);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << seeded.below(8);
            fs::write(&s.bundle, &changed).unwrap();
            let (verdict, what) = (s.verify(), format!("byte {at} of the tar"));
            match members.iter().find(|m| (m.header..m.end).contains(&at)) {
                Some(m) if (m.start..m.start + m.size).contains(&at) => must_see_change(&verdict, &m.name, &what),
                // The padding is named by its member.
                Some(m) if at >= m.start + m.size => {
                    verdict.must("tar-hidden-data", &format!("bag/{}", m.name), &[], &what);
                }
                Some(m) => {
                    assert_eq!(verdict.code, 2, "{what}");
                    let place = format!("tar header at byte {}", m.header);
                    let tells = |f: &&(String, String, String)| f.1.starts_with("tar-") && f.2.contains(&place);
                    assert!(verdict.findings.iter().any(|f| tells(&f)), "{what}: {verdict:?}");
                }
                None => {
                    assert_eq!(verdict.code, 2, "{what}: the end mark");
                    assert!(verdict.wrong().iter().any(|c| c.starts_with("tar-")), "{what}: {verdict:?}");
                }
            }
        }
    }
    // Zeros behind the end are how tar fills its last record: no content, no finding.
    fs::write(&s.bundle, [bytes.as_slice(), &[0; 10240]].concat()).unwrap();
    s.verify().is_good("zeros behind the end");
    fs::write(&s.bundle, [bytes.as_slice(), b"more"].concat()).unwrap();
    assert_eq!(s.verify().wrong(), ["tar-hidden-data"]);
}

struct Member {
    name: String,
    header: usize,
    start: usize,
    size: usize,
    end: usize,
}

/// Where the members of a tar lie; all names are short here.
fn members(bytes: &[u8]) -> Vec<Member> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|e| {
        let entry = e.unwrap();
        let (header, start) = (entry.raw_header_position() as usize, entry.raw_file_position() as usize);
        let size = entry.size() as usize;
        let name = entry.path().unwrap().to_str().unwrap().split_once('/').unwrap().1.to_owned();
        Member { name, header, start, size, end: start + size.div_ceil(512) * 512 }
    });
    entries.collect()
}

/// Runs a change of the files on a folder and on a tar.
fn both(change: impl Fn(&Signed, &Tree)) {
    for name in ["bag", "bag.tar"] {
        let s = Signed::new(name);
        let files = files_of(&s.bundle);
        put(&s.bundle, &files);
        s.verify().is_good("written again as it was");
        change(&s, &files);
    }
}

fn with(s: &Signed, files: &Tree) -> Verdict {
    put(&s.bundle, files);
    s.verify()
}

#[test]
fn bytes_added_or_cut_at_the_end_of_any_file() {
    both(|s, files| {
        for (name, bytes) in files {
            for extra in ["\n", " ", "\0", "{}"] {
                let mut changed = files.clone();
                changed.get_mut(name).unwrap().extend(extra.as_bytes());
                must_see_change(&with(s, &changed), name, &format!("{extra:?} behind {name}"));
            }
            for left in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = files.clone();
                changed.get_mut(name).unwrap().truncate(left);
                let verdict = with(s, &changed);
                if name == TAGS && left == 0 {
                    // An empty list lists nothing: all tag files are too many, and the signature is not of it.
                    verdict.must("signature-mismatch", SIG, &["extra-file"], "an empty tag manifest");
                } else {
                    must_see_change(&verdict, name, &format!("{name} cut to {left}"));
                }
            }
        }
    });
}

/// What must and may be found when a file is gone.
fn of_loss(name: &str) -> (&'static str, &str, &'static [&'static str]) {
    match name {
        SIG => ("unsigned", SIG, &[]),
        TAGS => ("no-tag-manifest", TAGS, &["signature-unreadable"]),
        MANIFEST => ("missing-file", MANIFEST, &["no-manifest"]),
        "bagit.txt" => ("missing-file", name, &["bagit-txt-missing"]),
        "bag-info.txt" | RECORD => ("missing-file", name, &[]),
        _ => ("missing-file", name, &["entry-without-file", "payload-oxum-mismatch"]),
    }
}

#[test]
fn files_removed_renamed_and_added() {
    both(|s, files| {
        for (name, bytes) in files {
            let (code, named, may) = of_loss(name);
            let mut changed = files.clone();
            changed.remove(name);
            with(s, &changed).must(code, named, may, &format!("{name} removed"));
            // Elsewhere, and with other letters only.
            let other = if name.contains("Sub") { name.replace("Sub", "sub") } else { swap_case(name) };
            for new in [format!("{name}~"), format!("data/{name}.moved"), other] {
                changed.insert(new.clone(), bytes.clone());
                let may: Vec<&str> =
                    may.iter().copied().chain([code, "file-without-entry", "payload-oxum-mismatch"]).collect();
                let verdict = with(s, &changed);
                // Without a manifest nothing can be told to be on no list; the record tells.
                let what =
                    if name == MANIFEST && new.starts_with("data/") { "file-without-entry" } else { "extra-file" };
                verdict.must(what, &new, &may, &format!("{name} renamed to {new}"));
                let lost = |f: &(String, String, String)| f.1 == code && f.2.contains(&format!("`{named}`"));
                assert!(verdict.findings.iter().any(lost), "{name} renamed to {new}: {verdict:?}");
                changed.remove(&new);
            }
        }
        for new in [
            "extra",
            ".hidden",
            "new/deep/extra",
            "data/extra",
            "data/in/Sub/extra",
            "data/empty-folder/extra",
            "manifest-md5.txt",
            "tagmanifest-sha512.txt",
            "tagmanifest-sha256.txt.sig2",
            "data/tagmanifest-sha256.txt.sig",
            "Tagmanifest-sha256.txt",
        ] {
            let mut changed = files.clone();
            changed.insert(new.into(), b"added".to_vec());
            let may = ["file-without-entry", "payload-oxum-mismatch", "manifest-line-unreadable"];
            with(s, &changed).must("extra-file", new, &may, &format!("{new} added"));
        }
        let mut changed = files.clone();
        changed.insert("fetch.txt".into(), b"".to_vec());
        with(s, &changed).must("extra-file", "fetch.txt", &["incomplete-bag"], "fetch.txt added");
    });
}

fn swap_case(name: &str) -> String {
    let (folder, last) = name.rsplit_once('/').map_or(("", name), |(f, l)| (f, l));
    let last = if last.to_uppercase() == last { last.to_lowercase() } else { last.to_uppercase() };
    if folder.is_empty() { last } else { format!("{folder}/{last}") }
}

#[cfg(unix)]
#[test]
fn files_replaced_by_links() {
    let s = Signed::new("bag");
    for name in files_of(&s.bundle).keys() {
        let path = s.bundle.join(name);
        let kept = s.lab.path("kept");
        fs::rename(&path, &kept).unwrap();
        std::os::unix::fs::symlink(&kept, &path).unwrap();
        let (code, named, may) = of_loss(name);
        let verdict = s.verify();
        let may: Vec<&str> = may.iter().copied().chain([code]).collect();
        verdict.must("not-a-plain-file", name, &may, &format!("{name} is a link"));
        assert!(verdict.findings.iter().any(|f| f.1 == code && f.2.contains(named)), "{verdict:?}");
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    // The same in a tar.
    let s = Signed::new("bag.tar");
    let files = files_of(&s.bundle);
    for name in files.keys() {
        let mut builder = tar::Builder::new(fs::File::create(&s.bundle).unwrap());
        for (other, bytes) in &files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            let member = format!("bag/{other}");
            if other == name {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, member, "/etc/passwd").unwrap();
            } else {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, member, bytes.as_slice()).unwrap();
            }
        }
        builder.into_inner().unwrap();
        let (code, _, may) = of_loss(name);
        let may: Vec<&str> = may.iter().copied().chain([code]).collect();
        s.verify().must("not-a-plain-file", &format!("bag/{name}"), &may, &format!("{name} is a link in the tar"));
    }
}

/// All that whoever can write the bundle can do: change a file and make every manifest and record match.
#[test]
fn a_bundle_rewritten_with_matching_manifests_is_refused_by_its_signature() {
    both(|s, files| {
        let mut changed = files.clone();
        changed.insert("bag-info.txt".into(), [files["bag-info.txt"].as_slice(), b"Cluster: other\n"].concat());
        reseal(&mut changed);
        with(s, &changed).must("signature-mismatch", SIG, &[], "rewritten");
        // Nor is it imported or copied, with a list or without.
        kubesleuth(&[&"import", &s.bundle, &"--case", &s.lab.path("case")]).refused(&["is damaged", SIG]);
        kubesleuth(&[&"copy", &s.bundle, &s.lab.path("copy")]).refused(&["not whole", SIG]);
        // Signed anew by someone who is not on the list.
        changed.insert(SIG.into(), ssh_sign(&s.mallory, NAMESPACE, &changed[TAGS]));
        with(s, &changed).must("signer-not-allowed", SIG, &[], "rewritten and signed by another");
        // Not signed any more.
        changed.remove(SIG);
        with(s, &changed).must("unsigned", SIG, &[], "rewritten, signature stripped");
    });
}

#[test]
fn a_signature_of_something_else_is_not_one_of_this_bundle() {
    both(|s, files| {
        let try_with = |signature: Vec<u8>| {
            let mut changed = files.clone();
            changed.insert(SIG.into(), signature);
            with(s, &changed)
        };
        let tags = &files[TAGS];
        try_with(ssh_sign(&s.mallory, NAMESPACE, tags)).must("signer-not-allowed", SIG, &[], "by another key");
        try_with(ssh_sign(&s.alice, "file", tags)).must("signature-namespace", SIG, &[], "for files");
        try_with(ssh_sign(&s.alice, "kubesleuth-custody", tags)).must("signature-namespace", SIG, &[], "for a log");
        try_with(ssh_sign(&s.alice, NAMESPACE, &files[MANIFEST])).must(
            "signature-mismatch",
            SIG,
            &[],
            "of the manifest",
        );
        try_with(Vec::new()).must("signature-unreadable", SIG, &[], "empty");
        try_with(vec![b'-'; 1 << 20]).must("signature-unreadable", SIG, &[], "large");
        let text = String::from_utf8(files[SIG].clone()).unwrap();
        for (what, spelt) in [
            ("CRLF", text.replace('\n', "\r\n")),
            ("text before", format!("signed by the court\n{text}")),
            ("text behind", format!("{text}by the court\n")),
            ("no end", text.trim_end().to_owned()),
            ("twice", format!("{text}{text}")),
            ("other lines", text.replace("-----\nU", "-----\n\nU")),
        ] {
            try_with(spelt.into_bytes()).must("signature-unreadable", SIG, &[], what);
        }
    });
}

#[test]
fn manifests_spelt_otherwise_are_changed_manifests() {
    both(|s, files| {
        for name in [MANIFEST, TAGS] {
            let text = String::from_utf8(files[name].clone()).unwrap();
            let first = text.lines().next().unwrap();
            for (what, spelt) in [
                ("one blank more", text.replacen("  ", "   ", 1)),
                ("a tab", text.replacen("  ", "\t", 1)),
                ("a star", text.replacen("  ", " *", 1)),
                ("./ before a path", text.replacen("  ", "  ./", 1)),
                ("CRLF", text.replace('\n', "\r\n")),
                ("an empty line", text.replacen('\n', "\n\n", 1)),
                ("upper case", text.replacen(first, &(first[..64].to_uppercase() + &first[64..]), 1)),
                ("a line twice", format!("{text}{first}\n")),
                ("another order", text.lines().rev().map(|l| format!("{l}\n")).collect()),
                ("no end of line", text.trim_end().to_owned()),
            ] {
                let mut changed = files.clone();
                changed.insert(name.into(), spelt.into_bytes());
                must_see_change(&with(s, &changed), name, &format!("{name}: {what}"));
            }
        }
    });
}

/// Makes the manifests match the files again.
fn reseal(files: &mut Tree) {
    let listed = |files: &Tree, payload: bool| -> Vec<u8> {
        let of_kind = files.iter().filter(|(n, _)| n.starts_with("data/") == payload && *n != TAGS && *n != SIG);
        let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
        of_kind.map(|(n, b)| format!("{}  {n}\n", hex(b))).collect::<String>().into_bytes()
    };
    files.insert(MANIFEST.into(), listed(files, true));
    files.insert(TAGS.into(), listed(files, false));
}

/// The names of the tag files are not hard-coded twice: these are the ones there are.
#[test]
fn a_signed_bundle_holds_one_file_more() {
    let s = Signed::new("bag");
    let names: Vec<String> = files_of(&s.bundle).into_keys().filter(|n| !n.starts_with("data/")).collect();
    assert_eq!(names, ["bag-info.txt", "bagit.txt", RECORD, MANIFEST, TAGS, SIG]);
    let _: &Path = &s.bundle;
}
