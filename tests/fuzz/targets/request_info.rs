//! Request URIs with their selectors, times, reasons.
#![no_main]
use kubesleuth_fuzz::model::reason;
use kubesleuth_fuzz::model::request_info::{RequestInfo, query_param, query_values};
use kubesleuth_fuzz::model::time::Timestamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for method in ["GET", "POST", "PATCH", "DELETE", "head", ""] {
        for uri in
            [text.to_owned(), format!("/api/v1/namespaces/{text}"), format!("/apis/a/v1/pods?fieldSelector={text}")]
        {
            let info = RequestInfo::new(method, &uri);
            assert_eq!(info, RequestInfo::new(method, &uri));
            let _ = (query_param(&uri, "fieldManager"), query_values(&uri, "dryRun"));
        }
    }
    let _ = reason::named_objects(text);
    if let Some(t) = Timestamp::parse_rfc3339(text) {
        assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Some(t), "a time changes by being written and read");
    }
});
