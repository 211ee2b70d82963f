//! Seeds of one-time passwords: lists of `otpauth:` addresses, and the codes they make (RFC 6238).

use ring::hmac;
use zeroize::Zeroizing;

use super::parts::{OTP, Parts, TITLE, USER};
use crate::kinds::Kind;

/// Longest address that is looked at; none that a person has is near it.
const ADDRESS_MAX: usize = 64 << 10;
const PERIOD_MAX: u64 = 86_400;

/// The one-time password that `seed` makes at a time in seconds since 1970, and how many seconds
/// it has left. `seed` is an `otpauth://totp/` address or a bare seed in Base32.
///
/// # Errors
/// Why there is none, in words that hold nothing of the seed.
pub fn code(seed: &str, unix_seconds: u64) -> Result<(Zeroizing<String>, u64), &'static str> {
    let otp = Otp::parse(seed)?;
    let key = hmac::Key::new(otp.algorithm, &otp.seed);
    #[expect(clippy::big_endian_bytes, reason = "RFC 4226 counts so")]
    let tag = hmac::sign(&key, &(unix_seconds / otp.period).to_be_bytes());
    let from = tag.as_ref().last().map_or(0, |last| usize::from(last & 15));
    let four = tag.as_ref().get(from..).and_then(|bytes| bytes.first_chunk::<4>());
    let number = four.into_iter().flatten().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let number = (number & 0x7fff_ffff) % 10_u32.pow(otp.digits);
    let width = if otp.digits == 8 { 8 } else { otp.digits as usize };
    let left = otp.period - unix_seconds % otp.period;
    Ok((Zeroizing::new(format!("{number:0width$}")), left))
}

/// A seed as something that imports a list of logins wants it: an address. A bare seed gets one
/// with this label; what is neither has none.
pub(super) fn address(seed: &str, label: &str) -> Option<Zeroizing<String>> {
    if is_address(seed) {
        return Some(Zeroizing::new(seed.to_owned()));
    }
    Otp::parse(seed).ok()?;
    let bare: Zeroizing<String> = Zeroizing::new(seed.split([' ', '-']).collect());
    let bare = bare.trim_end_matches('=');
    Some(Zeroizing::new(format!("otpauth://totp/{}?secret={bare}", escape(label))))
}

/// Whether a line is a seed.
pub(super) fn is_address(line: &str) -> bool {
    ["otpauth://", "otpauth-migration://"]
        .iter()
        .any(|scheme| line.get(..scheme.len()).is_some_and(|x| x.eq_ignore_ascii_case(scheme)))
}

/// What an address says of itself: who issued it, and to whom.
pub(super) fn parts(address: &str) -> Parts {
    let mut parts = Parts::new(Kind::Passwords);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let label = path.splitn(4, '/').nth(3).map(unescape).unwrap_or_default();
    let (mut issuer, user) = match label.split_once(':') {
        Some((issuer, user)) => (issuer.to_owned(), user.trim_start()),
        None => (String::new(), label.as_str()),
    };
    if let Some(given) = value(query, "issuer").filter(|_| issuer.is_empty()) {
        issuer = unescape(given).to_string();
    }
    parts.push(
        TITLE,
        match (issuer.is_empty(), user.is_empty()) {
            (false, false) => Zeroizing::new(format!("{issuer} ({user})")),
            (false, true) => Zeroizing::new(issuer.clone()),
            (true, _) => Zeroizing::new(user.to_owned()),
        },
    );
    parts.push(USER, Zeroizing::new(user.to_owned()));
    parts.push(OTP, Zeroizing::new(address.to_owned()));
    parts.place = Some(issuer);
    parts
}

/// All but letters, digits and `-._~` as `%XX`.
pub(super) fn escape(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

struct Otp {
    seed: Zeroizing<Vec<u8>>,
    algorithm: hmac::Algorithm,
    digits: u32,
    period: u64,
}

impl Otp {
    fn parse(seed: &str) -> Result<Self, &'static str> {
        if seed.len() > ADDRESS_MAX {
            return Err("the seed is too long");
        }
        let mut otp = Self {
            seed: Zeroizing::new(Vec::new()),
            algorithm: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            digits: 6,
            period: 30,
        };
        let Some((path, query)) = split_address(seed) else {
            if seed.contains("://") {
                return Err("the address is of another sort");
            }
            otp.seed = base32(seed)?;
            return Ok(otp);
        };
        if !path.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("totp/")) {
            return Err("its codes are counted, not timed");
        }
        otp.seed = base32(&unescape(value(query, "secret").ok_or("the address has no seed")?))?;
        if let Some(algorithm) = value(query, "algorithm") {
            otp.algorithm = match algorithm.to_ascii_uppercase().replace("HMAC", "").as_str() {
                "SHA1" | "SHA-1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                "SHA256" | "SHA-256" => hmac::HMAC_SHA256,
                "SHA512" | "SHA-512" => hmac::HMAC_SHA512,
                _ => return Err("the algorithm is not known"),
            };
        }
        if let Some(digits) = value(query, "digits") {
            let digits = digits.parse().ok().filter(|digits| (6..=8).contains(digits));
            otp.digits = digits.ok_or("the number of digits is not 6 to 8")?;
        }
        if let Some(period) = value(query, "period") {
            let period = period.parse().ok().filter(|period| (1..=PERIOD_MAX).contains(period));
            otp.period = period.ok_or("the period makes no sense")?;
        }
        Ok(otp)
    }
}

/// What stands behind the scheme, and the query.
fn split_address(text: &str) -> Option<(&str, &str)> {
    let scheme = "otpauth://";
    text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
    let rest = text.get(scheme.len()..)?;
    Some(rest.split_once('?').unwrap_or((rest, "")))
}

/// The value of a name in a query, as it stands there.
fn value<'a>(query: &'a str, wanted: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    })
}

/// `%XX` as bytes; what is not UTF-8 then is left as it is.
fn unescape(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.first_chunk::<2>().filter(|_| byte == b'%');
        let decoded = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Zeroizing::new(str::from_utf8(&bytes).unwrap_or(text).to_owned())
}

/// RFC 4648 with the liberties people take: small letters, blanks and dashes between groups, no
/// padding. Bits behind the last byte do not count.
fn base32(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let five = match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err("the seed is not Base32"),
        };
        bits = (bits & 0x7f) << 5 | u32::from(five);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    if bytes.is_empty() { Err("the seed is empty") } else { Ok(bytes) }
}
