//! Files, read with bounds.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::Error;

/// The most octets of one file of smartctl's output. `smartctl -x --json=v` of a drive with full logs stays below 2 MiB.
pub const FILE_MAX: u64 = 8 * 1024 * 1024;

/// Reads the whole of `path`, at most [`FILE_MAX`] octets. `-` is the standard input; a pipe is read, too, so that
/// `<(smartctl ...)` works; a folder or a device is refused.
///
/// # Errors
/// [`Error::Read`], [`Error::NotAFile`] or [`Error::TooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(FILE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        let what = match () {
            () if kind.is_dir() => Some("a folder"),
            () if kind.is_block_device() || kind.is_char_device() => Some("a device"),
            () if kind.is_socket() => Some("a socket"),
            () => None,
        };
        if let Some(what) = what {
            return Err(Error::NotAFile {
                path: path.to_owned(),
                what,
            });
        }
        File::open(path)
            .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|n| n <= FILE_MAX) {
        Ok(bytes)
    } else {
        Err(Error::TooLarge {
            path: path.to_owned(),
            limit: FILE_MAX,
        })
    }
}

/// Octets as text: a byte order mark is dropped, UTF-16 (as PowerShell redirects) is converted, and what is no UTF-8
/// is replaced, since smartctl prints model names as the drive gives them.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| -> String {
        let (pairs, _) = rest.as_chunks::<2>();
        char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        all => String::from_utf8_lossy(all).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_device_and_a_missing_file_are_told_apart() {
        assert!(matches!(
            read(Path::new("/")),
            Err(Error::NotAFile { what: "a folder", .. })
        ));
        assert!(matches!(
            read(Path::new("/dev/zero")),
            Err(Error::NotAFile { what: "a device", .. })
        ));
        assert!(matches!(read(Path::new("/nowhere/at/all")), Err(Error::Read { .. })));
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        let file = File::create(&path).expect("a file");
        file.set_len(FILE_MAX).expect("a length");
        assert!(read(&path).is_ok());
        file.set_len(FILE_MAX + 1).expect("a length");
        assert!(matches!(read(&path), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn text_comes_in_several_encodings() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("ok µ".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(text(&utf16), "ok µ");
        assert_eq!(text(b"\xef\xbb\xbfok"), "ok");
        assert_eq!(text(b"o\xffk"), "o\u{fffd}k");
    }
}
