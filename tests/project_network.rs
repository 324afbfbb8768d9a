//! The default build holds no network code: nothing in its dependency graph speaks HTTP or TLS, or serves sockets.
//!
//! The graph of `cargo metadata` is too large: it follows optional dependencies that a feature only mentions
//! (`polars-stream?/parquet`), and finds tokio there. So what it gives is narrowed to what `cargo tree`, which knows the
//! features of a build, says is compiled.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// Crates whose purpose is the network.
const NETWORK: &[&str] = &[
    "actix-web",
    "async-net",
    "async-std",
    "attohttpc",
    "awc",
    "axum",
    "curl",
    "curl-sys",
    "h2",
    "h3",
    "hickory-resolver",
    "http",
    "httparse",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "nix-netlink",
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
    "ssh2",
    "surf",
    "tiny_http",
    "tokio",
    "tonic",
    "trust-dns-resolver",
    "tungstenite",
    "ureq",
    "warp",
    "webpki-roots",
];

/// The platform that tests are built for.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|l| l.strip_prefix("host: ")).unwrap().to_owned()
}

/// All crates that normal and build dependencies may reach on this platform. Nothing is fetched: a machine that has
/// built the program has the crates of its own platform, and no others.
fn reachable() -> BTreeSet<String> {
    let options = ["--locked", "--offline", "--filter-platform", &host()].map(str::to_owned);
    let metadata = MetadataCommand::new().manifest_path(MANIFEST).other_options(options).exec().unwrap();
    let graph = metadata.resolve.unwrap();
    let mut seen: BTreeSet<PackageId> = BTreeSet::new();
    let mut open = vec![graph.root.clone().unwrap()];
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = graph.nodes.iter().find(|n| n.id == id).unwrap();
        let built = |d: &&cargo_metadata::NodeDep| d.dep_kinds.iter().any(|k| k.kind != DependencyKind::Development);
        open.extend(node.deps.iter().filter(built).map(|d| d.pkg.clone()));
    }
    metadata.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.to_string()).collect()
}

/// The crates that a build with the default features compiles.
fn compiled() -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--target", &host(), "--manifest-path", MANIFEST])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_default_build_has_no_network_code() {
    let (compiled, reachable) = (compiled(), reachable());
    // Both walks reached the depths of the graph, and agree as far as they should.
    for deep in ["kubesleuth", "polars-parquet", "zstd-sys", "arrow-array"] {
        assert!(compiled.contains(deep), "{deep} not found among {} crates", compiled.len());
    }
    let unknown: Vec<&String> = compiled.difference(&reachable).collect();
    assert!(unknown.is_empty(), "not in `cargo metadata`: {unknown:?}");
    let found: Vec<&String> = compiled.iter().filter(|n| NETWORK.contains(&n.as_str())).collect();
    assert!(found.is_empty(), "network crates in the default build: {found:?}");
}

/// Nor does it open sockets by itself.
#[test]
fn the_program_uses_no_sockets_of_the_standard_library() {
    let mut sources = Vec::new();
    for entry in walkdir::WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|x| x == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            // Files of tests make sockets to see that they are refused.
            if !path.iter().any(|p| p == "tests" || p == "tests.rs") {
                sources.push((path, code));
            }
        }
    }
    assert!(sources.len() > 50);
    for (path, code) in sources {
        for name in
            ["std::net::Tcp", "std::net::Udp", "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener"]
        {
            assert!(!code.contains(name), "{} in {}", name, path.display());
        }
    }
}
