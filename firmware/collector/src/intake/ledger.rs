//! What becomes of the records of all exporters of a thread: blocks, windows, interfaces' minutes. No clock and no
//! socket: the time comes in with the records and the ticks.

use std::collections::HashMap;
use std::sync::Arc;

use model::{BlockBuilder, DropCounters, FlowRecord, InterfaceMinute, LinkId, Timestamp};

use super::account::Account;
use super::plan::Registry;
use crate::output::Output;

const SECOND: u64 = 1_000_000_000;
/// Seconds that windows are collected for, at least.
const WINDOWS_EVERY: u64 = 10;
/// Windows a second that the analyzer is given in the long run: of many exporters they are collected for longer.
const WINDOWS_A_SECOND: u64 = 100;
/// Windows, and interfaces' minutes, in one batch.
const WINDOWS_BATCH: usize = 64;
const INTERFACES_BATCH: usize = 8_192;
/// Keys in the tables of all open windows of a thread: more are given out before their time. About 100 octets each.
const KEYS_MAX: usize = 1 << 20;

/// Minutes of interfaces by counters that wait: more are given out before their time.
const COUNTED_MAX: usize = 1 << 16;

/// When things go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Seconds that a record waits for its block to fill.
    pub(crate) block_s: u64,
}

/// A thread's exporters and what their records came to.
#[derive(Debug)]
pub(super) struct Ledger {
    registry: Arc<Registry>,
    /// By the exporter's place in the registry; `None` where it has sent nothing to this thread.
    accounts: Vec<Option<Box<Account>>>,
    pace: Pace,
    block: BlockBuilder,
    block_due: Option<Timestamp>,
    windows_due: Option<Timestamp>,
    keys: usize,
    /// What interfaces carried by exporters' own counters.
    counted: Vec<InterfaceMinute>,
    out: Vec<Output>,
}

impl Ledger {
    pub(super) fn new(registry: Arc<Registry>, pace: Pace) -> Self {
        let mut accounts = Vec::new();
        accounts.resize_with(registry.exporters().len(), || None);
        Self {
            registry,
            accounts,
            pace,
            block: BlockBuilder::new(),
            block_due: None,
            windows_due: None,
            keys: 0,
            counted: Vec::new(),
            out: Vec::new(),
        }
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Takes another registry; what is known of exporters that stay goes on.
    pub(super) fn reregister(&mut self, now: Timestamp, registry: Arc<Registry>) {
        self.close_block();
        let mut known: HashMap<LinkId, Box<Account>> = self
            .accounts
            .drain(..)
            .flatten()
            .map(|account| (account.plan.link, account))
            .collect();
        let again = |plan: &Arc<super::plan::ExporterPlan>| {
            let mut account = known.remove(&plan.link)?;
            account.plan = plan.clone();
            Some(account)
        };
        self.accounts = registry.exporters().iter().map(again).collect();
        self.registry = registry;
        // What was counted for exporters that are gone is still true.
        let (mut windows, mut interfaces) = (Vec::new(), Vec::new());
        for account in known.values_mut() {
            account.flush(now, &mut windows, &mut interfaces);
        }
        self.give(windows, interfaces);
    }

    /// The exporter at a place of the registry.
    #[inline]
    pub(super) fn account(&mut self, place: usize) -> Option<&mut Account> {
        let account = self.accounts.get_mut(place)?;
        if account.is_none() {
            *account = Some(Box::new(Account::new(self.registry.exporters().get(place)?.clone())));
        }
        account.as_deref_mut()
    }

    /// The exporters that sent something.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().flatten().map(|account| &**account)
    }

