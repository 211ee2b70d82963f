//! The printable page: what somebody needs who finds the drive years later, the recovery code
//! among it as text and as a QR code. One HTML file that loads nothing.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use fast_qr::qr::QRBuilder;
use vault::id::hex;
use vault::vault::RecoveryCode;
use zeroize::Zeroizing;

use crate::errors::{Code, Failure, Result};
use crate::session::{self, Session};
use crate::ui::{self, Ui};

/// An empty file that the page will be written into; goes away when it is not.
pub(crate) struct Kit {
    path: PathBuf,
    file: Option<File>,
}

impl Kit {
    /// Makes the file, for its owner alone, where nothing is yet and not in the vault.
    pub(crate) fn create(path: &Path, vault: &Path) -> Result<Self> {
        let what = path.display();
        if is_inside(path, vault) {
            let failure = Failure::usage(format!("{what} would lie in the vault it opens"));
            return Err(failure.hint("give a place outside of it, print the page, delete the file"));
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| {
            Failure::new(Code::Failed, format!("making the page {what}: {error}"))
                .hint("it is never written over a file that is there")
        })?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Writes the page.
    pub(crate) fn write(mut self, session: &Session, code: &RecoveryCode, ui: &Ui) -> Result<()> {
        let shown = self.path.display().to_string();
        let failed = |error: std::io::Error| {
            Failure::new(Code::Failed, format!("writing the page {shown}: {error}"))
                .hint("the recovery code above is what counts: write it down")
        };
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let text = page(session, code)?;
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
            self.file = Some(file);
            return Err(failed(error));
        }
        ui.summary(format!("page to print: {}", ui::escape(&shown)))?;
        ui.warn("who has this page opens the vault: print it, then delete the file");
        ui.hint("not beside the vault, and not in a folder that is synced");
        Ok(())
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        if self.file.is_some() {
            // What is left is empty or cut short, and of no use.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Whether a file that is to be made lies in a folder that may not be there yet.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| -> PathBuf {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let there = path.ancestors().find_map(|above| {
            let rest = path.strip_prefix(above).ok()?;
            Some(above.canonicalize().ok()?.join(rest))
        });
        there.unwrap_or(path)
    };
    real(path).starts_with(real(folder))
}

fn page(session: &Session, code: &RecoveryCode) -> Result<Zeroizing<String>> {
    let vault = &session.vault;
    let path = std::path::absolute(&session.path).unwrap_or_else(|_| session.path.clone());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let head = vault.head().map(|head| head.code).unwrap_or_default();
    let rows = [
        ("Name", name.into_owned()),
        ("Vault", vault.id().to_string()),
        ("Page made", ui::moment(session::now())),
        ("Head code then", head),
        ("Fingerprint", hex(&vault.fingerprint())),
    ];
    // Reserved whole, so that no reallocation leaves the code behind.
    let mut page = Zeroizing::new(String::with_capacity(64 << 10));
    page.push_str(BEGIN);
    for (title, value) in rows {
        let (title, value) = (html(title), html(&ui::escape(&value)));
        push(&mut page, format_args!("<tr><th>{title}</th><td>{value}</td></tr>\n"));
    }
    page.push_str("</table>\n<div class=\"code\">\n<p class=\"text\">");
    page.push_str(code.as_str());
    page.push_str("</p>\n");
    push_qr(&mut page, code)?;
    page.push_str(END);
    Ok(page)
}

/// The QR code as paths of black squares, row by row, with the four free squares around it that
/// the standard asks.
fn push_qr(page: &mut String, code: &RecoveryCode) -> Result<()> {
    let qr = QRBuilder::new(code.as_str())
        .build()
        .map_err(|_| Failure::new(Code::Failed, "the recovery code fits into no QR code"))?;
    let size = qr.size.saturating_add(8);
    push(page, format_args!("<svg viewBox=\"0 0 {size} {size}\" role=\"img\"><path d=\""));
    let modules = qr.data.chunks(qr.size).take(qr.size);
    for (y, row) in modules.enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, module)| module.value()) {
            push(page, format_args!("M{} {}h1v1h-1z", x.saturating_add(4), y.saturating_add(4)));
        }
    }
    page.push_str("\"/></svg>\n");
    Ok(())
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes all text");
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const BEGIN: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>How to open this vault</title>
<style>
@page { margin: 15mm }
body { font: 10.5pt/1.4 sans-serif; max-width: 175mm; margin: 0 auto; color: #000; background: #fff }
h1 { font-size: 17pt; margin: 0 0 2mm } h2 { font-size: 12pt; margin: 5mm 0 1mm }
p { margin: 1mm 0 } th { text-align: left; padding-right: 5mm; font-weight: normal }
td, pre, .text { font-family: monospace } td { font-size: 9pt; overflow-wrap: anywhere }
pre { margin: 1mm 0 1mm 5mm; font-size: 9pt; white-space: pre-wrap }
.code { display: flex; gap: 8mm; align-items: center; border: 1pt solid; padding: 3mm; margin: 3mm 0; break-inside: avoid }
.text { font-size: 14pt; font-weight: bold; flex: 1 } svg { width: 40mm; height: 40mm }
.line { border-bottom: 0.5pt solid #888; height: 8mm }
</style>
</head>
<body>
<h1>How to open this vault</h1>
<p>An encrypted folder made with icvault: exports of passwords, photos, contacts, mail, documents.
Keep this page as you keep a will, not with the drive. Delete the file it was printed from.</p>
<table>
"#;

const END: &str = r#"</div>
<p>This is the <b>recovery code</b>. It opens everything. Capitals, blanks and dashes do not matter to icvault;
the QR code holds the same text.</p>
<h2>With icvault</h2>
<pre>icvault -V FOLDER list
icvault -V FOLDER extract -o OUT</pre>
<p>and type the recovery code, or the passphrase, when it asks.</p>
<h2>Without icvault</h2>
<p>With Python 3 and the programs <code>age</code> and <code>zstd</code>, typing the code exactly as it stands
here; FORMAT.txt in the folder explains the rest:</p>
<pre>python3 FOLDER/reader.py extract -p FOLDER -o OUT
age -d FOLDER/keys/a/r-* > keys.txt
age -d -i keys.txt FOLDER/packs/XX/NAME | zstd -d</pre>
<h2>Is it all there?</h2>
<pre>icvault -V FOLDER check --head HEAD-CODE --read-data</pre>
<p>says whether the folder is whole and at least as new as the head code above, or a newer one noted here:</p>
<p class="line"></p>
<h2>Where the drives are</h2>
<p class="line"></p><p class="line"></p><p class="line"></p>
<h2>Whom to ask</h2>
<p class="line"></p>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_html() {
        assert_eq!(html("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn a_page_in_the_vault_is_told_from_one_beside_it() {
        let temp = tempfile::tempdir().unwrap();
        let vault = temp.path().join("v.icvault");
        for (path, inside) in [
            ("v.icvault/kit.html", true),
            ("v.icvault/../v.icvault/a/kit.html", true),
            ("kit.html", false),
            ("v.icvault.html", false),
        ] {
            // Before and after the folder is there.
            drop(fs::remove_dir_all(&vault));
            assert_eq!(is_inside(&temp.path().join(path), &vault), inside, "{path}");
            fs::create_dir_all(vault.join("a")).unwrap();
            assert_eq!(is_inside(&temp.path().join(path), &vault), inside, "{path}");
        }
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(&vault, &link).unwrap();
        assert!(is_inside(&link.join("kit.html"), &vault));
        assert!(is_inside(&vault.join("kit.html"), &link));
    }
}
