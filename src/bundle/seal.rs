//! Sealing: the tag files of a bundle, in the order in which each vouches for the one before, and the signature of the
//! last. What is written here is the same for the same collection, to the byte; `docs/bundle-format.md` describes it.

use super::digest::Sha256Digest;
use super::error::BundleError;
use super::format::{Collection, Entry};
use super::sign::{BUNDLE_NAMESPACE, SigningKey};
use super::store::Store;
use super::{
    BAG_INFO_FILE, BAGIT_FILE, COLLECTION_FILE, MANIFEST_FILE, SIGNATURE_FILE, TAG_MANIFEST_FILE, manifest, tags,
};

/// The sum of a size over all entries.
pub(super) fn sum(collection: &Collection, size: fn(&Entry) -> u64) -> u64 {
    collection.entries.iter().map(size).fold(0, u64::saturating_add)
}

/// Writes the tag files, and the signature of the last; gives the seal.
pub(super) fn write_tag_files(
    store: &mut Store,
    digests: &[(String, Sha256Digest)],
    collection: &Collection,
    key: Option<&SigningKey>,
) -> Result<Sha256Digest, BundleError> {
    let bag_info = bag_info(collection);
    let record = collection
        .render()
        .map_err(|e| BundleError::Collection { path: store.out().to_owned(), problem: e.to_string() })?;
    let manifest = manifest::render(digests.iter().map(|(path, digest)| (path.as_str(), *digest)));
    let tag_files = [
        (BAG_INFO_FILE, bag_info.as_bytes()),
        (BAGIT_FILE, tags::BAGIT_TXT.as_bytes()),
        (COLLECTION_FILE, record.as_slice()),
        (MANIFEST_FILE, manifest.as_bytes()),
    ];
    let tag_manifest = manifest::render(tag_files.iter().map(|(name, bytes)| (*name, Sha256Digest::of(bytes))));
    for (name, bytes) in tag_files.into_iter().filter(|(name, _)| *name != BAGIT_FILE) {
        store.add_bytes(name, bytes)?;
    }
    store.add_bytes(TAG_MANIFEST_FILE, tag_manifest.as_bytes())?;
    if let Some(key) = key {
        let signature = key.sign(BUNDLE_NAMESPACE, tag_manifest.as_bytes())?;
        store.add_bytes(SIGNATURE_FILE, signature.as_bytes())?;
    }
    Ok(Sha256Digest::of(tag_manifest.as_bytes()))
}

/// `bag-info.txt`: for people and for other BagIt tools. What is said here is in `collection.json` too.
fn bag_info(collection: &Collection) -> String {
    let Collection { collection: info, entries, not_collected, .. } = collection;
    let (stored_bytes, files) = (sum(collection, |e| e.stored_size), entries.len());
    let arguments = serde_json::to_string(&info.arguments).unwrap_or_default();
    let mut fields = vec![
        ("Bag-Software-Agent", format!("kubesleuth {}", info.version)),
        ("Bagging-Date", info.ended.date()),
        ("Payload-Oxum", format!("{stored_bytes}.{files}")),
        ("Collector", info.collector.clone()),
        ("Collector-Version", info.version.clone()),
        ("Collector-Arguments", arguments),
    ];
    let optional = [
        ("Collector-Host", &info.host),
        ("Collector-User", &info.user),
        ("Cluster", &info.cluster),
        ("External-Description", &info.note),
    ];
    fields.extend(optional.into_iter().filter_map(|(label, value)| Some((label, value.clone()?))));
    fields.push(("Collection-Started", info.started.to_string()));
    fields.push(("Collection-Ended", info.ended.to_string()));
    fields.push(("Not-Collected", not_collected.len().to_string()));
    tags::render_bag_info(&fields)
}
