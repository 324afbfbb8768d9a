//! Subjects on the command line: one identity, or a pattern over the subjects of bindings.

use clap::Args;

use crate::answer::subject::{self, Mode, SubjectError, Wanted};
use crate::authz::{Authorizer, SubjectRef, SubjectSelector, When};

/// A subject or a pattern of subjects; without one, all subjects are meant.
#[derive(Debug, Args)]
pub struct PatternArgs {
    /// `user/NAME`, `group/NAME`, `serviceaccount/NS:NAME`, `NS:NAME`, a user name, or a part of names
    subject: Option<String>,
    /// Only names that equal it
    #[arg(long, conflicts_with = "regex", requires = "subject")]
    exact: bool,
    /// It is a regular expression
    #[arg(long, requires = "subject")]
    regex: bool,
    /// Only this kind of subject
    #[arg(long, value_parser = ["user", "group", "serviceaccount"], ignore_case = true)]
    kind: Option<String>,
    /// A further group of the user
    #[arg(long = "as-group", value_name = "GROUP", requires = "subject", conflicts_with_all = ["exact", "regex"])]
    groups: Vec<String>,
}

impl PatternArgs {
    /// The subject as typed.
    pub fn typed(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The kind, if one was chosen.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The subject as understood.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn wanted(&self, authorizer: &Authorizer, when: When) -> Result<Wanted, SubjectError> {
        let Some(typed) = &self.subject else { return Ok(Wanted::Everything) };
        let mode = match (self.exact, self.regex) {
            (true, _) => Mode::Exact,
            (_, true) => Mode::Regex,
            _ => Mode::Smart,
        };
        let known = |name: &str| {
            let named = |s: &SubjectRef| *s.name == *name;
            !authorizer.rights(SubjectSelector::Matching(&named), when).rows.is_empty()
        };
        subject::wanted(typed, mode, &self.groups, &known)
    }
}

/// Exactly one subject.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// A user name, `NS:NAME` of a service account, or `user/NAME`, `group/NAME`, `serviceaccount/NS:NAME`
    subject: String,
    /// A further group of the user
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,
}

impl OneArgs {
    /// The subject as typed.
    pub fn typed(&self) -> &str {
        &self.subject
    }

    /// The subject as understood.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn wanted(&self) -> Result<Wanted, SubjectError> {
        subject::one(&self.subject, &self.groups)
    }
}
