//! From what a person types to a resource, by kubectl's rules.
//!
//! A full name beats a short name, an exact group beats the beginning of one, and of several groups the
//! one that the cluster lists first wins. Source: `client-go/restmapper/{shortcut,discovery}.go`,
//! `apimachinery/pkg/api/meta/restmapper.go`.

use thiserror::Error;

use super::{ApiResource, Catalogue, Origin, Row, version_rank};

/// What was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// API group, `""` is core.
    pub group: String,
    /// Plural resource name; what was typed when the catalogue does not know it.
    pub resource: String,
    /// Kind, when the catalogue knows the resource.
    pub kind: Option<String>,
    /// Whether objects live in a namespace, when the catalogue knows the resource.
    pub namespaced: Option<bool>,
    /// What the person should know about the choice made.
    pub note: Option<String>,
}

/// Why nothing can have been meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// Nothing was typed.
    #[error("no resource type given; name one, such as `pods` or `deployments.apps`")]
    Empty,
    /// A type holds no slash.
    #[error("`{0}` holds a `/`, which no resource type does; give the type alone, and a name or subresource apart")]
    Slash(String),
}

/// Splits `TYPE/NAME` (or `TYPE/SUBRESOURCE`, which only the caller can tell apart) at the first slash.
pub fn split_type_name(typed: &str) -> (&str, Option<&str>) {
    match typed.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (typed, None),
    }
}

/// A typed name taken apart. `version` is only there for `resource.version.group`.
#[derive(Clone, Copy, Debug)]
struct Typed<'a> {
    resource: &'a str,
    version: Option<&'a str>,
    group: Option<&'a str>,
}

/// Short names that people use though the API has none.
const HABITS: [(&str, &str); 2] =
    [("crb", "clusterrolebindings.rbac.authorization.k8s.io"), ("rb", "rolebindings.rbac.authorization.k8s.io")];

impl Catalogue {
    /// Resolves a typed resource type: plural, singular, kind, short name, with `.group` or `.version.group`
    /// behind it or not; `*` stays `*`. Case does not matter where the catalogue knows the name. A name it does
    /// not know is taken to the letter, in the group typed or else core, and the note says so.
    ///
    /// # Errors
    /// [`ResolveError`] when nothing was typed, or when the text holds a slash.
    pub fn resolve(&self, typed: &str) -> Result<Resolved, ResolveError> {
        if typed.is_empty() {
            return Err(ResolveError::Empty);
        }
        if typed.contains('/') {
            return Err(ResolveError::Slash(typed.to_owned()));
        }
        if typed == "*" {
            return Ok(Resolved {
                group: String::new(),
                resource: typed.to_owned(),
                kind: None,
                namespaced: None,
                note: None,
            });
        }
        let lower = typed.to_lowercase();
        for reading in readings(&lower) {
            if let Some(found) = self.find(reading, typed) {
                return Ok(found);
            }
        }
        // Nothing of the cluster is called so: a habit of speech may be meant.
        match HABITS.iter().find(|(short, _)| *short == lower) {
            Some((_, plural)) => self.resolve(plural),
            None => Ok(self.to_the_letter(typed)),
        }
    }

    /// Resolves `TYPE/SUBRESOURCE`; without a slash the subresource is `None`. The subresource stays as typed:
    /// discovery need not list it for a rule to name it.
    ///
    /// # Errors
    /// [`ResolveError`] when there is no type before the slash, or when the subresource holds another slash.
    pub fn resolve_subresource(&self, typed: &str) -> Result<(Resolved, Option<String>), ResolveError> {
        let (kind, subresource) = split_type_name(typed);
        if subresource.is_some_and(|s| s.contains('/')) {
            return Err(ResolveError::Slash(typed.to_owned()));
        }
        Ok((self.resolve(kind)?, subresource.filter(|s| !s.is_empty()).map(str::to_owned)))
    }

