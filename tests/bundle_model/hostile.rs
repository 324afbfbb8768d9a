//! Bundles made to do harm: members that lead out, links, records that lie, files that swell.

use super::*;

#[test]
fn tar_members_that_could_do_harm_are_named() {
    let files = sealed_files();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("case.tar");
    let named: Vec<(String, &[u8])> = files.iter().map(|(name, c)| (format!("case/{name}"), c.as_slice())).collect();
    let members = || named.iter().map(|(name, content)| (name.as_str(), *content));
    for (extra, code) in [
        ("/etc/cron.d/x", "unsafe-path"),
        ("case/../../x", "unsafe-path"),
        ("case/data/../bagit.txt", "unsafe-path"),
        ("elsewhere/x", "extra-file"),
        ("case", "extra-file"),
        ("case/data/in/empty.zst", "duplicate-member"),
        ("case/./data//in/empty.zst", "duplicate-member"),
        ("case/data/in/empty.zst/x", "duplicate-member"),
        ("case/data/in/x", "extra-file"),
        ("case/data/in/x", "file-without-entry"),
    ] {
        write_tar(&path, members().chain([(extra, b"hostile".as_slice())]));
        let verification = check(&path);
        assert!(verification.findings.iter().any(|f| f.code == code), "{extra}: {:?}", verification.findings);
        assert!(!verification.is_whole());
    }
    for (kind, word) in [
        (tar::EntryType::Symlink, "symbolic link"),
        (tar::EntryType::Link, "hard link"),
        (tar::EntryType::Char, "device"),
        (tar::EntryType::Fifo, "pipe"),
    ] {
        write_tar(&path, members());
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 1024);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path("case/data/in/link").unwrap();
        header.set_link_name_literal("/etc/shadow").unwrap();
        header.set_size(0);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 1024]);
        fs::write(&path, bytes).unwrap();
        assert_seen(&path, word, "a member that is no file");
        assert!(Bundle::open(&path).unwrap().entries().len() == 6);
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_a_bundle_is_named_and_never_followed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("bag");
    sample(&out);
    let target = out.join("data/in/empty.zst");
    let content = fs::read(&target).unwrap();
    fs::write(dir.path().join("outside"), &content).unwrap();
    fs::remove_file(&target).unwrap();
    std::os::unix::fs::symlink("../../../outside", &target).unwrap();
    assert_seen(&out, "data/in/empty.zst", "a link to the right bytes");
    let bundle = Bundle::open(&out).unwrap();
    let entry = bundle.entries().iter().find(|e| e.stored_path == "data/in/empty.zst").unwrap();
    assert!(bundle.open_entry(entry).err().unwrap().to_string().contains("holds no file"));
}

/// Edits the collection record as an attacker would, who makes all digests match again.
fn with_record(edit: impl FnOnce(&mut serde_json::Value, &mut Files)) -> (tempfile::TempDir, PathBuf) {
    let mut files = sealed_files();
    let mut record: serde_json::Value = serde_json::from_slice(&files["collection.json"]).unwrap();
    edit(&mut record, &mut files);
    files.insert("collection.json".into(), serde_json::to_vec(&record).unwrap());
    files.remove("bag-info.txt");
    reseal(&mut files);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("bag");
    write_tree(&out, &files);
    (dir, out)
}

#[test]
fn a_record_that_disagrees_with_the_payload_is_told_even_when_all_digests_match() {
    let (_dir, out) = with_record(|_, _| {});
    assert_eq!(codes(&out), [""; 0]);
    let (_dir, out) = with_record(|r, _| r["entries"][0]["original_sha256"] = "00".repeat(32).into());
    assert_eq!(codes(&out), ["original-mismatch"]);
    let (_dir, out) = with_record(|r, _| r["entries"][0]["original_sha256"] = serde_json::Value::Null);
    assert_eq!(codes(&out), ["original-mismatch"]);
    let (_dir, out) = with_record(|r, _| r["entries"][0]["original_size"] = 7_000_000.into());
    assert_eq!(codes(&out), ["original-mismatch"]);
    let bundle = Bundle::open(&out).unwrap();
    let short = bundle.open_original(&bundle.entries()[0]).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(short.to_string().contains("fewer bytes"), "{short}");
    let (_dir, out) = with_record(|r, _| r["entries"][0]["stored_size"] = 7.into());
    assert_eq!(codes(&out), ["size-mismatch"]);
    let (_dir, out) = with_record(|r, _| r["entries"][0]["stored_path"] = "data/in/none".into());
    assert_eq!(codes(&out), ["entry-without-file", "file-without-entry"]);
    let (_dir, out) = with_record(|r, _| r["entries"][0]["stored_path"] = "data/../bagit.txt".into());
    assert_eq!(codes(&out), ["entry-without-file", "file-without-entry"]);
    let (_dir, out) = with_record(|r, _| {
        let again = r["entries"][0].clone();
        r["entries"].as_array_mut().unwrap().push(again);
    });
    assert_eq!(codes(&out), ["duplicate-entry"]);
    let (_dir, out) = with_record(|r, _| r["format_version"] = 2.into());
    assert_eq!(codes(&out), ["collection-unreadable"]);
    assert!(check(&out).findings[0].message.contains("use a newer kubesleuth"));
    assert!(Bundle::open(&out).unwrap_err().to_string().contains("use a newer kubesleuth"));
}

