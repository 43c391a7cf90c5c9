//! Unpacks the payload in one pass: a sparse file of all of it, and a file of the root inside it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::order::Order;

/// What is read at a time, and the grain of the holes in the sparse file.
const CHUNK: usize = 128 << 10;

/// The part of `chunk`, which lies at `at` in the payload, that belongs to the root.
fn of_root<'a>(chunk: &'a [u8], at: u64, order: &Order) -> &'a [u8] {
    let end = order
        .length
        .map_or(u64::MAX, |length| order.start.saturating_add(length));
    let within =
        |position: u64| usize::try_from(position.saturating_sub(at)).map_or(chunk.len(), |n| n.min(chunk.len()));
    chunk.get(within(order.start)..within(end)).unwrap_or_default()
}

/// Unpacks `packed` (zstd) into `root`, and all of it into `whole` when that is wanted.
pub(crate) fn unpack(packed: impl Read, order: &Order, root: &Path, whole: Option<&Path>) -> Result<()> {
    let create = |path: &Path| File::create(path).with_context(|| format!("cannot make {}", path.display()));
    let mut root = create(root)?;
    let mut whole = whole.map(create).transpose()?;
    let mut packed = zstd::Decoder::new(packed).context("the payload is not compressed with zstd")?;
    let mut buffer = vec![0; CHUNK];
    let (mut at, mut found) = (0_u64, 0_u64);
    loop {
        let got = fill(&mut packed, &mut buffer).context("the payload is damaged: fetch the medium anew")?;
        let chunk = buffer.get(..got).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        let part = of_root(chunk, at, order);
        root.write_all(part)
            .context("no memory for the root: at least 1 GiB is needed")?;
        found += part.len() as u64;
        if let Some(whole) = &mut whole {
            if chunk.iter().all(|&octet| octet == 0) {
                whole.seek(SeekFrom::Current(chunk.len().try_into()?))?;
            } else {
                whole
                    .write_all(chunk)
                    .context("no memory for the image: at least 1 GiB is needed")?;
            }
        }
        at += chunk.len() as u64;
    }
    if let Some(whole) = whole {
        whole.set_len(at)?;
    }
    ensure!(
        found > 0 && order.length.is_none_or(|length| length == found),
        "the payload has {found} octets of a root, not {:?}: fetch the medium anew",
        order.length
    );
    Ok(())
}

/// Reads until the buffer is full or the end is reached.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            got => have += got,
        }
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::order::Mode;

    /// An image of zeros with some octets set, a root inside it, and both as they come out.
    fn through(image: &[u8], start: usize, length: Option<usize>) -> Result<(Vec<u8>, Vec<u8>)> {
        let dir = tempfile::tempdir()?;
        let (root, whole) = (dir.path().join("root"), dir.path().join("whole"));
        let order = Order {
            mode: Mode::Installer,
            start: start as u64,
            length: length.map(|length| length as u64),
        };
        let packed = zstd::encode_all(image, 1)?;
        unpack(packed.as_slice(), &order, &root, Some(&whole))?;
        Ok((std::fs::read(root)?, std::fs::read(whole)?))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_comes_out_is_what_went_in(
            size in 1_usize..600_000,
            set in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..40),
            cut in any::<(proptest::sample::Index, proptest::sample::Index)>(),
            to_the_end in any::<bool>(),
        ) {
            let mut image = vec![0; size];
            for (at, octet) in set {
                image[at.index(size)] = octet;
            }
            let start = cut.0.index(size);
            let length = 1 + cut.1.index(size - start);
            let end = if to_the_end { size } else { start + length };
            let (root, whole) = through(&image, start, (!to_the_end).then_some(length)).expect("it is unpacked");
            prop_assert!(root == image[start..end]);
            prop_assert!(whole == image);
        }
    }

    #[test]
    fn a_root_that_is_cut_off_is_noticed() {
        assert!(through(&[7; 1000], 900, Some(200)).is_err());
        assert!(through(&[7; 1000], 2000, None).is_err());
    }

    #[test]
    fn a_damaged_payload_is_noticed() {
        let image: Vec<u8> = (0..300_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let mut packed = zstd::encode_all(image.as_slice(), 1).expect("packed");
        packed.truncate(packed.len() / 2);
        let dir = tempfile::tempdir().expect("a folder");
        let order = Order {
            mode: Mode::Recovery,
            start: 0,
            length: None,
        };
        assert!(unpack(packed.as_slice(), &order, &dir.path().join("root"), None).is_err());
    }
}