    /// The best row for one reading, by kubectl's steps.
    fn find(&self, typed: Typed<'_>, text: &str) -> Option<Resolved> {
        let exact = |row: &Row| typed.group.is_none_or(|group| row.resource.group == group);
        let begins = |row: &Row| typed.group.is_some_and(|group| row.resource.group.starts_with(group));
        let name = |row: &Row| row.resource.plural == typed.resource || row.resource.singular == typed.resource;
        let short = |row: &Row| row.resource.short_names.iter().any(|s| s == typed.resource);
        let kind = |row: &Row| row.resource.kind.to_lowercase() == typed.resource;
        let steps: [&dyn Fn(&Row) -> bool; 6] = [
            &|row| exact(row) && name(row),
            &|row| exact(row) && short(row),
            &|row| exact(row) && kind(row),
            &|row| begins(row) && name(row),
            &|row| begins(row) && short(row),
            &|row| begins(row) && kind(row),
        ];
        // A doubtful row is a last resort: all steps are tried on the others first.
        [false, true].into_iter().find_map(|doubtful| {
            steps.iter().find_map(|step| {
                let mut rows: Vec<&Row> =
                    self.rows.iter().filter(|row| self.doubtful(row) == doubtful && step(row)).collect();
                rows.sort_by_key(|row| (long_gone(row), self.rank(&row.resource.group), row.resource.plural.clone()));
                let (best, others) = rows.split_first()?;
                Some(self.resolved(best, others, typed, text))
            })
        })
    }

    fn resolved(&self, best: &Row, others: &[&Row], typed: Typed<'_>, text: &str) -> Resolved {
        let ApiResource { group, plural, kind, namespaced, .. } = &best.resource;
        let mut notes = Vec::new();
        match best.origin {
            Origin::NotServed => {
                notes.push(format!("{} is not served by a current API server by itself", full_name(&best.resource)));
            }
            Origin::BuiltIn if self.doubtful(best) => notes.push(format!(
                "{} is not in the cluster's discovery data; taken from the built-in table",
                full_name(&best.resource)
            )),
            _ => {}
        }
        if let Some(version) = typed.version.filter(|v| version_rank(v) != version_rank(&best.resource.version)) {
            notes.push(format!("version `{version}` makes no difference to permissions and is left aside"));
        }
        if !others.is_empty() {
            let names: Vec<String> = others.iter().map(|row| full_name(&row.resource)).collect();
            let list = names.join(", ");
            notes.push(format!("`{text}` is taken for {}; it could also mean {list}", full_name(&best.resource)));
        }
        Resolved {
            group: group.clone(),
            resource: plural.clone(),
            kind: Some(kind.clone()),
            namespaced: Some(*namespaced),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// kubectl's fallback. The text keeps its case: the authorizer compares to the letter.
    fn to_the_letter(&self, text: &str) -> Resolved {
        let typed = readings(text).into_iter().next();
        let (resource, group) = typed.map_or((text, ""), |t| (t.resource, t.group.unwrap_or_default()));
        let known = if self.all_groups_listed { "the cluster's discovery data" } else { "the resources known" };
        let place = if group.is_empty() { "the core group".to_owned() } else { format!("group `{group}`") };
        Resolved {
            group: group.to_owned(),
            resource: resource.to_owned(),
            kind: None,
            namespaced: None,
            note: Some(format!("`{text}` is not among {known}; taken to the letter as `{resource}` in {place}")),
        }
    }
}

/// The ways to read a name with dots, the most specific first.
fn readings(typed: &str) -> Vec<Typed<'_>> {
    let Some((resource, rest)) = typed.split_once('.') else {
        return vec![Typed { resource: typed, version: None, group: None }];
    };
    let plain = Typed { resource, version: None, group: Some(rest).filter(|group| !group.is_empty()) };
    match rest.split_once('.') {
        Some((version, group)) if version_rank(version).0 > 0 && !group.is_empty() => {
            vec![Typed { resource, version: Some(version), group: Some(group) }, plain]
        }
        _ => vec![plain],
    }
}

/// `extensions` stands early in the order of groups, but a row of it that no evidence shows comes last.
fn long_gone(row: &Row) -> bool {
    row.origin == Origin::NotServed && row.resource.group == "extensions"
}

/// `resource.group`, or the bare resource with its group in words for core.
fn full_name(resource: &ApiResource) -> String {
    if resource.group.is_empty() {
        format!("`{}` of the core group", resource.plural)
    } else {
        format!("`{}.{}`", resource.plural, resource.group)
    }
}
