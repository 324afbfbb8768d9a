//! What `kubectl api-resources` prints, and discovery documents.
#![no_main]
use kubesleuth_fuzz::model::resource::{self, Catalogue};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut catalogue = Catalogue::new();
    if resource::looks_like_api_resources_text(text)
        && let Ok(found) = resource::parse_api_resources_text(text)
    {
        assert!(found.resources.len() + found.skipped.len() <= text.lines().count());
        catalogue.add(found);
    }
    if let Ok(value) = serde_json::from_str(text)
        && resource::looks_like_discovery(&value)
        && let Ok(found) = resource::parse_discovery(&value)
    {
        catalogue.add(found);
    }
    let _ = catalogue.resolve(text);
    catalogue.served().iter().for_each(|r| {
        let _ = catalogue.resolve(&r.plural);
    });
});
