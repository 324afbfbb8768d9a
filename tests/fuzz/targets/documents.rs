//! JSON documents that span lines, whole or damaged, and YAML.
#![no_main]
use kubesleuth_fuzz::formats::layout::Context;
use kubesleuth_fuzz::formats::source::{Batch, open_batch};
use kubesleuth_fuzz::formats::{documents, yaml};
use kubesleuth_fuzz::judge::{Judge, MAX};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX {
        return;
    }
    let mut judge = Judge::new(bytes);
    open_batch(&Batch::Documents(bytes.to_vec()), &Context::default(), &mut judge);
    // Every byte that is no blank lies in a document or in a reject.
    let (docs, rejects) = documents::split(bytes, 0, 1);
    let mut seen = vec![false; bytes.len()];
    let spans =
        docs.iter().map(|d| (d.offset, d.text.len())).chain(rejects.iter().map(|r| (r.offset, r.length as usize)));
    for (offset, length) in spans {
        seen[offset as usize..][..length].iter_mut().for_each(|s| {
            assert!(!*s, "a byte is read twice");
            *s = true;
        });
    }
    let blank = |b: u8| b.is_ascii_whitespace() || matches!(b, 0 | 0x1e);
    assert!(seen.iter().zip(bytes).all(|(s, b)| *s || blank(*b)), "bytes are lost");
    let (docs, rejects) = yaml::split(bytes);
    for d in &docs {
        assert!(d.offset + d.length <= bytes.len() as u64);
        serde_json::from_str::<serde_json::Value>(&d.json).unwrap();
    }
    rejects.iter().for_each(|r| assert!(r.offset + r.length <= bytes.len() as u64));
});
