//! The promises of writing: no trace of what failed, standard tools agree.

use super::*;

/// Gives some bytes, then an error.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the disk is broken"));
        }
        let n = buf.len().min(self.0);
        // Bytes that do not compress, so that much is written before the error.
        buf[..n].iter_mut().enumerate().for_each(|(i, b)| *b = (i.wrapping_mul(2_654_435_761) >> 13) as u8);
        self.0 -= n;
        Ok(n)
    }
}

#[test]
fn a_source_that_breaks_in_the_middle_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["bag", "bag.tar"] {
        let out = dir.path().join(name);
        let mut writer = BundleWriter::create(&out, AT).unwrap();
        let top = Folder::top();
        let folder = writer.folder(&top, b"folder");
        let new = |folder, name: &'static [u8]| NewEntry {
            folder,
            name,
            original_path: "x".into(),
            mtime: None,
            observed: None,
        };
        writer.add(new(&top, b"a"), &mut b"first".as_slice(), &Silent).unwrap();
        let err = writer.add(new(&folder, b"broken"), &mut Breaks(3_000_000), &Silent).unwrap_err();
        assert!(matches!(err, AddError::Source(e) if e.to_string() == "the disk is broken"));
        writer.add(new(&top, b"b"), &mut b"second".as_slice(), &Silent).unwrap();
        let info = CollectionInfo {
            collector: "test".into(),
            version: "0".into(),
            arguments: vec![],
            host: None,
            user: None,
            started: AT,
            ended: AT,
            cluster: None,
            note: None,
        };
        let sealed = writer.finish(info).unwrap();
        assert_eq!(check(&out).findings, []);
        assert_eq!(sealed.files, 2);
        assert!(!out.join("data/folder").exists());
        assert!(name == "bag" || fs::metadata(&out).unwrap().len() < 20_000);
    }
    let writer = BundleWriter::create(&dir.path().join("dropped"), AT).unwrap();
    drop(writer);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        4,
        "two bundles with their logs; a dropped writer leaves nothing"
    );
}

/// The promise of the format: `sha256sum -c` of coreutils checks a bundle, whatever its files were called.
#[cfg(target_os = "linux")]
#[test]
fn sha256sum_checks_a_bundle_with_the_oddest_names() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::create_dir(&input).unwrap();
    let long = "é".repeat(120);
    let names: [&[u8]; 20] = [
        b"a b",
        b"100%.log",
        b"%0A",
        b"new\nline",
        b"cr\rname",
        b"back\\slash",
        b"\xff\xfe",
        "ünï".as_bytes(),
        "e\u{301}".as_bytes(),
        b"trailing ",
        b" leading",
        b"-dash",
        b"~tilde",
        b"*star",
        b"'quote'",
        b"$HOME",
        b"#hash",
        b"con.txt",
        long.as_bytes(),
        b"A B",
    ];
    for name in names {
        fs::write(input.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let out = dir.path().join("bag");
    let request = FilesRequest { paths: &[input], out: &out, origin: &Origin::default(), sign_key: None };
    assert_eq!(collect_files(&request, &|| AT, &Silent).unwrap().sealed.files, 20);
    assert_eq!(check(&out).findings, []);
    for manifest in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
        let run = std::process::Command::new("sha256sum")
            .args(["--strict", "-c", manifest])
            .current_dir(&out)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let bundle = Bundle::open(&out).unwrap();
    for entry in bundle.entries() {
        let mut content = Vec::new();
        bundle.open_original(entry).unwrap().read_to_end(&mut content).unwrap();
        assert!(entry.original_path.as_bytes().ends_with(&content));
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_or_socket_is_refused_instead_of_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(!Bundle::is_bundle(&path));
    assert!(verify(&path, &Silent).unwrap_err().to_string().contains("neither a folder nor a file"));
}

/// Importers read entries on several threads.
#[test]
fn bundles_and_their_readers_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Bundle>();
    sent::<kubesleuth::bundle::EntryReader>();
}
