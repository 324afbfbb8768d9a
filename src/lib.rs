//! kubesleuth: offline forensics for Kubernetes.
#![forbid(unsafe_code)]
pub mod formats;
pub mod model;
pub mod tables;
pub mod case;
