//! What there is to tell about the box.

use std::io::Read as _;
use std::path::Path;

use slots::{Entry, Esp, Slot};

/// The start of the word in a kernel image's command line that says its version.
const VERSION_WORD: &[u8] = b"spanwatch.version=";
/// The longest version that is shown.
const VERSION_MAX: usize = 40;
/// The largest kernel image that is looked through.
const KERNEL_MAX: u64 = 64 << 20;

/// The version that a slot's kernel image names in its command line; none where it cannot be read.
#[must_use]
pub fn version(kernel: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(kernel).ok()?;
    file.take(KERNEL_MAX).read_to_end(&mut bytes).ok()?;
    let at = bytes
        .windows(VERSION_WORD.len())
        .position(|part| part == VERSION_WORD)?;
    let rest = bytes.get(at + VERSION_WORD.len()..)?;
    let version: Vec<u8> = rest
        .iter()
        .copied()
        .take(VERSION_MAX)
        .take_while(u8::is_ascii_graphic)
        .collect();
    String::from_utf8(version).ok().filter(|version| !version.is_empty())
}

/// A slot in words: its version and whether it starts, and why it does not.
#[must_use]
pub fn slot(esp: &Esp, slot: Slot, version: Option<&str>) -> String {
    let Some(entry) = esp.kernel(slot) else {
        return format!("slot {slot}: empty");
    };
    let version = version.unwrap_or("unknown");
    format!("slot {slot}: version {version}, {}", fate(entry))
}

fn fate(entry: &Entry) -> String {
    match entry.tries_left {
        None => "starts".to_owned(),
        Some(0) if entry.generation == 0 => {
            "bad: it was left for the other slot, or an installation into it was cut off".to_owned()
        }
        Some(0) => format!(
            "bad: started {} times without having proved itself",
            entry.tries_done.max(slots::TRIES)
        ),
        Some(left) => format!("starts ({left} tries left)"),
    }
}

/// The serial numbers of the board and of what the factory wrote, as far as there are any.
#[must_use]
pub fn serial_numbers(sys: &Path, identity: Option<&Path>) -> Vec<String> {
    let text = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        let line: String = text
            .lines()
            .next()?
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        (!line.trim().is_empty()).then(|| line.trim().to_owned())
    };
    let dmi = sys.join("class/dmi/id");
    let mut found = Vec::new();
    for (name, file) in [("product", "product_name"), ("serial number (board)", "product_serial")] {
        found.extend(text(&dmi.join(file)).map(|value| format!("{name}: {value}")));
    }
    if let Some(identity) = identity {
        let kept = ["serial", "serial-number"]
            .iter()
            .find_map(|file| text(&identity.join(file)));
        found.extend(kept.map(|value| format!("serial number (factory): {value}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_with_why_they_do_not_start() {
        let esp = Esp::of(["spanwatch-000003-b+0-3.efi", "spanwatch-000000-a+0.efi"]);
        assert!(slot(&esp, Slot::B, Some("0.2.0")).contains("version 0.2.0, bad: started 3 times"));
        assert!(slot(&esp, Slot::A, None).contains("unknown, bad: it was left"));
        let good = Esp::of(["spanwatch-000003-b+2-1.efi"]);
        assert_eq!(
            slot(&good, Slot::B, Some("1.0.0")),
            "slot B: version 1.0.0, starts (2 tries left)"
        );
        assert_eq!(slot(&good, Slot::A, None), "slot A: empty");
    }

    #[test]
    fn a_kernel_image_names_its_version() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("kernel");
        std::fs::write(&file, b"MZ\0\0rauc.slot=A spanwatch.version=0.2.0-rc1 spanwatch.end=0").expect("a file");
        assert_eq!(version(&file).as_deref(), Some("0.2.0-rc1"));
        std::fs::write(&file, b"spanwatch.version= x").expect("a file");
        assert_eq!(version(&file), None);
        assert_eq!(version(&dir.path().join("nothing")), None);
    }

    #[test]
    fn serial_numbers_are_shown_where_there_are_any() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(serial_numbers(dir.path(), None).is_empty());
        std::fs::create_dir_all(dir.path().join("class/dmi/id")).expect("folders");
        std::fs::write(dir.path().join("class/dmi/id/product_serial"), "ABC\u{1b}[1m\n").expect("a file");
        std::fs::write(dir.path().join("serial"), "SW-1\n").expect("a file");
        let found = serial_numbers(dir.path(), Some(dir.path()));
        assert_eq!(
            found,
            ["serial number (board): ABC[1m", "serial number (factory): SW-1"]
        );
    }
}
