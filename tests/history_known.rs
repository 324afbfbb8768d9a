//! Known answers: one small story per rule, and what the rebuilt history must say of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use serde_json::json;

#[test]
fn a_body_in_the_response_is_the_state() {
    let mut sim = Sim::with_genesis();
    let r = key("ClusterRole", "", "r");
    sim.create(r.clone(), role("get"));
    sim.after(100).update(&r, role("list"));
    sim.after(100).patch(&r, json!({"rules": rules("watch")}));
    sim.after(100).delete(&r);
    sim.after(100);
    for level in [Level::RequestResponse, Level::Request] {
        let history = history(&sim.evidence(level));
        let patched = if level == Level::Request { "derived" } else { "observed" };
        assert_eq!(
            show(&history, &r),
            ["10010..10110 observed get".to_owned(), "10110..10210 observed list".into(), format!("10210..10310 {patched} watch")],
            "{level:?}"
        );
        assert_eq!(codes(&history), [""; 0]);
    }
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(show(&history, &r), ["10010..10110 unknown ?", "10110..10210 unknown ?", "10210..10310 unknown ?"]);
}
