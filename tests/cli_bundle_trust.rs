//! Who vouches for a bundle: signatures against the real ssh-keygen, both ways, and every way to tamper with a signed
//! bundle, each with the finding that must name it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

#[path = "bundle_trust/custody.rs"]
mod custody;
#[path = "bundle_trust/signing.rs"]
mod signing;
#[path = "bundle_trust/support.rs"]
mod support;
#[path = "bundle_trust/tamper.rs"]
mod tamper;
