//! Compression and archives, bounded.
#![no_main]
use std::io::{self, Read};

use kubesleuth_fuzz::formats::archive::{self, Visitor};
use kubesleuth_fuzz::formats::decode::{Content, peel};
use kubesleuth_fuzz::formats::limits::{Budget, Limits};

struct Walk<'b> {
    budget: &'b Budget,
    depth: u32,
    read: u64,
}

impl Visitor for Walk<'_> {
    type Error = std::convert::Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Self::Error> {
        assert!(!path.split('/').any(|p| p == "..") && !path.starts_with('/') && !path.contains('\0'), "{path:?}");
        walk(Box::new(content), self);
        Ok(())
    }

    fn refused(&mut self, _: &str, why: &str) {
        assert!(!why.is_empty());
    }

    fn damaged(&mut self, _: &io::Error) {}
}

fn walk(reader: Box<dyn Read + Send + '_>, state: &mut Walk<'_>) {
    let Ok(mut peeled) = peel(reader, state.budget) else { return };
    let budget = state.budget;
    let mut inner = Walk { budget, depth: state.depth + 1, read: 0 };
    let end = match peeled.content {
        Content::Tar if state.depth < 2 => archive::tar(peeled.reader, budget, &mut inner),
        Content::Zip if state.depth < 2 => archive::zip(peeled.reader, budget, &mut inner),
        _ => {
            state.read += io::copy(&mut peeled.reader, &mut io::sink()).unwrap_or(0);
            Ok(())
        }
    };
    let Ok(()) = end;
    state.read += inner.read;
    // One read may overshoot by what a decoder gives at once.
    let most = budget.limits().total + (1 << 20);
    assert!(state.read <= most, "{} bytes came out", state.read);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { total: 4 << 20, floor: 1 << 20, members: 64, buffered: 1 << 20, ..Limits::default() };
    let budget = Budget::new(limits);
    let mut state = Walk { budget: &budget, depth: 0, read: 0 };
    walk(Box::new(budget.metered(bytes)), &mut state);
});
