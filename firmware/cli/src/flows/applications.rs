//! A line an application: what a capture is made of.

use std::io::{self, Write};

use model::{App, FlowRecord};

use super::text;
use crate::columns::{Align, Table};

/// Sums by application. Applications that the firmware does not know have numbers as well: the sums stay few.
#[derive(Debug, Default)]
pub(crate) struct Applications {
    /// By the application's number.
    sums: Vec<Sums>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    flows: u64,
    packets: u64,
    bytes: u64,
}

impl Sums {
    const fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl Applications {
    /// Adds a flow.
    pub(crate) fn add(&mut self, flow: &FlowRecord) {
        let number = usize::from(flow.app.number());
        if number >= self.sums.len() {
            self.sums.resize(number + 1, Sums::default());
        }
        if let Some(sums) = self.sums.get_mut(number) {
            sums.add(&Sums {
                flows: 1,
                packets: flow.packets + flow.packets_rev,
                bytes: flow.bytes + flow.bytes_rev,
            });
        }
    }

    /// Writes them, those with the most octets first, and all together.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut total = Sums::default();
        let mut rows: Vec<(App, Sums)> = Vec::new();
        for (number, sums) in (0..=u16::MAX).zip(&self.sums) {
            if sums.flows > 0 {
                total.add(sums);
                rows.push((App::from_number(number), *sums));
            }
        }
        rows.sort_by_key(|(app, sums)| (std::cmp::Reverse(sums.bytes), *app));
        let mut table = Table::new(&[
            ("APP", Align::Left),
            ("FLOWS", Align::Right),
            ("PACKETS", Align::Right),
            ("BYTES", Align::Right),
            ("SHARE", Align::Right),
        ]);
        let named = rows.iter().map(|(app, sums)| (name(*app), sums));
        for (name, sums) in named.chain([("total".to_owned(), &total)]) {
            table.row([
                name,
                sums.flows.to_string(),
                sums.packets.to_string(),
                text::octets(sums.bytes),
                share(sums.bytes, total.bytes),
            ]);
        }
        out.write_all(table.render().as_bytes())
    }
}

fn name(app: App) -> String {
    let mut name = Vec::new();
    text::app(&mut name, app);
    String::from_utf8(name).unwrap_or_default()
}

/// Of all octets, in hundredths; nothing of nothing is nothing to tell.
fn share(bytes: u64, of: u64) -> String {
    if of == 0 {
        return String::new();
    }
    let hundredths = (u128::from(bytes) * 10_000 + u128::from(of) / 2) / u128::from(of);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded() {
        assert_eq!(share(1, 3), "33.33 %");
        assert_eq!(share(2, 3), "66.67 %");
        assert_eq!(share(u64::MAX, u64::MAX), "100.00 %");
        assert_eq!(share(0, 0), "");
    }
}
