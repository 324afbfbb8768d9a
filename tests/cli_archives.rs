//! Archives of snapshots through the command: when they were taken, and bytes that the case has already.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Case, Lab, files_in, gzip, incident};
use serde_json::Value;

/// A ustar archive of these files.
fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(bytes);
        out.resize(out.len().div_ceil(512) * 512, 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn snapshot(name: &str) -> PathBuf {
    incident(&format!("snapshots/{name}"))
}

/// A snapshot's files under a folder, `snapshot.json` as the last of them.
fn members(name: &str, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = files_in(&snapshot(name))
        .iter()
        .map(|f| (format!("{folder}{}", f.file_name().unwrap().to_str().unwrap()), fs::read(f).unwrap()))
        .collect();
    files.sort_by_key(|(n, _)| (n.ends_with("snapshot.json"), n.clone()));
    files
}

const SEEN: &str = "SELECT kind, namespace, name, observed_from, observed_to, resource_version FROM object_sightings \
                    ORDER BY kind, namespace, name, observed_from";

fn sums_add_up(case: &Case) {
    for s in case.sources() {
        let n = |name: &str| s[name].as_u64().unwrap();
        assert_eq!(n("records"), n("rows") + n("duplicates") + n("rejects"), "{s}");
    }
}

fn same_bytes(case: &Case) -> usize {
    case.sql("SELECT message FROM findings WHERE code = 'same-bytes'").len()
}

fn plain(lab: &Lab) -> Case {
    let case = lab.case("plain");
    case.import([snapshot("T0-before")], &[]);
    case
}

#[test]
fn a_snapshot_in_an_archive_is_dated_by_the_file_beside_it() {
    let lab = Lab::new();
    let expected = plain(&lab).sql(SEEN);
    assert!(expected.len() > 100);
    let inner = tar(&members("T0-before", "a/b/"));
    let nested = tar(&[("x/inner.tar.gz".to_owned(), gzip(&inner))]);
    for (name, bytes) in [("one.tar", inner.clone()), ("two.tgz", gzip(&inner)), ("three.tar", nested)] {
        let case = lab.case(&format!("case of {name}"));
        case.import([lab.write(name, bytes)], &[]);
        assert_eq!(case.sql(SEEN), expected, "{name}");
        assert_eq!(case.sql("SELECT DISTINCT cluster FROM sources"), plain_cluster(&lab), "{name}");
        let basis = case.sql("SELECT DISTINCT observed_basis FROM sources WHERE observed_basis IS NOT NULL");
        assert_eq!(basis.len(), 1, "{basis:?}");
        assert_eq!(basis[0]["observed_basis"], "snapshot.json");
        sums_add_up(&case);
    }
}

fn plain_cluster(lab: &Lab) -> Vec<Value> {
    lab.case("plain").sql("SELECT DISTINCT cluster FROM sources")
}

#[test]
fn two_snapshots_in_one_archive_keep_their_own_times() {
    let lab = Lab::new();
    let both = lab.case("both");
    both.import([incident("snapshots")], &[]);
    let mut files = members("T0-before", "s/T0/");
    files.extend(members("T2-after", "s/T2/"));
    let case = lab.case("packed");
    case.import([lab.write("both.tar.gz", gzip(&tar(&files)))], &[]);
    assert_eq!(case.sql(SEEN), both.sql(SEEN));
}

#[test]
fn bytes_that_the_case_has_are_not_read_again_in_an_archive() {
    let lab = Lab::new();
    let expected = plain(&lab).sql(SEEN);
    let archive = lab.write("in/b.tar", tar(&members("T0-before", "x/")));
    let again = lab.write("in/c.tar.gz", gzip(&tar(&members("T0-before", "y/"))));
    // An import that adds no source leaves the case as it is, findings and all.
    for (name, batches, told) in [
        ("together", vec![vec![snapshot("T0-before"), archive.clone(), again.clone()]], 2),
        ("plain first", vec![vec![snapshot("T0-before")], vec![archive.clone()], vec![again.clone()]], 2),
        ("archive first", vec![vec![archive.clone()], vec![snapshot("T0-before")], vec![again.clone()]], 1),
    ] {
        let case = lab.case(name);
        let mut last = String::new();
        for paths in batches {
            last = case.import(paths, &[]).err;
        }
        assert_eq!(case.sql(SEEN), expected, "{name}");
        sums_add_up(&case);
        let copies = members("T0-before", "").len();
        assert_eq!(same_bytes(&case), told * copies, "{name}: one finding a file");
        assert!(last.contains("already in"), "{name}: {last}");
    }
}

#[test]
fn a_member_too_large_to_hold_counts_as_a_copy() {
    let lab = Lab::new();
    let list: Value = serde_json::from_slice(&fs::read(snapshot("T0-before").join("roles.json")).unwrap()).unwrap();
    let mut big = serde_json::to_vec(&list).unwrap();
    big.resize(33 << 20, b' ');
    lab.write("in/roles.json", &big);
    lab.write("in/z.tar.gz", gzip(&tar(&[("roles.json".to_owned(), big.clone())])));
    let case = lab.case("case");
    case.import([lab.path("in")], &[]);
    let items = list["items"].as_array().unwrap().len() as u64;
    assert_eq!(case.count("SELECT COUNT(*) FROM object_sightings"), items);
    sums_add_up(&case);
    assert_eq!(same_bytes(&case), 1);
    let copies: u64 = case.sources().iter().map(|s| s["duplicates"].as_u64().unwrap()).sum();
    assert_eq!(copies, items);
}
