//! What openssl says of certificates and stores, beside what the engine says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use vault::kinds::certificates::{Certificate, open_p12, rewrap_p12};

const CERTIFICATES: &[&str] = &[
    "data/icloud-export/Certificates/Example Family Root CA.cer",
    "data/icloud-export/Certificates/Old VPN.crt",
    "data/icloud-export/Certificates/jordan.der",
    "vectors/kinds/cert.der",
    "vectors/kinds/weak.der",
];

#[test]
fn openssl_reads_the_same_from_a_certificate() {
    for name in CERTIFICATES {
        let path = tests().join(name);
        let parsed = Certificate::parse(&fs::read(&path).unwrap()).unwrap();
        let said = openssl(
            &["x509", "-inform", "DER", "-noout", "-subject", "-issuer", "-serial", "-dates"]
                .into_iter()
                .chain(["-dateopt", "iso_8601", "-fingerprint", "-sha256"])
                .chain(["-nameopt", "RFC2253,utf8,-esc_msb", "-in", path.to_str().unwrap()])
                .collect::<Vec<_>>(),
            b"",
        );
        let said = String::from_utf8(said).unwrap();
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap().to_owned()
        };
        // RFC 4514 has no short form for this one.
        let subject = value("subject").replace("emailAddress=", "EMAIL=");
        assert_eq!(parsed.subject, subject, "{name}");
        assert_eq!(parsed.issuer, value("issuer"), "{name}");
        assert_eq!(parsed.serial, value("serial"), "{name}");
        let hex: Vec<_> = parsed.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex.join(":"), value("sha256 Fingerprint"), "{name}");
        for (seconds, name) in [(parsed.not_before, "notBefore"), (parsed.not_after, "notAfter")] {
            let date = Command::new("date").args(["-u", "+%s", "-d", &value(name)]).output();
            let said = String::from_utf8(date.unwrap().stdout).unwrap();
            assert_eq!(seconds.to_string(), said.trim());
        }
    }
}

#[test]
fn openssl_opens_a_store_that_was_wrapped_anew() {
    for (name, password) in [
        ("Keys/Jordan Example.p12", "correct horse"),
        ("Keys/www.example.com.pfx", "battery staple"),
    ] {
        let old = fs::read(tests().join("data/icloud-export").join(name)).unwrap();
        let new = rewrap_p12(&old, password, "another one").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.p12");
        fs::write(&path, &new).unwrap();
        let path = path.to_str().unwrap();
        let pem = openssl(&["pkcs12", "-in", path, "-noenc", "-passin", "stdin"], b"another one\n");
        let pem = String::from_utf8(pem).unwrap();
        let entries = open_p12(&old, password).unwrap();
        let certificates = entries.iter().filter(|entry| entry.certificate.is_some()).count();
        let keys = entries.iter().filter(|entry| entry.key.is_some()).count();
        assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), certificates, "{name}");
        assert_eq!(pem.matches("BEGIN PRIVATE KEY").count(), keys, "{name}");
        assert_eq!((keys, certificates > 0), (1, true));
        let key = openssl(&["pkey", "-outform", "DER"], pem.as_bytes());
        let plain = entries.iter().find_map(|entry| entry.key.as_ref()).unwrap();
        let plain = openssl(&["pkey", "-inform", "DER", "-outform", "DER"], plain);
        assert!(key == plain, "{name}");
    }
}

fn tests() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// What openssl prints when it is given `input`.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not want it all has closed its end.
    child.stdin.take().unwrap().write_all(input).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}