    pub(super) fn accounts_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.accounts.iter_mut().flatten().map(|account| &mut **account)
    }

    /// Takes a record of the exporter at a place.
    #[inline]
    pub(super) fn record(&mut self, now: Timestamp, place: usize, record: &FlowRecord) {
        let Some(account) = self.account(place) else { return };
        let (keys, moved) = account.record(now, record);
        self.keys += keys;
        self.windows_due.get_or_insert(now.plus_nanos(WINDOWS_EVERY * SECOND));
        self.block_due.get_or_insert(now.plus_nanos(self.pace.block_s * SECOND));
        let pushed = match moved {
            None => self.block.push(record),
            Some((start, end)) => self.block.push(&FlowRecord {
                start,
                end,
                ..record.clone()
            }),
        };
        if pushed.is_ok() {
            if let Some(account) = self.account(place) {
                account.in_block += 1;
            }
        } else {
            log::error!(EVENT = "no_block"; "a record does not fit into a block");
        }
        if self.block.is_full() {
            self.close_block();
        }
    }

    /// Counts what was lost of an exporter's.
    pub(super) fn lose(&mut self, now: Timestamp, place: usize, drops: DropCounters) {
        if drops == DropCounters::default() {
            return;
        }
        if let Some(account) = self.account(place) {
            account.lose(now, drops);
            self.windows_due.get_or_insert(now.plus_nanos(WINDOWS_EVERY * SECOND));
        }
    }

    /// Takes what interfaces carried by exporters' own counters.
    pub(super) fn count_interfaces(&mut self, now: Timestamp, minutes: Vec<InterfaceMinute>) {
        if !minutes.is_empty() {
            self.counted.extend(minutes);
            self.windows_due.get_or_insert(now.plus_nanos(WINDOWS_EVERY * SECOND));
        }
    }

    /// Shares datagrams that the kernel dropped out among those who sent since the last time, by how much they sent:
    /// whose they were nobody knows. Their sum is exact.
    pub(super) fn lose_datagrams(&mut self, now: Timestamp, dropped: u64) {
        let all: u64 = self.accounts().map(|a| a.recent).sum();
        let (mut sent, mut given) = (0u64, 0u64);
        for account in self.accounts_mut() {
            let recent = std::mem::take(&mut account.recent);
            if recent == 0 || dropped == 0 {
                continue;
            }
            sent += recent;
            let due = u128::from(dropped) * u128::from(sent) / u128::from(all.max(1));
            let due = u64::try_from(due).unwrap_or(dropped);
            account.lose(
                now,
                DropCounters {
                    socket: due - given,
                    ..DropCounters::default()
                },
            );
            given = due;
        }
        if given > 0 {
            self.windows_due.get_or_insert(now.plus_nanos(WINDOWS_EVERY * SECOND));
        }
    }

    /// Time goes on: what is due goes out.
    pub(super) fn tick(&mut self, now: Timestamp) {
        // A clock that was set back makes everything due.
        let due = |at: Option<Timestamp>, longest: u64| {
            at.is_some_and(|at| now >= at || at.nanos_since(now) > longest * SECOND)
        };
        if due(self.block_due, self.pace.block_s) {
            self.close_block();
        }
        if due(self.windows_due, WINDOWS_EVERY) {
            let open: usize = self
                .accounts()
                .map(|a| a.minutes.len() + a.interfaces.len().div_ceil(64))
                .sum();
            let since = WINDOWS_EVERY * SECOND + now.nanos_since(self.windows_due.unwrap_or(now));
            let enough = (open as u64 / WINDOWS_A_SECOND).min(60) * SECOND;
            if since >= enough {
                self.close_windows(now);
            }
        }
        if self.keys > KEYS_MAX || self.counted.len() > COUNTED_MAX {
            self.close_windows(now);
        }
    }

    /// Closes everything: the thread ends.
    pub(super) fn finish(&mut self, now: Timestamp) {
        self.close_block();
        self.close_windows(now);
    }

    /// What is ready to go.
    pub(super) fn take_output(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    fn close_block(&mut self) {
        self.block_due = None;
        if self.block.is_empty() {
            return;
        }
        let records = self.block.len();
        let share = |account: &mut Account| match std::mem::take(&mut account.in_block) {
            0 => None,
            records => Some((account.plan.link, records)),
        };
        let shares = self.accounts_mut().filter_map(share).collect();
        match self.block.finish() {
            Ok(block) => self.out.push(Output::Records { block, shares }),
            // The count is between 1 and the most that a block takes.
            Err(e) => log::error!(EVENT = "no_block"; "{records} records are lost: {e}"),
        }
    }

    fn close_windows(&mut self, now: Timestamp) {
        self.windows_due = None;
        self.keys = 0;
        let (mut windows, mut interfaces) = (Vec::new(), std::mem::take(&mut self.counted));
        for account in self.accounts.iter_mut().flatten() {
            account.flush(now, &mut windows, &mut interfaces);
        }
        self.give(windows, interfaces);
    }

    fn give(&mut self, mut windows: Vec<model::Window>, mut interfaces: Vec<model::InterfaceMinute>) {
        while !windows.is_empty() {
            let rest = windows.split_off(windows.len().min(WINDOWS_BATCH));
            self.out.push(Output::Windows(std::mem::replace(&mut windows, rest)));
        }
        while !interfaces.is_empty() {
            let rest = interfaces.split_off(interfaces.len().min(INTERFACES_BATCH));
            self.out
                .push(Output::Interfaces(std::mem::replace(&mut interfaces, rest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use model::{App, Direction, EndReason, Exported, HomeNetworks};

    use super::super::plan::ExporterPlan;
    use super::*;

    fn registry(numbers: &[u32]) -> Arc<Registry> {
        let plan = |number: &u32| ExporterPlan {
            link: LinkId::of_exporter(*number),
            settings: settings::Exporter {
                name: number.to_string(),
                addresses: vec![IpAddr::from(number.to_be_bytes())],
                enabled: true,
                sampling: None,
                utc_offset_min: 0,
                snmp: None,
                interfaces: Default::default(),
            },
            agent: None,
        };
        let plans = numbers.iter().map(plan).collect();
        Arc::new(Registry::new(plans, false, HomeNetworks::private()))
    }

    fn record(link: u32, start: u64, end: u64, bytes: u64) -> FlowRecord {
        FlowRecord {
            link: LinkId::of_exporter(link),
            start: Timestamp::from_secs(start),
            end: Timestamp::from_secs(end),
            src_ip: [10, 0, 0, 1].into(),
            dst_ip: [8, 8, 8, 8].into(),
            src_port: 1,
            dst_port: 2,
            protocol: 17,
            vlan: None,
            vlan_inner: None,
            src_mac: None,
            dst_mac: None,
            packets: 3,
            bytes,
            packets_rev: 0,
            bytes_rev: 0,
            tcp_flags: 0,
            tcp_flags_rev: 0,
            icmp: None,
            icmp_rev: None,
            tos: 0,
            app: App::from_number(1),
            direction: Direction::Out,
            end_reason: EndReason::Active,
            export: Some(Box::new(Exported {
                ingress_if: Some(1),
                egress_if: Some(2),
                ..Exported::default()
            })),
            l7: None,
            quality: None,
        }
    }

    const T: u64 = 1_700_000_040;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_secs(T + s)
    }

    fn ledger(numbers: &[u32]) -> Ledger {
        Ledger::new(registry(numbers), Pace { block_s: 5 })
    }

    /// Octets of each link's windows, and of each link's interfaces going in.
    fn sums(outputs: &[Output]) -> (u64, u64, Vec<(LinkId, u64)>) {
        let (mut windows, mut interfaces, mut records) = (0, 0, Vec::new());
        for output in outputs {
            match output {
                Output::Windows(all) => windows += all.iter().map(|w| w.counters.frames.total.bytes).sum::<u64>(),
                Output::Interfaces(all) => interfaces += all.iter().map(|i| i.inbound.bytes).sum::<u64>(),
                Output::Records { block, shares } => {
                    assert_eq!(block.len() as u64, shares.iter().map(|(_, n)| n).sum::<u64>());
                    records.extend(shares.iter().copied());
                }
                other => panic!("{other:?}"),
            }
        }
        (windows, interfaces, records)
    }

    #[test]
    fn records_go_out_in_time_and_minutes_after_them() {
        let mut ledger = ledger(&[1, 2]);
        ledger.record(at(0), 0, &record(1, T - 300, T, 6_000));
        ledger.record(at(0), 1, &record(2, T, T, 70));
        ledger.tick(at(4));
        assert!(ledger.take_output().is_empty());
        ledger.tick(at(5));
        let out = ledger.take_output();
        let shares = vec![(LinkId::of_exporter(1), 1), (LinkId::of_exporter(2), 1)];
        assert_eq!(sums(&out), (0, 0, shares));
        ledger.tick(at(10));
        let out = ledger.take_output();
        assert_eq!(sums(&out), (6_070, 6_070, Vec::new()));
        ledger.tick(at(100));
        ledger.finish(at(100));
        assert!(ledger.take_output().is_empty());
    }

    #[test]
    fn an_exporter_that_goes_leaves_what_it_sent() {
        let mut ledger = ledger(&[1, 2]);
        ledger.record(at(0), 0, &record(1, T, T, 100));
        ledger.record(at(0), 1, &record(2, T, T, 10));
        ledger.reregister(at(1), registry(&[2, 3]));
        // The place of 2 is another now, and what is known of it is not.
        ledger.record(at(1), 0, &record(2, T, T, 10));
        assert_eq!(ledger.accounts().map(|a| a.counts.records).collect::<Vec<_>>(), [2]);
        ledger.finish(at(2));
        let (windows, interfaces, records) = sums(&ledger.take_output());
        assert_eq!((windows, interfaces), (120, 120));
        assert_eq!(records.iter().map(|(_, n)| n).sum::<u64>(), 3);
    }

    #[test]
    fn drops_are_shared_out_and_their_sum_is_exact() {
        let mut ledger = ledger(&[1, 2, 3]);
        for (place, datagrams) in [(0, 5), (1, 1), (2, 7)] {
            for _ in 0..datagrams {
                let account = ledger.account(place).unwrap();
                let before = account.so_far();
                account.datagram(at(0), 100, None, before);
            }
        }
        ledger.lose_datagrams(at(0), 1_001);
        ledger.finish(at(0));
        let drops: Vec<u64> = ledger
            .take_output()
            .iter()
            .flat_map(|o| match o {
                Output::Windows(windows) => windows.clone(),
                _ => Vec::new(),
            })
            .map(|w| w.counters.drops.socket)
            .collect();
        assert_eq!(drops.iter().sum::<u64>(), 1_001);
        assert_eq!(drops.len(), 3);
    }
}
