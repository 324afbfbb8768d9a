//! What the path of a source says: the server and node of a must-gather file, the log stream of an
//! export, the pod of a container log. Paths never decide how a file is read; they add facts to records
//! that do not carry them.

use super::format::Format;
use super::sink::Envelope;

/// Facts from the path of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The layout the path belongs to; takes the place of the native format's name.
    pub layout: Option<Format>,
    /// Which server wrote the file.
    pub component: Option<String>,
    /// The node it was collected from.
    pub node: Option<String>,
    /// The pod that wrote it.
    pub api_server: Option<String>,
    /// The log stream it was exported from.
    pub log_stream: Option<String>,
}

impl Context {
    /// Facts from a path as it was collected. Both separators are understood.
    pub fn of_path(path: &str) -> Self {
        let path = path.replace('\\', "/");
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        must_gather(&parts)
            .or_else(|| container_log(&parts))
            .or_else(|| rancher(&parts))
            .or_else(|| exported_stream(&parts))
            .unwrap_or_default()
    }

    /// What the path says of each record.
    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope {
            component: self.component.as_deref(),
            node: self.node.as_deref(),
            api_server: self.api_server.as_deref(),
            log_stream: self.log_stream.as_deref(),
            ..Envelope::default()
        }
    }
}

/// `audit_logs/<component>/<node>-audit….log`
fn must_gather(parts: &[&str]) -> Option<Context> {
    let [.., "audit_logs", component, file] = parts else { return None };
    let node = file.rsplit_once("-audit").map(|(node, _)| node).filter(|n| !n.is_empty())?;
    Some(Context {
        layout: Some(Format::OpenshiftMustGather),
        component: Some((*component).to_owned()),
        node: Some(node.to_owned()),
        ..Context::default()
    })
}

/// `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log` and `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`
fn container_log(parts: &[&str]) -> Option<Context> {
    let pod = match parts {
        [.., "log", "pods", pod, _container, _file] => {
            let mut names = pod.split('_');
            (names.next(), names.next(), names.next()).1.map(str::to_owned)
        }
        [.., "log", "containers", file] => file.split_once('_').map(|(pod, _)| pod.to_owned()),
        _ => return None,
    };
    Some(Context { api_server: pod.filter(|p| !p.is_empty()), ..Context::default() })
}

/// `/var/lib/rancher/{rke2,k3s}/server/logs/audit….log`
fn rancher(parts: &[&str]) -> Option<Context> {
    let [.., "rancher", "rke2" | "k3s", "server", "logs", file] = parts else { return None };
    file.starts_with("audit").then(|| Context { layout: Some(Format::Rke2K3s), ..Context::default() })
}

/// `<export task>/<stream>/NNNNNN.gz`
fn exported_stream(parts: &[&str]) -> Option<Context> {
    let [.., task, stream, file] = parts else { return None };
    let number = file.strip_suffix(".gz").unwrap_or(file);
    let numbered = number.len() == 6 && number.bytes().all(|b| b.is_ascii_digit());
    let uuid = task.len() == 36 && task.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (numbered && uuid).then(|| Context { log_stream: Some((*stream).to_owned()), ..Context::default() })
}

/// Which files a must-gather listing names and which of them are not among `paths`. `listing` is the
/// text of `<component>.audit_logs_listing`, `path` where it lies; `paths` are all collected paths.
/// Lock and `.terminating` files are never gathered and not missed.
pub fn missing_listed_files<'l>(listing: &'l str, path: &str, paths: &[&str]) -> Vec<&'l str> {
    let path = path.replace('\\', "/");
    let Some(folder) = path.strip_suffix(LISTING_SUFFIX) else { return Vec::new() };
    let present = |node: &str, file: &str| {
        let wanted = format!("{folder}/{node}-{file}");
        paths.iter().any(|p| {
            let p = p.replace('\\', "/");
            p.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest == ".gz")
        })
    };
    audit_lines(listing)
        .filter(|line| line.trim().split_once(' ').is_some_and(|(node, file)| !present(node, file)))
        .collect()
}

/// The lines of a must-gather listing that name a log file.
pub fn audit_lines(listing: &str) -> impl Iterator<Item = &str> {
    listing.lines().filter(|line| {
        let Some((_, file)) = line.trim().split_once(' ') else { return false };
        let log = file.strip_suffix(".gz").unwrap_or(file);
        log.starts_with("audit") && log.ends_with(".log")
    })
}

/// How the path of a must-gather listing ends.
pub const LISTING_SUFFIX: &str = ".audit_logs_listing";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_give_server_node_stream_and_pod() {
        let c = Context::of_path(
            "must-gather.local.1/quay-io/audit_logs/oauth-apiserver/master-0.x.example.com-audit-2026-11-24T00-41-31.025.log.gz",
        );
        assert_eq!(
            (c.component.as_deref(), c.node.as_deref()),
            (Some("oauth-apiserver"), Some("master-0.x.example.com"))
        );
        let c = Context::of_path("exportedlogs/ea7f6e57-9564-5423-91e3-e3d504e0d43a/kube-apiserver-audit-3f/000001.gz");
        assert_eq!(c.log_stream.as_deref(), Some("kube-apiserver-audit-3f"));
        let c = Context::of_path("/var/log/pods/kube-system_kube-apiserver-cp-1_b95c/kube-apiserver/0.log");
        assert_eq!(c.api_server.as_deref(), Some("kube-apiserver-cp-1"));
        assert_eq!(Context::of_path("/var/lib/rancher/k3s/server/logs/audit.log").layout, Some(Format::Rke2K3s));
        for other in ["audit.log", "audit_logs/x", "a/audit_logs/kube-apiserver/notes.txt", "logs/stream/000000.gz", ""]
        {
            assert_eq!(Context::of_path(other), Context::default(), "{other}");
        }
    }

    #[test]
    fn a_listed_log_that_is_not_there_is_missing_and_locks_are_not() {
        let listing = "m0 audit-2026.log\nm0 .terminating\nm0 audit.log\nm0 lock-audit.lock\nm1 audit.log\n\njunk\n";
        let paths = ["mg/audit_logs/kube-apiserver/m0-audit.log.gz", "mg/audit_logs/kube-apiserver/m1-audit.log"];
        assert_eq!(
            missing_listed_files(listing, "mg/audit_logs/kube-apiserver.audit_logs_listing", &paths),
            ["m0 audit-2026.log"]
        );
        assert!(missing_listed_files(listing, "mg/other.txt", &paths).is_empty());
    }
}
