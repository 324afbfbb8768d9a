//! Patches: the known state and the body, one line each.
#![no_main]
use kubesleuth_fuzz::history::patch::{PatchContext, apply};
use serde_json::Value;

const CONTEXTS: [(&str, &str, &str); 4] = [
    ("rbac.authorization.k8s.io", "ClusterRole", "/apis/rbac.authorization.k8s.io/v1/clusterroles/n"),
    ("", "Pod", "/api/v1/namespaces/n/pods/p"),
    ("", "Pod", "/api/v1/namespaces/n/pods/p?fieldManager=kubectl&force=true"),
    ("example.org", "Widget", "/apis/example.org/v1/namespaces/n/widgets/w/scale?fieldManager=x"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(at) = bytes.iter().position(|b| *b == b'\n').filter(|_| bytes.len() < 1 << 14) else { return };
    let (Ok(prior), Ok(patch)) =
        (serde_json::from_slice::<Value>(&bytes[..at]), serde_json::from_slice::<Value>(&bytes[at + 1..]))
    else {
        return;
    };
    for (group, kind, request_uri) in CONTEXTS {
        let context = PatchContext { group, kind, request_uri, user_agent: Some("kubectl/v1.36") };
        let once = apply(&prior, &patch, &context);
        assert_eq!(once, apply(&prior, &patch, &context), "two answers to one question");
        if let Ok(patched) = once {
            assert!(patched.object.is_object());
            assert!(!patched.alternatives.iter().any(|(_, other)| *other == patched.object));
            assert!(!patched.certain || patched.alternatives.is_empty());
        }
    }
});
