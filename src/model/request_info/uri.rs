//! Request URIs as Go's HTTP server takes them: what is an error, how `%` and `+` decode, which query
//! pairs are dropped. A general URL crate decides several of these differently.

/// Splits a URI into its decoded path and its raw query, or says why no server would take it.
pub(super) fn split(uri: &str) -> Result<(String, &str), &'static str> {
    if uri.is_empty() {
        return Err("is empty");
    }
    if uri.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err("holds a control character");
    }
    let (scheme, rest) = split_scheme(uri)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match (scheme, rest.strip_prefix("//")) {
        (true, Some(authority)) => authority.find('/').and_then(|at| authority.get(at..)).unwrap_or_default(),
        _ if rest.starts_with('/') || uri == "*" => rest,
        (true, _) => "",
        (false, _) => return Err("does not start with `/`"),
    };
    Ok((decode(path, false).ok_or("holds a `%` that two hex digits do not follow")?, query))
}

/// Whether the URI starts with a scheme, and what follows it.
fn split_scheme(uri: &str) -> Result<(bool, &str), &'static str> {
    let end = uri.bytes().position(|b| !(b.is_ascii_alphanumeric() || b"+-.".contains(&b)));
    let starts_with_letter = uri.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    match end.and_then(|at| uri.get(at..)).and_then(|rest| rest.strip_prefix(':')) {
        Some(_) if end == Some(0) => Err("has no scheme before its `:`"),
        Some(rest) if starts_with_letter => Ok((true, rest)),
        _ => Ok((false, uri)),
    }
}

/// Undoes percent-encoding, and `+` for a space where `plus` says so. Bytes that are no UTF-8 become one
/// U+FFFD each, as in the audit log. `None` when a `%` is not followed by two hex digits.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)?.checked_mul(16)?.checked_add(hex(rest.next()?)?)?,
            b'+' if plus => b' ',
            other => other,
        });
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// All decoded pairs of a raw query, in order. Pairs that hold `;` or do not decode are dropped, as the
/// API server drops them.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(key, true)?, decode(value, true)?))
    })
}

/// What the API server makes of a boolean parameter: anything but `0` and `false` is true, the empty
/// value included.
pub(super) fn is_true(value: &str) -> bool {
    value != "0" && !value.eq_ignore_ascii_case("false")
}

/// All values of a query parameter of `uri`, decoded, in order: for `dryRun`, `labelSelector` and so on.
pub fn query_values(uri: &str, key: &str) -> Vec<String> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    pairs(query).filter(|(k, _)| k == key).map(|(_, value)| value).collect()
}

/// The first value of a query parameter of `uri`, decoded; it is the one that counts. A parameter without
/// a value is `Some("")`.
pub fn query_param(uri: &str, key: &str) -> Option<String> {
    query_values(uri, key).into_iter().next()
}

/// A boolean query parameter (`watch`, `force`, …) as the API server reads it; `None` when it is not given.
pub fn flag(uri: &str, key: &str) -> Option<bool> {
    query_param(uri, key).map(|value| is_true(&value))
}
