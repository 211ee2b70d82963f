//! What the process gives up before it sees a secret: core dumps, being traced, and messages of a
//! panic. Freed memory is wiped by the allocator.

use std::alloc::System;
use std::io::Write as _;
use std::panic;

use rustix::process::{Resource, Rlimit, setrlimit};
use zeroizing_alloc::ZeroAlloc;

/// Buffers of codecs and ciphers hold plaintext too, and nobody else would wipe them.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// To be called before anything else. What a system does not offer is left out: none of this is
/// what keeps a secret from somebody who is root.
pub(crate) fn harden() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // The payload of a panic may hold what was being worked on.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |place| {
            format!(" ({}:{}:{})", place.file(), place.line(), place.column())
        });
        drop(writeln!(
            std::io::stderr(),
            "error: icvault made a mistake and stopped{place}\n\
             hint: the vault is as it was; please report the place named above"
        ));
    }));
}
