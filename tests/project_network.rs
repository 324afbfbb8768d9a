//! The default build holds no network code: nothing in its dependency graph speaks HTTP or TLS, or serves sockets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};

/// Crates whose purpose is the network.
const NETWORK: &[&str] = &[
    "actix-web",
    "async-std",
    "attohttpc",
    "awc",
    "axum",
    "curl",
    "curl-sys",
    "h2",
    "h3",
    "http",
    "httparse",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "object_store",
    "openssl",
    "openssl-sys",
    "polling",
    "quinn",
    "reqwest",
    "rouille",
    "rustls",
    "s2n-tls",
    "schannel",
    "security-framework",
    "smol",
    "socket2",
    "surf",
    "tiny_http",
    "tokio",
    "tonic",
    "tungstenite",
    "ureq",
    "warp",
    "webpki-roots",
];

/// Crates of an async runtime. `cargo metadata` lists them below polars, because it counts optional features that
/// no build turns on (`polars-stream?/parquet`); the build itself, which `cargo tree` shows, must not hold them.
const NOT_BUILT: &[&str] = &["mio", "socket2", "tokio"];

/// The platform that tests are built for.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = std::process::Command::new(rustc).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|l| l.strip_prefix("host: ")).unwrap().to_owned()
}

#[test]
fn the_default_build_has_no_network_code() {
    // All platforms, where the crates of all of them are at hand. A machine that has only built the program has those
    // of its own: the test must not fetch the rest.
    let read = |platform: &[String]| {
        let options = ["--locked".to_owned(), "--offline".to_owned()].into_iter().chain(platform.iter().cloned());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        MetadataCommand::new().manifest_path(manifest).other_options(options.collect::<Vec<_>>()).exec()
    };
    let metadata = read(&[]).or_else(|_| read(&["--filter-platform".to_owned(), host()])).unwrap();
    let graph = metadata.resolve.unwrap();
    let root = graph.root.unwrap();
    let mut seen: BTreeSet<PackageId> = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = graph.nodes.iter().find(|n| n.id == id).unwrap();
        let built = |d: &&cargo_metadata::NodeDep| d.dep_kinds.iter().any(|k| k.kind != DependencyKind::Development);
        open.extend(node.deps.iter().filter(built).map(|d| d.pkg.clone()));
    }
    let names: BTreeSet<String> =
        metadata.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.to_string()).collect();
    // The walk really reached the depths of the graph.
    for deep in ["polars-parquet", "zstd-sys", "arrow-array"] {
        assert!(names.contains(deep), "{deep} not found among {} crates", names.len());
    }
    let network = |n: &&String| NETWORK.contains(&n.as_str()) && !NOT_BUILT.contains(&n.as_str());
    let found: Vec<&String> = names.iter().filter(network).collect();
    assert!(found.is_empty(), "network crates in the default dependency graph: {found:?}");
}

#[test]
fn what_is_really_built_has_no_network_code_either() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = text.lines().filter_map(|l| l.split_whitespace().next()).collect();
    for deep in ["polars-parquet", "zstd-sys", "arrow-array"] {
        assert!(names.contains(deep), "{deep} not found among {} crates", names.len());
    }
    let found: Vec<&&str> = names.iter().filter(|n| NETWORK.contains(n)).collect();
    assert!(found.is_empty(), "network crates in the default build: {found:?}");
}

#[test]
fn the_program_uses_no_sockets_of_the_standard_library() {
    let mut sources = Vec::new();
    for entry in walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|x| x == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            sources.push((path, code));
        }
    }
    assert!(sources.len() > 50);
    for (path, code) in sources {
        assert!(!code.contains("std::net::Tcp") && !code.contains("std::net::Udp"), "{}", path.display());
    }
}
