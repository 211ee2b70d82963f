//! Addresses of pages and services: where they lead, for a list.

use super::text;

/// Longest place that is told, in bytes.
const PLACE_MAX: usize = 200;

/// The host that an address names behind its scheme; empty if it names none.
pub(super) fn place(url: &str) -> String {
    let (scheme, _) = url.split_once("://").unwrap_or_default();
    let is_part = |char: char| char.is_ascii_alphanumeric() || "+-.:".contains(char);
    // A script or data may hold the address of something else.
    let has_host = !scheme.is_empty() && scheme.trim().chars().all(is_part);
    let host = if has_host { host(url) } else { String::new() };
    text::in_line(&host, PLACE_MAX)
}

/// The host of an address as logins are told apart by it: in lower case, without `www.` and
/// without the port that goes without saying. Another port stays: what answers there is another
/// service. The path goes, since sign-in pages move.
pub(super) fn host(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    // A password may stand before the `@`.
    let host = authority.rsplit('@').next().unwrap_or_default().to_lowercase();
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" | "" => ":443",
        _ => "",
    };
    let host = if port.is_empty() { &host } else { host.strip_suffix(port).unwrap_or(&host) };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}
