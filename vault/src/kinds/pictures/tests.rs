//! tests

use crate::kinds::tests::records::*;
use crate::kinds::*;

#[test]
fn look() {
    for ending in ["HEIC", "MOV", "MP4", "JPG", "jpeg", "PNG", "png", "DNG", "xmp", "AAE"] {
        for (path, bytes) in all_samples("Photos", ending) {
            println!("{path}");
            let (_, records) = scanned(Format::Pictures, &bytes);
            for r in records {
                println!(
                    "  {:?} {:?} {:?} {:?} {:?} {:?}",
                    r.kind, r.place, r.user, r.date, r.warnings, r.link
                );
            }
            for f in pictures::fields(&bytes) {
                println!("    {}: {}", f.name, *f.value);
            }
        }
    }
}
