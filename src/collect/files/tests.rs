#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::bundle::{Bundle, Encoding, verify};
use crate::model::progress::Silent;
use std::io::{Read, Write};
use std::time::Duration;

fn tick() -> Timestamp {
    Timestamp::from_micros(1_795_480_860_000_000)
}

fn run(paths: &[PathBuf], out: &Path) -> Result<Collected, CollectError> {
    let origin = Origin { version: "9.9.9".into(), cluster: Some("prod".into()), ..Origin::default() };
    collect_files(&FilesRequest { paths, out, origin: &origin, sign_key: None }, &tick, &Silent)
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_come_back_as_they_were_from_a_folder_and_from_a_tar() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("evidence");
    write(&input.join("sub/audit.log"), &b"{\"kind\":\"Event\"}\n".repeat(9999));
    write(&input.join("old.gz"), b"\x1f\x8b\x08 compressed already");
    write(&input.join("empty"), b"");
    for name in ["bundle", "bundle.tar"] {
        let out = dir.path().join(name);
        let done = run(std::slice::from_ref(&input), &out).unwrap();
        assert_eq!((done.sealed.files, done.not_collected.len(), done.findings.len()), (3, 0, 0));
        assert!(done.sealed.stored_bytes < done.sealed.original_bytes / 100);
        let bundle = Bundle::open(&out).unwrap();
        let stored: Vec<_> = bundle.entries().iter().map(|e| (e.stored_path.as_str(), e.encoding)).collect();
        let expected = [
            ("data/evidence/empty.zst", Encoding::Zstd),
            ("data/evidence/old.gz", Encoding::Verbatim),
            ("data/evidence/sub/audit.log.zst", Encoding::Zstd),
        ];
        assert_eq!(stored, expected);
        for entry in bundle.entries() {
            let mut content = Vec::new();
            bundle.open_original(entry).unwrap().read_to_end(&mut content).unwrap();
            assert_eq!(content, fs::read(entry.original_path.to_string()).unwrap());
        }
        let verification = verify(&out, &Silent).unwrap();
        assert_eq!((verification.findings.as_slice(), verification.seal), ([].as_slice(), Some(done.sealed.seal)));
    }
    let expected = ["bundle", "bundle.custody.jsonl", "bundle.tar", "bundle.tar.custody.jsonl", "evidence"];
    assert_eq!(names(dir.path()), expected, "nothing temporary is left");
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    for i in 0..20 {
        write(&input.join(format!("{}/{i}.log", i % 3)), format!("line {i}\n").repeat(5000).as_bytes());
    }
    let tars = ["a", "b"].map(|folder| {
        fs::create_dir(dir.path().join(folder)).unwrap();
        let out = dir.path().join(folder).join("x.tar");
        run(std::slice::from_ref(&input), &out).unwrap();
        fs::read(out).unwrap()
    });
    assert!(tars[0] == tars[1]);
    let mut archive = tar::Archive::new(tars[0].as_slice());
    for entry in archive.entries().unwrap() {
        let header = entry.unwrap().header().clone();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (1_795_480_860, 0));
    }
}

#[test]
fn all_missing_paths_are_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("there"), b"x");
    let paths = ["there", "gone", "there/below"].map(|p| dir.path().join(p));
    let err = run(&paths, &dir.path().join("out")).unwrap_err().to_string();
    assert!(err.contains("gone`, ") && err.contains("there/below`") && !err.contains("there`,"), "{err}");
    assert_eq!(names(dir.path()), ["there"]);
}

#[test]
fn an_empty_folder_is_an_error_alone_and_a_note_beside_others() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
    fs::create_dir(&empty).unwrap();
    write(&full.join("a"), b"a");
    let out = dir.path().join("out.tar");
    let err = run(std::slice::from_ref(&empty), &out).unwrap_err().to_string();
    assert_eq!(err, format!("nothing to collect under `{}`", empty.display()));
    assert_eq!(names(dir.path()), ["empty", "full"]);
    let done = run(&[empty.clone(), full], &out).unwrap();
    assert_eq!(done.not_collected[0].path, SourcePath::from_os(&empty));
    assert_eq!(done.not_collected[0].reason, NO_FILES);
}

#[test]
fn an_existing_output_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    write(&input, b"x");
    for name in ["out", "out.tar"] {
        let out = dir.path().join(name);
        write(&out, b"precious");
        let err = run(std::slice::from_ref(&input), &out).unwrap_err().to_string();
        assert!(err.contains("exists already"), "{err}");
        assert_eq!(fs::read(out).unwrap(), b"precious");
    }
    let err = run(std::slice::from_ref(&input), &dir.path().join("no/out")).unwrap_err().to_string();
    assert!(err.contains("its folder does not exist"), "{err}");
}

#[test]
fn an_output_inside_an_input_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("in/sub/a"), b"x");
    for out in ["in/out", "in/sub/out.tar", "in/sub/../out"] {
        let err = run(&[dir.path().join("in")], &dir.path().join(out)).unwrap_err();
        assert!(matches!(err, CollectError::OutputInsideInput { .. }), "{err}");
    }
    run(&[dir.path().join("in/sub/a")], &dir.path().join("in/sub/out")).unwrap();
}

