//! An object dump, from its text to a decision of the authorizer.
#![no_main]
use std::sync::Arc;

use kubesleuth_fuzz::authz::Authorizer;
use kubesleuth_fuzz::formats::{objects, yaml};
use kubesleuth_fuzz::history::evidence::{Evidence, Listing, Sighting};
use kubesleuth_fuzz::history::{rbac, rebuild};
use kubesleuth_fuzz::model::object::{ObservedAt, Provenance};
use kubesleuth_fuzz::model::resource::Catalogue;
use kubesleuth_fuzz::model::review::{AccessReview, Action, ResourceTarget, Target};
use kubesleuth_fuzz::model::time::Timestamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 1 << 14 {
        return;
    }
    let mut texts: Vec<String> = yaml::split(bytes).0.into_iter().map(|d| d.json).collect();
    texts.extend(std::str::from_utf8(bytes).ok().map(str::to_owned));
    let at = Timestamp::from_micros(1_795_480_862_025_568);
    let observed = ObservedAt { from: at, to: at };
    let mut evidence = Evidence::default();
    for text in &texts {
        let Some(contents) = objects::read(text) else { continue };
        for object in contents.objects {
            assert!(object.offset + object.length <= text.len());
            evidence.sightings.push(Sighting {
                key: object.key,
                uid: object.uid,
                resource_version: object.resource_version,
                observed,
                body: Arc::from(object.body),
                from: Provenance::default(),
            });
        }
        evidence.listings.extend(contents.lists.into_iter().map(|l| Listing {
            group: l.kind.0,
            kind: l.kind.1,
            namespace: None,
            observed,
            whole: l.whole,
            supposed: false,
            from: Provenance::default(),
        }));
    }
    let history = rebuild(&evidence, &Catalogue::new());
    for v in &history.versions {
        assert!(v.held.from <= v.held.to, "{:?}", v.held);
    }
    let authorizer = Authorizer::new(rbac::timeline(&history));
    let target = ResourceTarget { resource: "secrets".into(), namespace: "n".into(), ..Default::default() };
    let action = Action { verb: "get".into(), target: Target::Resource(target) };
    let decision = authorizer.review(&AccessReview { user: "u".into(), groups: vec!["g".into()], action }, at);
    assert!(!decision.reason.contains('\0') || bytes.windows(2).any(|w| w == b"\\u" || w.contains(&0)));
});
