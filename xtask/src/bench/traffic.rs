//! Captures to measure with, the same each time.

use std::io::{self, Write};

use meter::craft::{Conversation, Ends, Mix};

pub(super) use meter::craft::Random;

/// Frames in a capture.
pub(crate) const FRAMES: u32 = 1_500_000;

/// Writes the traffic of a busy link: see [`Mix`].
pub(crate) fn write(out: &mut impl Write) -> io::Result<()> {
    header(out)?;
    let mut mix = Mix::new(0x5eed_0f5e_ed0f_5eed);
    for _ in 0..FRAMES {
        let frame = mix.next_frame();
        packet(out, frame.micros, frame.octets)?;
    }
    Ok(())
}

/// Writes frames of 64 octets, their checksum included, which captures leave out: TCP without payload, of 50,000
/// conversations whose popularity follows Zipf's law.
pub(crate) fn write_small(out: &mut impl Write) -> io::Result<()> {
    header(out)?;
    let mut random = Random::new(0x64);
    let mut conversations: Vec<Option<Conversation>> = vec![None; 50_000];
    let mut frame = Vec::new();
    for number in 0..FRAMES {
        let which = random.zipf(50_000);
        frame.clear();
        match conversations.get_mut(which as usize) {
            Some(Some(known)) => known.frame(random.below(2) == 0, 16, &[], &mut frame),
            Some(place) => {
                #[allow(clippy::cast_possible_truncation, reason = "a port")]
                let port = (1_024 + which % 60_000) as u16;
                let ends = Ends::numbered(6, which, port, which.wrapping_mul(2_654_435_761), 443, false);
                let new = place.insert(Conversation::new(ends, [which, !which]));
                new.frame(true, 2, &[], &mut frame);
            }
            None => {}
        }
        packet(out, u64::from(number) * 10, &frame)?;
    }
    Ok(())
}

/// Of a pcap file: microseconds, Ethernet.
fn header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0])?;
    out.write_all(&[0; 8])?;
    out.write_all(&65_535_u32.to_le_bytes())?;
    out.write_all(&1_u32.to_le_bytes())
}

fn packet(out: &mut impl Write, micros: u64, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).unwrap_or(0);
    let seconds = u32::try_from(1_700_000_000 + micros / 1_000_000).unwrap_or(0);
    let micros = u32::try_from(micros % 1_000_000).unwrap_or(0);
    for value in [seconds, micros, length, length] {
        out.write_all(&value.to_le_bytes())?;
    }
    out.write_all(frame)
}
