//! The bytes: each listed file is read once, hashed with every algorithm that lists it, and, where the collection
//! record says that it is compressed, decompressed and hashed again on the same pass.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::model::progress::Progress;

use super::super::BLOCK;
use super::super::digest::{Algorithm, Hashers, HashingReader, Sha256Digest};
use super::super::format::{Collection, Encoding, Entry};
use super::super::inventory::{Inventory, Member};
use super::Check;
use super::manifests::Listing;

/// What reading one file gave.
struct Read1 {
    stored: Hashers,
    /// Digest and size of the original, or why it cannot be had. `None` when the record does not speak of it.
    original: Option<Result<(Sha256Digest, u64), String>>,
}

/// Compares every listed file with its digests, and with the collection record.
pub(super) fn check_digests(
    check: &mut Check,
    listings: &[Listing],
    collection: Option<&Collection>,
    progress: &dyn Progress,
) {
    let mut expected: BTreeMap<&str, Vec<(&Listing, &str)>> = BTreeMap::new();
    for listing in listings {
        for (path, digest) in &listing.manifest.files {
            expected.entry(path).or_default().push((listing, digest));
        }
    }
    let entries: BTreeMap<&str, &Entry> =
        collection.iter().flat_map(|c| &c.entries).map(|entry| (entry.stored_path.as_str(), entry)).collect();
    let mut problems = Vec::new();
    for (path, member) in &check.inventory.files {
        let entry = entries.get(path.as_str()).copied();
        let digests = expected.get(path.as_str()).map(Vec::as_slice).unwrap_or_default();
        if entry.is_none() && digests.is_empty() {
            continue;
        }
        match read_file(&check.inventory, member, digests, entry, progress) {
            Ok(read) => compare(path, digests, entry, &read, &mut problems),
            Err(e) => problems.push(("unreadable-file", format!("`{path}` cannot be read: {e}"))),
        }
    }
    for (code, message) in problems {
        check.high(code, message);
    }
}

fn read_file(
    inventory: &Inventory,
    member: &Member,
    digests: &[(&Listing, &str)],
    entry: Option<&Entry>,
    progress: &dyn Progress,
) -> io::Result<Read1> {
    let mut algorithms: Vec<Algorithm> = digests.iter().map(|(listing, _)| listing.algorithm).collect();
    algorithms.extend(entry.map(|_| Algorithm::Sha256));
    let on_block = |bytes| progress.advance(bytes);
    let mut reader = HashingReader::new(inventory.open(member)?, &algorithms, &on_block);
    let decoded = entry.filter(|e| e.encoding == Encoding::Zstd).map(|e| decompress(&mut reader, e.original_size));
    // Whatever a decoder left unread still counts for the stored digest.
    let mut block = vec![0; BLOCK];
    while reader.read(&mut block)? > 0 {}
    let stored = reader.hashers;
    let verbatim = entry.filter(|e| e.encoding == Encoding::Verbatim).map(|_| {
        let digest = stored.hex(Algorithm::Sha256).and_then(|hex| hex.parse().ok());
        digest.map(|digest| (digest, stored.length)).ok_or_else(|| "it was not hashed".to_owned())
    });
    Ok(Read1 { stored, original: decoded.or(verbatim) })
}

/// Digest and size of what a zstd stream holds. A small file that swells without end is refused
/// once it has given more than the recorded size. zstd itself takes at most 128 MiB for its window.
fn decompress(reader: &mut impl Read, recorded: u64) -> Result<(Sha256Digest, u64), String> {
    let fail = |e: io::Error| format!("cannot be decompressed: {e}");
    let mut decoder = zstd::Decoder::new(reader).map_err(fail)?;
    let (mut hasher, mut length, mut block) = (Sha256::new(), 0_u64, vec![0; BLOCK]);
    loop {
        let n = decoder.read(&mut block).map_err(fail)?;
        if n == 0 {
            return Ok((Sha256Digest::from_hasher(hasher), length));
        }
        hasher.update(block.get(..n).unwrap_or_default());
        length = length.saturating_add(n as u64);
        if length > recorded {
            return Err(format!("decompresses to more than the {recorded} bytes that `collection.json` records"));
        }
    }
}

fn compare(
    path: &str,
    digests: &[(&Listing, &str)],
    entry: Option<&Entry>,
    read: &Read1,
    problems: &mut Vec<(&'static str, String)>,
) {
    let mut whole = true;
    for (listing, expected) in digests {
        let found = read.stored.hex(listing.algorithm).unwrap_or_default();
        if found != *expected {
            whole = false;
            problems.push((
                "hash-mismatch",
                format!("`{path}` is not what was sealed: `{}` expects {expected}, found {found}", listing.name),
            ));
        }
    }
    let Some(entry) = entry else { return };
    if read.stored.length != entry.stored_size {
        let message =
            format!("`{path}` has {} bytes, `collection.json` expects {}", read.stored.length, entry.stored_size);
        problems.push(("size-mismatch", message));
    }
    // A changed file has a changed original: saying it twice helps nobody.
    if whole && let Some(original) = &read.original {
        compare_original(path, entry, original, problems);
    }
}

fn compare_original(
    path: &str,
    entry: &Entry,
    original: &Result<(Sha256Digest, u64), String>,
    problems: &mut Vec<(&'static str, String)>,
) {
    let code = "original-mismatch";
    match (original, entry.original_sha256) {
        (Err(why), _) => problems.push((code, format!("`{path}` {why}"))),
        (Ok(_), None) => problems.push((code, format!("`collection.json` has no original digest for `{path}`"))),
        (Ok((digest, _)), Some(expected)) if *digest != expected => problems.push((
            code,
            format!("the original of `{path}` is not what was collected: `collection.json` expects {expected}, found {digest}"),
        )),
        (Ok((_, size)), _) if *size != entry.original_size => problems.push((
            code,
            format!("the original of `{path}` has {size} bytes, `collection.json` expects {}", entry.original_size),
        )),
        _ => {}
    }
}
