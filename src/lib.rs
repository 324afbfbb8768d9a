//! kubesleuth: offline forensics for Kubernetes.
#![forbid(unsafe_code)]
pub mod answer;
pub mod authz;
pub mod bundle;
pub mod case;
pub mod cli;
pub mod collect;
pub mod formats;
pub mod history;
pub mod import;
pub mod model;
pub mod render;
pub mod tables;