#[test]
fn arguments_of_the_same_name_do_not_collide() {
    let dir = tempfile::tempdir().unwrap();
    for side in ["a", "b"] {
        write(&dir.path().join(side).join("logs/audit.log"), side.as_bytes());
    }
    let paths = ["a/logs", "b/logs", "a/logs/audit.log", "b/logs/audit.log"].map(|p| dir.path().join(p));
    let out = dir.path().join("out");
    run(&paths, &out).unwrap();
    let bundle = Bundle::open(&out).unwrap();
    let stored: Vec<_> = bundle.entries().iter().map(|e| e.stored_path.as_str()).collect();
    let expected =
        ["data/audit.log.zst", "data/audit~2.log.zst", "data/logs/audit.log.zst", "data/logs~2/audit.log.zst"];
    assert_eq!(stored, expected);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_sockets_are_listed_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    write(&input.join("real"), b"x");
    write(&dir.path().join("outside/secret"), b"s");
    std::os::unix::fs::symlink("../outside", input.join("folder-link")).unwrap();
    std::os::unix::fs::symlink("../outside/secret", input.join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(input.join("socket")).unwrap();
    let done = run(std::slice::from_ref(&input), &dir.path().join("out")).unwrap();
    let told: Vec<_> = done.not_collected.iter().map(|n| n.reason.as_str()).collect();
    assert_eq!(done.sealed.files, 1);
    assert_eq!(told[0], "it is a symbolic link to `../outside`; links are not followed");
    assert_eq!(told[1], "it is a symbolic link to `../outside/secret`; links are not followed");
    assert_eq!(told[2], "it is a socket, not a file");
    for link in ["link", "folder-link"] {
        let err = run(&[input.join(link)], &dir.path().join("out2")).unwrap_err().to_string();
        assert!(err.contains("nothing to collect under") && err.contains("links are not followed"), "{err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_is_listed_and_the_collection_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("z"), b"x");
    let done = run(&["/proc/self/mem".into(), dir.path().join("z")], &dir.path().join("out.tar")).unwrap();
    assert_eq!(done.sealed.files, 1);
    assert_eq!(done.not_collected[0].path, "/proc/self/mem".into());
    assert!(done.not_collected[0].reason.starts_with("cannot be read"), "{}", done.not_collected[0].reason);
    assert!(verify(&dir.path().join("out.tar"), &Silent).unwrap().is_whole());
}

#[cfg(unix)]
#[test]
fn a_file_put_in_the_place_of_the_one_that_was_listed_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let [listed, other] = ["listed", "other"].map(|name| dir.path().join(name));
    write(&listed, b"listed");
    write(&other, b"secret");
    let metadata = fs::symlink_metadata(&listed).unwrap();
    let found = Found { path: listed.clone(), folder: Folder::top(), name: b"listed".to_vec(), metadata };
    assert!(open(&found).is_ok());
    fs::remove_file(&listed).unwrap();
    std::os::unix::fs::symlink(&other, &listed).unwrap();
    assert_eq!(open(&found).unwrap_err(), "it was replaced by another file during the collection");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_kept_with_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("growing.log");
    write(&path, &[b'x'; 400_000]);
    struct Grow(PathBuf);
    impl Progress for Grow {
        fn begin(&self, _: &str, _: Option<u64>) {}
        fn advance(&self, bytes: u64) {
            if bytes > 100_000 {
                let mut file = fs::OpenOptions::new().append(true).open(&self.0).unwrap();
                file.write_all(b"more").unwrap();
            }
        }
        fn rows(&self, _: u64) {}
        fn finish(&self) {}
    }
    let (origin, out) = (Origin::default(), dir.path().join("out"));
    let request = FilesRequest { paths: std::slice::from_ref(&path), out: &out, origin: &origin, sign_key: None };
    let done = collect_files(&request, &tick, &Grow(path.clone())).unwrap();
    assert_eq!(done.findings[0].code, "changed-while-collected");
    let bundle = Bundle::open(&out).unwrap();
    assert!(bundle.entries()[0].note.as_ref().unwrap().contains("400000 bytes before"));
    assert!(verify(&out, &Silent).unwrap().is_whole());
}

#[cfg(unix)]
#[test]
fn names_that_are_not_text_are_kept_to_the_byte() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"a\xff\n%.log");
    write(&dir.path().join("in").join(name), b"x");
    run(&[dir.path().join("in")], &dir.path().join("out")).unwrap();
    let bundle = Bundle::open(&dir.path().join("out")).unwrap();
    assert_eq!(bundle.entries()[0].stored_path, "data/in/a=FF=0A=25.log.zst");
    assert!(bundle.entries()[0].original_path.as_bytes().ends_with(b"/in/a\xff\n%.log"));
}

#[test]
fn times_of_files_are_cut_to_microseconds_and_impossible_ones_are_left_out() {
    let at = |nanos| timestamp(UNIX_EPOCH + Duration::from_nanos(nanos)).map(Timestamp::as_micros);
    assert_eq!(at(1_999), Some(1));
    assert_eq!(timestamp(UNIX_EPOCH - Duration::from_nanos(1)), Some(Timestamp::from_micros(-1)));
    assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(1 << 40)), None);
}
