#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use std::io::Cursor;

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> TarIndex {
    index(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    read(bytes).damage.into_iter().map(|d| d.code).collect()
}

#[test]
fn members_lie_where_the_index_says_long_names_too() {
    let long = format!("x/{}", "n".repeat(300));
    let bytes = archive(&[("a", b"alpha"), (&long, b"beta"), ("empty", b"")]);
    let read = read(&bytes);
    assert_eq!(read.damage, []);
    let found: Vec<(&[u8], &[u8])> =
        read.members.iter().map(|m| (m.name.as_slice(), &bytes[m.offset as usize..][..m.size as usize])).collect();
    assert_eq!(found, [(b"a".as_slice(), b"alpha".as_slice()), (long.as_bytes(), b"beta"), (b"empty", b"")]);
}

#[test]
fn pax_names_and_sizes_count() {
    let name = "p".repeat(200);
    let record = format!("{} path={name}\n", name.len() + 6 + 4);
    let mut bytes = archive(&[("paxheader", record.as_bytes())]);
    bytes.truncate(bytes.len() - 1024);
    let mut header = Header::from_byte_slice(&bytes[..512]).clone();
    header.set_entry_type(EntryType::XHeader);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    bytes.extend(archive(&[("short", b"content")]));
    let read = read(&bytes);
    assert_eq!(read.damage, []);
    assert_eq!(read.members.len(), 1);
    assert_eq!(read.members[0].name, name.as_bytes());
}

#[test]
fn a_file_cut_anywhere_is_told_to_be_cut_and_gives_what_is_whole() {
    let bytes = archive(&[("a", &[1; 700]), ("b", &[2; 10])]);
    for cut in 0..bytes.len() {
        let read = read(&bytes[..cut]);
        assert!(read.damage.iter().any(|d| d.code == "tar-truncated"), "cut at {cut}: {:?}", read.damage);
        let whole = usize::from(cut >= 512 + 1024) + usize::from(cut >= 512 + 1024 + 1024);
        assert_eq!(read.members.len(), whole, "cut at {cut}");
    }
}

#[test]
fn data_hidden_in_padding_or_behind_the_end_is_seen() {
    let bytes = archive(&[("a", b"alpha")]);
    let mut padded = bytes.clone();
    padded[1000] = 1;
    assert_eq!(codes(&padded), ["tar-hidden-data"]);
    let mut behind = bytes.clone();
    behind.extend([0; 600]);
    assert_eq!(codes(&behind), [""; 0]);
    behind.push(7);
    assert_eq!(codes(&behind), ["tar-hidden-data"]);
}

#[test]
fn a_header_that_speaks_of_no_member_is_hidden_data() {
    let long = "n".repeat(300);
    let mut bytes = archive(&[(&long, b"x")]);
    // Keep the long name's header and data, then end.
    bytes.truncate(1024);
    bytes.extend([0; 1024]);
    assert_eq!(codes(&bytes), ["tar-hidden-data"]);
}

#[test]
fn every_changed_byte_of_a_header_is_seen() {
    let bytes = archive(&[("folder/a-file", b"alpha")]);
    for at in 0..512 {
        for change in 1..=255_u8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            assert!(!codes(&damaged).is_empty(), "byte {at} changed by {change:#x}");
        }
    }
}

#[test]
fn a_huge_extended_header_is_not_read_into_memory() {
    let mut bytes = archive(&[("a", b"x")]);
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    assert_eq!(codes(&bytes), ["tar-damaged"]);
    assert_eq!(codes(b"this is no tar file at all"), ["tar-truncated"]);
    assert_eq!(codes(&[b'x'; 2000]), ["tar-damaged"]);
    header.set_size(u64::MAX);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    assert_eq!(codes(&bytes), ["tar-truncated"]);
}
