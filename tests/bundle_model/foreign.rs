//! Bags of other tools, and things that are no bags.

use super::*;

/// A bag as other tools make it.
fn foreign() -> Files {
    let mut files = Files::new();
    files.insert("bagit.txt".into(), b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n".to_vec());
    files.insert("data/a.log".into(), b"first".to_vec());
    files.insert("data/sub/b c.log".into(), b"second".to_vec());
    files.insert("bag-info.txt".into(), b"Payload-Oxum: 11.2\r\nContact-Name: A\r\n  B\r\n".to_vec());
    files
}

fn codes_of(files: &Files) -> Vec<&'static str> {
    let dir = tempfile::tempdir().unwrap();
    write_tree(&dir.path().join("bag"), files);
    write_bag_tar(&dir.path().join("bag.tar"), files);
    let found = codes(&dir.path().join("bag"));
    assert_eq!(found, codes(&dir.path().join("bag.tar")));
    found
}

#[test]
fn bags_of_other_tools_are_checked_too() {
    let payload = |name: &str| name.starts_with("data/");
    let mut files = foreign();
    assert_eq!(codes_of(&files), ["foreign-bag", "no-manifest", "no-tag-manifest"]);
    files.insert("manifest-sha512.txt".into(), manifest::<Sha512>(&files, payload));
    assert_eq!(codes_of(&files), ["foreign-bag", "no-tag-manifest"]);
    files.insert("tagmanifest-sha512.txt".into(), manifest::<Sha512>(&files, |name| !payload(name)));
    assert_eq!(codes_of(&files), ["foreign-bag"]);
    let whole = files.clone();
    let changed = |edit: &dyn Fn(&mut Files)| {
        let mut files = whole.clone();
        edit(&mut files);
        codes_of(&files)
    };
    assert_eq!(changed(&|f| f.get_mut("data/a.log").unwrap()[0] = b'F'), ["foreign-bag", "hash-mismatch"]);
    assert_eq!(changed(&|f| f.get_mut("bag-info.txt").unwrap().push(b'\n')), ["foreign-bag", "hash-mismatch"]);
    assert_eq!(changed(&|f| drop(f.remove("bagit.txt"))), ["bagit-txt-missing", "foreign-bag", "missing-file"]);
    assert_eq!(
        changed(&|f| drop(f.insert("fetch.txt".into(), vec![]))),
        ["incomplete-bag", "foreign-bag", "extra-file"]
    );
    assert_eq!(
        changed(&|f| drop(f.insert("data/x".into(), vec![]))),
        ["foreign-bag", "payload-oxum-mismatch", "extra-file"]
    );
    assert_eq!(changed(&|f| drop(f.insert("x".into(), vec![]))), ["foreign-bag", "extra-file"]);
    let dup = |f: &mut Files| {
        let manifest = f.get_mut("manifest-sha512.txt").unwrap();
        manifest.extend(manifest.clone());
    };
    assert_eq!(changed(&dup), ["foreign-bag", "manifest-duplicate", "manifest-duplicate", "hash-mismatch"]);
    assert_eq!(
        changed(&|f| f.get_mut("manifest-sha512.txt").unwrap().extend(b"nonsense")).get(1),
        Some(&"manifest-line-unreadable")
    );
}

#[test]
fn only_weak_manifests_do_not_make_a_bag_whole() {
    let mut files = foreign();
    files.insert("manifest-md5.txt".into(), b"8b04d5e3775d298e78455efc5ca404d5  data/a.log\n".to_vec());
    assert_eq!(codes_of(&files), ["foreign-bag", "manifest-not-checked", "no-manifest", "no-tag-manifest"]);
}

#[test]
fn since_version_1_every_manifest_must_list_every_file() {
    let mut files = foreign();
    files.remove("bag-info.txt");
    files.insert("manifest-sha256.txt".into(), manifest::<Sha256>(&files, |name| name == "data/a.log"));
    files.insert("manifest-sha512.txt".into(), manifest::<Sha512>(&files, |name| name.starts_with("data/")));
    assert_eq!(codes_of(&files), ["foreign-bag", "no-tag-manifest"]);
    files.insert("bagit.txt".into(), b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_vec());
    assert_eq!(codes_of(&files), ["foreign-bag", "no-tag-manifest", "extra-file"]);
}

#[test]
fn a_bag_of_another_tool_opens_with_its_payload_as_entries() {
    let mut files = foreign();
    files.insert("manifest-sha256.txt".into(), manifest::<Sha256>(&files, |name| name.starts_with("data/")));
    let dir = tempfile::tempdir().unwrap();
    for name in ["bag", "bag.tar"] {
        let path = dir.path().join(name);
        if name == "bag" {
            write_tree(&path, &files)
        } else {
            write_bag_tar(&path, &files)
        }
        assert!(Bundle::is_bundle(&path));
        let bundle = Bundle::open(&path).unwrap();
        assert!(bundle.info().is_none());
        let [a, b] = bundle.entries() else { panic!() };
        assert_eq!((a.stored_path.as_str(), a.encoding, a.original_size), ("data/a.log", Encoding::Verbatim, 5));
        assert_eq!(a.original_sha256.unwrap().to_string(), hex::<Sha256>(b"first"));
        let mut content = String::new();
        bundle.open_original(b).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content, "second");
    }
}

/// Trap: taken for plain files, a bundle without its declaration would be imported with the times of its copies.
#[test]
fn a_bundle_that_lost_its_declaration_is_still_a_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let without = |names: &[&str]| {
        let mut files = sealed_files();
        names.iter().for_each(|name| assert!(files.remove(*name).is_some()));
        files
    };
    let lost = [&["bagit.txt"][..], &["bagit.txt", "collection.json"], &["bagit.txt", "manifest-sha256.txt"]];
    for (i, names) in lost.iter().enumerate() {
        let (folder, tar) = (dir.path().join(format!("bag{i}")), dir.path().join(format!("bag{i}.tar")));
        write_tree(&folder, &without(names));
        write_bag_tar(&tar, &without(names));
        for path in [folder, tar] {
            assert!(Bundle::is_bundle(&path), "{names:?}");
            assert_eq!(Bundle::open(&path).unwrap().entries().len(), 6);
            assert_seen(&path, "bagit.txt", "no declaration");
        }
    }
    // Other people's folders are called like that too.
    let other = dir.path().join("other");
    write_tree(&other, &Files::from([("collection.json".into(), b"{\"info\":1}".to_vec()), ("data/a".into(), b"x".to_vec())]));
    assert!(!Bundle::is_bundle(&other));
}

#[test]
fn what_is_not_a_bag_is_not_taken_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::create_dir_all(plain.join("x/y")).unwrap();
    fs::write(plain.join("x/bagit.txt"), "x").unwrap();
    let tar = dir.path().join("evidence.tar");
    write_tar(&tar, [("x/y/bagit.txt", b"x".as_slice()), ("audit.log", b"y")]);
    for path in [plain.as_path(), &tar, &dir.path().join("none")] {
        assert!(!Bundle::is_bundle(path));
        assert!(Bundle::open(path).is_err());
    }
    assert!(verify(&dir.path().join("none"), &Silent).is_err());
    let err = Bundle::open(&plain).unwrap_err().to_string();
    assert!(err.contains("is not an evidence bundle: it holds no `bagit.txt`"), "{err}");
    write_tar(&tar, [("./bagit.txt", b"x".as_slice()), ("./data/audit.log", b"y")]);
    assert!(Bundle::is_bundle(&tar), "a bag at the top of a tar, as `tar -c .` makes it");
}
