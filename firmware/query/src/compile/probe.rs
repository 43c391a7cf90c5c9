//! What of a filter an index of addresses and 5-tuples can answer.

use std::net::IpAddr;

use filter::{End, Expr, Test};
use model::{AddressRange, PortRange, address_hash, flow_hash};
use store::Probe;

use super::ranges::Addresses;
use crate::context::Context;

/// Addresses of a range that are looked up one by one.
const ADDRESSES_MAX: u32 = 64;
/// The same of all alternatives together.
const ALTERNATIVES_MAX: usize = 256;

/// What every record that a filter means has.
pub(crate) fn probe(expr: &Expr, context: &Context) -> Probe {
    Probe {
        addresses: addresses(expr, context),
        flows: flows(expr).unwrap_or_default(),
    }
}

/// Lists of addresses, of each of which a record has one.
fn addresses(expr: &Expr, context: &Context) -> Vec<Vec<u64>> {
    match expr {
        Expr::All | Expr::Not(_) => Vec::new(),
        Expr::And(all) => all.iter().flat_map(|expr| addresses(expr, context)).collect(),
        Expr::Or(any) => {
            let mut union = Vec::new();
            for expr in any {
                // The shortest says the most.
                match addresses(expr, context).into_iter().min_by_key(Vec::len) {
                    Some(list) if union.len() + list.len() <= ALTERNATIVES_MAX => union.extend(list),
                    _ => return Vec::new(),
                }
            }
            vec![union]
        }
        Expr::Test(Test::Address(_, ranges)) => list(&Addresses::new(ranges)),
        Expr::Test(Test::IpGroup(_, names)) => {
            let groups = context
                .objects
                .ip_groups
                .values()
                .filter(|group| names.contains(&group.name));
            list(&Addresses::new(groups.flat_map(|group| &group.addresses)))
        }
        Expr::Test(_) => Vec::new(),
    }
}

fn list(addresses: &Addresses) -> Vec<Vec<u64>> {
    let list = addresses.list(ADDRESSES_MAX);
    list.map(|list| list.into_iter().map(address_hash).collect())
        .into_iter()
        .collect()
}

/// 5-tuples of which a record has one; `None` where nothing is known.
fn flows(expr: &Expr) -> Option<Vec<u64>> {
    match expr {
        Expr::Or(any) => {
            let lists: Option<Vec<_>> = any.iter().map(flows).collect();
            lists
                .map(|lists| lists.concat())
                .filter(|all| all.len() <= ALTERNATIVES_MAX)
        }
        Expr::And(all) => whole(all).or_else(|| all.iter().find_map(flows)),
        Expr::All | Expr::Not(_) | Expr::Test(_) => None,
    }
}

/// The 5-tuple that tests say together: both addresses and ports, and the protocol or those that have ports.
fn whole(all: &[Expr]) -> Option<Vec<u64>> {
    let (mut src, mut dst): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    let (mut sport, mut dport) = (None, None);
    let mut protocols = super::WITH_PORTS.map(|p| u8::try_from(p).unwrap_or(0)).to_vec();
    for expr in all {
        match expr {
            Expr::Test(Test::Address(end, ranges)) => match (end, ranges.as_slice()) {
                (End::Src, [AddressRange::One(address)]) => src = Some(*address),
                (End::Dst, [AddressRange::One(address)]) => dst = Some(*address),
                _ => {}
            },
            Expr::Test(Test::Port(end, ranges)) => match (end, ranges.as_slice()) {
                (End::Src, [port]) => sport = one(*port),
                (End::Dst, [port]) => dport = one(*port),
                _ => {}
            },
            Expr::Test(Test::Protocol(list)) => protocols.retain(|protocol| list.contains(protocol)),
            _ => {}
        }
    }
    let (src, dst, sport, dport) = (src?, dst?, sport?, dport?);
    let hash = |protocol: u8| flow_hash(src, dst, sport, dport, protocol);
    // A filter that contradicts itself has none: nothing is known of it then.
    Some(protocols.into_iter().map(hash).collect::<Vec<_>>()).filter(|list| !list.is_empty())
}

fn one(port: PortRange) -> Option<u16> {
    (port.first() == port.last()).then_some(port.first())
}