#[test]
fn a_file_that_swells_without_end_is_refused() {
    let (_dir, out) = with_record(|record, files| {
        let bomb = zstd::encode_all(io::repeat(0).take(1 << 30), 3).unwrap();
        let entry = &mut record["entries"][0];
        entry["stored_size"] = bomb.len().into();
        entry["original_size"] = 100.into();
        files.insert(entry["stored_path"].as_str().unwrap().to_owned(), bomb);
    });
    assert_seen(&out, "more than the 100 bytes", "a bomb");
    let bundle = Bundle::open(&out).unwrap();
    let mut total = 0;
    let mut reader = bundle.open_original(&bundle.entries()[0]).unwrap();
    let mut block = [0; 4096];
    let err = loop {
        match reader.read(&mut block) {
            Ok(n) => total += n,
            Err(e) => break e,
        }
    };
    assert!(total <= 100 && err.to_string().contains("more bytes"), "{total} {err}");
}

#[test]
fn an_entry_cannot_reach_a_file_outside_of_the_payload() {
    for outside in ["bagit.txt", "data/../bagit.txt", "/etc/hostname", "../outside"] {
        let (dir, out) = with_record(|r, _| r["entries"][0]["stored_path"] = outside.into());
        fs::write(dir.path().join("outside"), b"secret").unwrap();
        let bundle = Bundle::open(&out).unwrap();
        let err = bundle.open_entry(&bundle.entries()[0]).err().unwrap().to_string();
        assert!(err.contains("holds no file"), "{outside}: {err}");
    }
}

#[test]
fn manifests_that_list_what_they_may_not_are_named() {
    let mut files = sealed_files();
    files.remove("tagmanifest-sha256.txt");
    let everything = manifest::<Sha256>(&files, |name| name != "manifest-sha256.txt");
    files.insert("manifest-sha256.txt".into(), everything);
    files.insert("tagmanifest-sha256.txt".into(), manifest::<Sha256>(&files, |_| true));
    let dir = tempfile::tempdir().unwrap();
    write_tree(dir.path(), &files);
    let verification = check(dir.path());
    let named = |manifest: &str, path: &str| {
        let wanted = format!("`{manifest}` lists `{path}`, which it may not list");
        verification.findings.iter().any(|f| f.code == "manifest-wrong-path" && f.message == wanted)
    };
    assert!(named("manifest-sha256.txt", "bagit.txt") && named("tagmanifest-sha256.txt", "data/in/empty.zst"));
}

#[test]
fn a_second_tag_manifest_smuggled_into_our_bundle_is_named() {
    for name in ["tagmanifest-md5.txt", "tagmanifest-sha512.txt", "manifest-sha512.txt", "manifest-md5.txt"] {
        let mut files = sealed_files();
        files.insert(name.into(), Vec::new());
        let dir = tempfile::tempdir().unwrap();
        write_tree(dir.path(), &files);
        assert_seen(dir.path(), &format!("`{name}` is there and is not listed"), name);
    }
}

#[test]
fn a_bundle_that_shrinks_after_it_was_opened_gives_an_error_not_an_end() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["bag", "bag.tar"] {
        let out = dir.path().join(name);
        sample(&out);
        let bundle = Bundle::open(&out).unwrap();
        let entry = bundle.entries().last().unwrap();
        let file = if name == "bag" { out.join(&entry.stored_path) } else { out.clone() };
        fs::OpenOptions::new().write(true).open(file).unwrap().set_len(5).unwrap();
        let err = bundle.open_entry(entry).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof);
    }
}
