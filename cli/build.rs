//! Puts the sample exports into the program, so that `icvault tour` works anywhere.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const SAMPLES: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];

fn main() -> io::Result<()> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
    let data = folder("CARGO_MANIFEST_DIR")?.join("../tests/data").canonicalize()?;
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = String::from("&[\n");
    for sample in SAMPLES {
        println!("cargo::rerun-if-changed={}", data.join(sample).display());
        list(&data, Path::new(sample), &mut table)?;
    }
    table.push(']');
    fs::write(folder("OUT_DIR")?.join("sample.rs"), table)
}

/// A row for every file and link below `path`, in the order of their names.
fn list(data: &Path, path: &Path, table: &mut String) -> io::Result<()> {
    let mut names = fs::read_dir(data.join(path))?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = path.join(name);
        let place = data.join(&path);
        let file_type = fs::symlink_metadata(&place)?.file_type();
        if file_type.is_dir() {
            list(data, &path, table)?;
            continue;
        }
        let row = if file_type.is_symlink() {
            format!("Sample::Link({:?})", text(&fs::read_link(&place)?)?)
        } else {
            format!("Sample::File(include_bytes!({:?}))", text(&place)?)
        };
        writeln!(table, "    ({:?}, {row}),", text(&path)?).map_err(io::Error::other)?;
    }
    Ok(())
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("a sample's name is not UTF-8"))
}
