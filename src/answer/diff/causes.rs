//! What made a grant begin or end: the change of its binding or of its role at that moment.

use std::collections::HashMap;

use crate::answer::net_grants::{Chain, Name};
use crate::answer::steps::Step;
use crate::model::time::Timestamp;

/// The steps of each object, to find what a grant began or ended with.
pub(super) struct Causes<'s>(HashMap<Name, Vec<&'s Step>>);

/// Who and what made a grant begin or end.
#[derive(Default)]
pub(super) struct Cause {
    pub(super) by: Option<String>,
    pub(super) audit_id: Option<String>,
    pub(super) words: String,
}

impl<'s> Causes<'s> {
    pub(super) fn new(steps: &'s [Step]) -> Self {
        let mut objects: HashMap<_, Vec<&Step>> = HashMap::new();
        for step in steps {
            let v = &step.version;
            objects.entry((v.kind.clone(), v.namespace.clone(), v.name.clone())).or_default().push(step);
        }
        Self(objects)
    }

    fn steps(&self, object: &Name) -> &[&'s Step] {
        self.0.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    /// What happened to the binding at a moment, else what happened to the role.
    pub(super) fn at(&self, chain: &Chain, at: Timestamp, began: bool) -> Cause {
        [&chain.binding, &chain.role].into_iter().find_map(|object| self.of(object, at, began)).unwrap_or_default()
    }

    fn of(&self, object: &Name, at: Timestamp, began: bool) -> Option<Cause> {
        let steps = self.steps(object);
        if let Some(step) = steps.iter().find(|s| s.version.held.from == at) {
            let v = &step.version;
            let words = format!("{} {}", v.object(), step.began.as_str());
            return Some(Cause { by: v.actor.clone(), audit_id: v.audit_id.clone(), words });
        }
        let step = steps.iter().find(|s| s.version.held.to == at).filter(|_| !began)?;
        let v = &step.version;
        let words = format!("{} {}", v.object(), step.ended.as_str().unwrap_or("ended"));
        Some(Cause { by: v.ended_by.clone(), audit_id: v.ended_by_audit_id.clone(), words })
    }
}
