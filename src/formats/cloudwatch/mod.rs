//! CloudWatch Logs, as EKS control planes write to it. One log group of a cluster holds many streams;
//! only `kube-apiserver-audit-…` is the audit log, and its prefix `kube-apiserver-` is shared by the
//! server's own log. Which stream a record came from decides what a message that is no JSON means:
//! damage in the audit stream, another component's text elsewhere.

pub(super) mod insights;
pub(super) mod log_event;
pub(super) mod pages;
pub(super) mod subscription;

use super::sink::{Fact, Sink};

/// The cluster of a log group `/aws/eks/<cluster>/cluster`.
fn cluster_of(log_group: &str) -> Option<&str> {
    let cluster = log_group.strip_prefix("/aws/eks/")?.strip_suffix("/cluster")?;
    (!cluster.is_empty() && !cluster.contains('/')).then_some(cluster)
}

/// Tells cluster and account of a log group, where it has them: `[<account>:]<group>`.
fn about_group(sink: &mut dyn Sink, log_group: &str) {
    let (account, group) = log_group.split_once(':').map_or((None, log_group), |(a, g)| (Some(a), g));
    if let Some(account) = account.filter(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit())) {
        sink.fact(Fact::Account(account));
    }
    if let Some(cluster) = cluster_of(group) {
        sink.fact(Fact::Cluster(cluster));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eks_groups_name_a_cluster() {
        assert_eq!(cluster_of("/aws/eks/shop/cluster"), Some("shop"));
        for other in ["/aws/eks//cluster", "/aws/eks/a/b/cluster", "/aws/lambda/x", ""] {
            assert_eq!(cluster_of(other), None, "{other}");
        }
    }
}
