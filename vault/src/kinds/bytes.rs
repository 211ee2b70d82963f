//! Small readings of byte slices that several families share; none can reach outside.

/// Whether `bytes` begins with `prefix`, ASCII letters compared without case.
pub(super) fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Where `needle` first stands in `bytes`, ASCII letters compared without case.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (upper, lower) = match needle.first() {
        Some(first) => (first.to_ascii_uppercase(), first.to_ascii_lowercase()),
        None => return Some(0),
    };
    bytes.iter().enumerate().find_map(|(at, &byte)| {
        let here = (byte == upper || byte == lower) && begins(tail(bytes, at), needle);
        here.then_some(at)
    })
}

/// Whether `needle` stands in `bytes`, ASCII letters compared without case.
pub(super) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}

/// The bytes from `at` on; none when that is behind the end.
pub(super) fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// At most `count` leading bytes.
pub(super) fn start(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(..count).unwrap_or(bytes)
}

/// The first line without its end, and what follows it. CR, LF and any run of CR before LF end
/// a line; at the end of the bytes the line is what is there.
pub(super) fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
        return (bytes, &[]);
    };
    let (line, ends) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    let returns = ends.iter().take_while(|byte| **byte == b'\r').count();
    let rest = tail(ends, returns);
    match rest.strip_prefix(b"\n") {
        Some(rest) => (line, rest),
        // Without LF each CR ends a line of its own.
        None => (line, tail(ends, 1)),
    }
}

/// The number in `count` bytes at `at`, most significant first.
pub(super) fn number_big(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = tail(bytes, at).get(..count)?;
    Some(field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The number in `count` bytes at `at`, least significant first.
pub(super) fn number_little(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = tail(bytes, at).get(..count)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
