//! The names under which exports keep secrets, in header rows and in keys of objects.
//!
//! A name is compared after [`plain`]: `One-time password`, `one_time_password` and
//! `OneTimePassword` are one word.

/// Longest name that is looked at, in bytes; no export has one near it.
pub(super) const NAME_MAX: usize = 256;

/// Longest name that ends in `password` and is the name of one.
const PASSWORD_MAX: usize = 20;

/// Names of which nobody doubts what they hold.
const PASSWORDS: &[&str] = &[
    "kennwort",
    "passwd",
    "passwort",
    "pwd",
    "passphrase",
    "passcode",
    "otpauth",
    "otpurl",
    "otpuri",
    "otpsecret",
    "totp",
    "totpsecret",
    "totpurl",
    "totpuri",
    "logintotp",
    "twofactorsecret",
    // Other languages, with and without composed letters.
    "adgangskode",
    "contrasena",
    "contraseña",
    "haslo",
    "hasło",
    "heslo",
    "jelszo",
    "jelszó",
    "losenord",
    "lösenord",
    "motdepasse",
    "palavrapasse",
    "parola",
    "passord",
    "salasana",
    "senha",
    "wachtwoord",
    "şifre",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
    "암호",
];

/// Names that hold a secret beside the name of a login, and anything else elsewhere.
const PERHAPS: &[&str] =
    &["pass", "pin", "secret", "secretkey", "otp", "onetimecode", "authenticatorkey", "seed"];

/// Names that say whose secret it is, or for what.
const LOGINS: &[&str] = &[
    "account",
    "email",
    "emailaddress",
    "host",
    "hostname",
    "issuer",
    "login",
    "loginname",
    "loginuri",
    "loginurl",
    "loginusername",
    "origin",
    "server",
    "service",
    "site",
    "ssid",
    "uri",
    "url",
    "urls",
    "user",
    "userid",
    "username",
    "website",
    "encryptedusername",
];

/// Names that name the thing itself.
const TITLES: &[&str] = &["title", "name", "label", "itemname"];

/// Names of the number of a payment card.
pub(super) const CARD_NUMBERS: &[&str] = &[
    "cardnumber",
    "cardno",
    "ccnumber",
    "creditcardnumber",
    "kartennummer",
    "numerodecarte",
    "numerodetarjeta",
];

const CARD_DETAILS: &[&str] = &[
    "brand",
    "cardholder",
    "cardholdername",
    "cardexpirationmonth",
    "cardexpirationyear",
    "cardname",
    "code",
    "cvc",
    "cvn",
    "cvv",
    "expdate",
    "expiration",
    "expirationdate",
    "expirationmonth",
    "expirationyear",
    "expiry",
    "expirydate",
    "expmonth",
    "expyear",
    "nameoncard",
    "securitycode",
    "validthru",
    "verificationcode",
    "verificationnumber",
];

/// A name in lower case, letters and digits only, without digits at its end.
pub(super) fn plain(name: &str) -> String {
    let mut plain: String =
        name.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    // `Password 1` is a password, and `cvv2` a cvv.
    plain.truncate(plain.trim_end_matches(|char: char| char.is_ascii_digit()).len());
    plain
}

/// It names a password or the seed of one.
pub(super) fn is_password(plain: &str) -> bool {
    // `login_password`, `Web Password`, `encryptedPassword`, `One-time password`; what is longer
    // is a sentence.
    plain.ends_with("password") && plain.len() <= PASSWORD_MAX || PASSWORDS.contains(&plain)
}

/// It names a secret if a login stands beside it.
pub(super) fn is_perhaps_secret(plain: &str) -> bool {
    PERHAPS.contains(&plain)
}

/// It names a user, a place to log in at, or both.
pub(super) fn is_login(plain: &str) -> bool {
    LOGINS.contains(&plain)
}

/// It names the thing itself.
pub(super) fn is_title(plain: &str) -> bool {
    TITLES.contains(&plain)
}

/// It names the number of a payment card.
pub(super) fn is_card_number(plain: &str) -> bool {
    CARD_NUMBERS.contains(&plain)
}

/// It names what stands beside the number of a payment card.
pub(super) fn is_card_detail(plain: &str) -> bool {
    CARD_DETAILS.contains(&plain)
}
