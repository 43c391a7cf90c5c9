//! The promise of at most 8 kB of code (docs/promises.md), measured on what is linked without a standard library.

use std::path::Path;
use std::process::Command;

/// Octets of code and constants that are promised.
const PROMISED: u64 = 8_000;

/// The sizes of the sections that hold code and constants, in octets (elf.h, `Elf64_Shdr`).
fn code(elf: &[u8]) -> Vec<(String, u64)> {
    let number = |at: usize, octets: usize| {
        elf[at..at + octets]
            .iter()
            .rev()
            .fold(0u64, |n, o| n << 8 | u64::from(*o))
    };
    let index = |n: u64| usize::try_from(n).expect("small");
    assert_eq!(&elf[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let (headers, size, count, names) = (
        index(number(40, 8)),
        index(number(58, 2)),
        index(number(60, 2)),
        index(number(62, 2)),
    );
    let header = |n: usize| headers + n * size;
    let strings = index(number(header(names) + 24, 8));
    (0..count)
        .map(|n| {
            let begin = strings + index(number(header(n), 4));
            let end = begin + elf[begin..].iter().position(|o| *o == 0).expect("an end");
            (
                String::from_utf8_lossy(&elf[begin..end]).into_owned(),
                number(header(n) + 32, 8),
            )
        })
        .filter(|(name, _)| name.starts_with(".text") || name.starts_with(".rodata"))
        .collect()
}

#[test]
fn it_fits_into_a_small_controller() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/footprint");
    let target = tempfile::tempdir().expect("a folder");
    let built = Command::new(env!("CARGO"))
        .current_dir(&here)
        .args(["rustc", "--quiet", "--release", "--offline", "--target-dir"])
        .arg(target.path())
        .args(["--", "-C", "link-arg=-nostdlib", "-C", "link-arg=-Wl,--gc-sections"])
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .expect("cargo runs");
    assert!(built.success());
    let elf = std::fs::read(target.path().join("release/libfootprint.so")).expect("the library");
    let sections = code(&elf);
    let sum: u64 = sections.iter().map(|(_, size)| size).sum();
    eprintln!("notifier: {sum} octets: {sections:?}");
    assert!(sum > 1_000, "the functions are there: {sections:?}");
    assert!(sum <= PROMISED, "{sum} octets: {sections:?}");
}
