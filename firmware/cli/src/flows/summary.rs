//! What was read and what was left out.

use std::fmt;

use dissect::NotMetered;
use meter::Statistics;
use model::MalformedKind;

use super::text;

/// Counts of frames by what became of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    pub(crate) frames: u64,
    malformed: [u64; MalformedKind::ALL.len()],
    arp: u64,
    non_ip: u64,
    cut_short: u64,
    unsupported: u64,
    unsupported_link: Option<u16>,
    flows: usize,
    meter: Statistics,
}

impl Summary {
    /// Counts a frame that is not metered.
    pub(crate) fn count(&mut self, reason: NotMetered) {
        match reason {
            NotMetered::Arp => self.arp += 1,
            NotMetered::NonIp(_) => self.non_ip += 1,
            NotMetered::Malformed(kind) => {
                if let Some(count) = self.malformed.get_mut(kind.index()) {
                    *count += 1;
                }
            }
            NotMetered::CutShort => self.cut_short += 1,
            NotMetered::UnsupportedLink(link_type) => {
                self.unsupported += 1;
                self.unsupported_link = Some(link_type);
            }
        }
    }

    /// The link type, if all frames since `before` were of link types not known here.
    pub(crate) fn only_unsupported(&self, before: &Self) -> Option<u16> {
        let frames = self.frames - before.frames;
        (frames > 0 && self.unsupported - before.unsupported == frames)
            .then_some(self.unsupported_link)
            .flatten()
    }

    pub(crate) fn finish(&mut self, flows: usize, meter: &Statistics) {
        self.flows = flows;
        self.meter = *meter;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} read: {} ({}) in {}",
            text::count(self.frames, "frame"),
            text::count(self.meter.packets, "IP packet"),
            text::octets(self.meter.bytes),
            text::count(self.flows as u64, "flow")
        )?;
        let mut rest = vec![
            (self.arp, "ARP".to_owned()),
            (self.non_ip, "not IP".to_owned()),
            (self.cut_short, "cut short by the capture's snap length".to_owned()),
        ];
        for kind in MalformedKind::ALL {
            let count = self.malformed.get(kind.index()).copied().unwrap_or(0);
            rest.push((count, format!("malformed ({})", kind.name())));
        }
        if let Some(link_type) = self.unsupported_link {
            rest.push((
                self.unsupported,
                format!("of a link type not known, such as {link_type}"),
            ));
        }
        rest.retain(|(count, _)| *count > 0);
        if !rest.is_empty() {
            let parts: Vec<String> = rest.iter().map(|(count, what)| format!("{count} {what}")).collect();
            writeln!(f, "not metered: {}", parts.join(", "))?;
        }
        if self.meter.evictions > 0 {
            writeln!(
                f,
                "{} printed early to make room; --max-flows gives more",
                text::count(self.meter.evictions, "flow")
            )?;
        }
        Ok(())
    }
}
