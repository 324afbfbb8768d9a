//! p
pub(crate) fn check(_d: &std::path::Path) -> Result<String, String> { Ok(String::new()) }
