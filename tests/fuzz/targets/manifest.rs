//! The manifest and the declaration of a bundle.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubesleuth_fuzz::bag::check_manifest(bytes));
