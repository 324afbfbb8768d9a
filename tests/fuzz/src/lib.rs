//! The parsers of kubesleuth, taken in by path, and what the fuzz targets share: a sink that checks what
//! it is given.
#![allow(dead_code, unused_imports, missing_docs, unreachable_pub)]

#[path = "../../../src/authz/mod.rs"]
pub mod authz;
#[path = "../../../src/bundle/mod.rs"]
pub mod bundle;
#[path = "../../../src/formats/mod.rs"]
pub mod formats;
#[path = "../../../src/history/mod.rs"]
pub mod history;
#[path = "../../../src/model/mod.rs"]
pub mod model;

pub mod bag;
pub mod judge;
