//! Questions about rights, asked of the real binary: on small hand-made evidence with known answers, and on the
//! recorded intrusion in `samples/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod matrix;
mod peers;
mod rights;
mod suggest;
mod support;
mod unused;
