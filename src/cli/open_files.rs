//! How many files may be open at once. A merge of a thousand parts, or a question to a case of thousands of files, holds
//! more of them open than most systems grant a program that does not ask; up to a limit of theirs it is granted.

/// Asks for as many open files as the system grants. Where it grants no more, the file that cannot be opened tells.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit() {}
