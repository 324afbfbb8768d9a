//! Domain types without I/O, in Kubernetes' own words.

pub mod annotations;
pub mod audit;
pub mod aws;
pub mod basis;
pub mod event_times;
pub mod finding;
pub mod identity;
pub mod json;
pub mod object;
pub mod progress;
pub mod rbac;
pub mod reason;
pub mod request_info;
pub mod resource;
pub mod review;
pub mod selector;
pub mod text;
pub mod time;
