//! A snapshot of the cluster, as collected with `kubectl get -o json`.

use std::fs;
use std::io;
use std::path::Path;

use super::clock::micros;
use super::cluster::Cluster;
use super::json::{Json, object};
use super::kinds::Kind;
use super::objects::Thing;

/// Writes `snapshot.json` and one List a kind.
pub(crate) fn write(dir: &Path, cluster: &Cluster, observed: (i64, i64)) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let head = object()
        .with("cluster", "generated")
        .with("observed_from", micros(observed.0))
        .with("observed_to", micros(observed.1));
    fs::write(dir.join("snapshot.json"), head.done().pretty(1))?;
    for kind in Kind::ALL {
        let mut things: Vec<&Thing> = cluster.of(kind).iter().collect();
        // The order of etcd's keys.
        things.sort_by_cached_key(|t| format!("{}/{}", t.namespace, t.name));
        // kubectl leaves `managedFields` out.
        let items = things.into_iter().map(|t| t.json(false)).collect();
        let list = object()
            .with("apiVersion", "v1")
            .with("items", Json::List(items))
            .with("kind", "List")
            .with("metadata", object().with("resourceVersion", "").done());
        fs::write(dir.join(format!("{}.json", kind.plural())), list.done().pretty(4))?;
    }
    Ok(())
}
