//! Random and exhaustive damage: it must be seen, and the damaged file named.

use super::*;
use proptest::prelude::*;
use std::io::{Seek, SeekFrom, Write};

#[derive(Clone, Debug)]
enum Damage {
    Flip { file: usize, at: usize, by: u8 },
    Cut { file: usize, at: usize },
    Append { file: usize, byte: u8 },
    Remove { file: usize },
    Add { name: String },
    Rename { file: usize, name: String },
    Swap { file: usize, with: usize },
}

fn damages() -> impl Strategy<Value = Damage> {
    let file = 0..100_usize;
    let name = "(data/)?(sub/)?[a-z]{1,8}(-sha256)?(\\.txt|\\.log\\.zst)?";
    prop_oneof![
        4 => (file.clone(), any::<usize>(), 1..=255_u8).prop_map(|(file, at, by)| Damage::Flip { file, at, by }),
        1 => (file.clone(), any::<usize>()).prop_map(|(file, at)| Damage::Cut { file, at }),
        1 => (file.clone(), any::<u8>()).prop_map(|(file, byte)| Damage::Append { file, byte }),
        1 => file.clone().prop_map(|file| Damage::Remove { file }),
        1 => name.prop_map(|name| Damage::Add { name }),
        1 => (file.clone(), name).prop_map(|(file, name)| Damage::Rename { file, name }),
        1 => (file.clone(), file).prop_map(|(file, with)| Damage::Swap { file, with }),
    ]
}

/// Does the damage; gives the name that must be told, or nothing when it changes nothing.
fn apply(files: &mut Files, damage: &Damage) -> Option<String> {
    let names: Vec<String> = files.keys().cloned().collect();
    let pick = |i: usize| names[i % names.len()].clone();
    let taken = |name: &str| {
        names.iter().any(|n| n == name || n.starts_with(&format!("{name}/")) || name.starts_with(&format!("{n}/")))
    };
    match damage {
        Damage::Flip { file, at, by } => {
            let content = files.get_mut(&pick(*file)).unwrap();
            let at = at.checked_rem(content.len())?;
            content[at] ^= by;
            Some(pick(*file))
        }
        Damage::Cut { file, at } => {
            let content = files.get_mut(&pick(*file)).unwrap();
            content.truncate(at.checked_rem(content.len())?);
            Some(pick(*file))
        }
        Damage::Append { file, byte } => {
            files.get_mut(&pick(*file)).unwrap().push(*byte);
            Some(pick(*file))
        }
        Damage::Remove { file } => files.remove(&pick(*file)).map(|_| pick(*file)),
        Damage::Add { name } => {
            if taken(name) {
                return None;
            }
            files.insert(name.clone(), b"added".to_vec());
            Some(name.clone())
        }
        Damage::Rename { file, name } => {
            if taken(name) {
                return None;
            }
            let content = files.remove(&pick(*file)).unwrap();
            files.insert(name.clone(), content);
            Some(pick(*file))
        }
        Damage::Swap { file, with } => {
            let (a, b) = (files[&pick(*file)].clone(), files[&pick(*with)].clone());
            if a == b {
                return None;
            }
            files.insert(pick(*file), b);
            files.insert(pick(*with), a);
            Some(pick(*file))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_damage_to_a_bundle_is_seen_and_named(damage in damages()) {
        let mut files = sealed_files();
        let Some(name) = apply(&mut files, &damage) else { return Ok(()) };
        let dir = tempfile::tempdir().unwrap();
        write_tree(&dir.path().join("bag"), &files);
        assert_seen(&dir.path().join("bag"), &name, &format!("{damage:?} in a folder"));
        write_bag_tar(&dir.path().join("bag.tar"), &files);
        assert_seen(&dir.path().join("bag.tar"), &name, &format!("{damage:?} in a tar"));
    }

    #[test]
    fn noise_is_never_taken_for_a_whole_bundle_and_never_crashes(noise in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("noise.tar");
        fs::write(&path, noise).unwrap();
        prop_assert!(!check(&path).is_whole());
        prop_assert!(!Bundle::is_bundle(&path));
        prop_assert!(Bundle::open(&path).is_err());
    }
}

#[test]
fn undamaged_rewrites_of_the_same_files_are_whole() {
    let files = sealed_files();
    let dir = tempfile::tempdir().unwrap();
    write_tree(&dir.path().join("bag"), &files);
    write_bag_tar(&dir.path().join("bag.tar"), &files);
    for name in ["bag", "bag.tar"] {
        let verification = check(&dir.path().join(name));
        assert_eq!(verification.findings, []);
        assert_eq!(verification.files, 6);
    }
}

/// Every single byte of a tar bundle counts: headers, padding and the end mark too.
#[test]
fn every_changed_byte_of_a_tar_bundle_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("case.tar");
    sample(&out);
    assert!(check(&out).is_whole());
    let bytes = fs::read(&out).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&out).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for (at, byte) in bytes.iter().enumerate() {
        put(at, byte ^ (1 << (at % 8)));
        assert!(!check(&out).is_whole(), "byte {at}");
        put(at, *byte);
    }
    assert!(check(&out).is_whole());
}

#[test]
fn a_tar_bundle_cut_short_says_so_and_still_gives_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("case.tar");
    sample(&out);
    let bytes = fs::read(&out).unwrap();
    for cut in (0..bytes.len()).step_by(511) {
        fs::write(&out, &bytes[..cut]).unwrap();
        assert!(codes(&out).contains(&"tar-truncated"), "cut at {cut}");
    }
    // Behind the third file; the collection record was at the end.
    fs::write(&out, &bytes[..4500]).unwrap();
    assert!(Bundle::is_bundle(&out));
    let bundle = Bundle::open(&out).unwrap();
    assert!(bundle.info().is_none());
    assert_eq!(bundle.findings()[0].code, "tar-truncated");
    let mut content = Vec::new();
    let entry = &bundle.entries()[0];
    bundle.open_entry(entry).unwrap().read_to_end(&mut content).unwrap();
    let whole = zstd::decode_all(content.as_slice()).unwrap();
    assert!(whole.starts_with(b"{\"kind\":\"Event\""), "{}", entry.stored_path);
}
