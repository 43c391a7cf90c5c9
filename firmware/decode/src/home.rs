//! Directions, quickly.

use std::net::IpAddr;

use model::{Direction, HomeNetworks};

/// [`HomeNetworks`] as numbers: base and mask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    four: Vec<(u32, u32)>,
    six: Vec<(u128, u128)>,
}

impl Home {
    pub(crate) fn new(networks: &HomeNetworks) -> Self {
        let mut home = Self::default();
        for prefix in networks.prefixes() {
            match (prefix.base(), prefix.length()) {
                (IpAddr::V4(base), length) => {
                    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                    home.four.push((base.to_bits(), mask));
                }
                (IpAddr::V6(base), length) => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                    home.six.push((base.to_bits(), mask));
                }
            }
        }
        home
    }

    /// As [`HomeNetworks::direction`]; unknown where the record has no addresses.
    #[inline]
    pub(crate) fn direction(&self, src: IpAddr, dst: IpAddr) -> Direction {
        let (from, to) = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let home = |addr: u32| self.four.iter().any(|(base, mask)| addr & mask == *base);
                let (src, dst) = (src.to_bits(), dst.to_bits());
                if src | dst == 0 {
                    return Direction::Unknown;
                }
                (home(src), dst >> 28 == 0xe || dst == u32::MAX || home(dst))
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let home = |addr: u128| self.six.iter().any(|(base, mask)| addr & mask == *base);
                let (src, dst) = (src.to_bits(), dst.to_bits());
                if src | dst == 0 {
                    return Direction::Unknown;
                }
                (home(src), dst >> 120 == 0xff || home(dst))
            }
            _ => return Direction::Unknown,
        };
        match (from, to) {
            (false, true) => Direction::In,
            (true, false) => Direction::Out,
            (true, true) => Direction::Internal,
            (false, false) => Direction::External,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_the_model_s() {
        let networks = HomeNetworks::private();
        let home = Home::new(&networks);
        let ips = [
            "8.8.8.8",
            "10.1.2.3",
            "172.31.0.1",
            "172.32.0.1",
            "224.0.0.5",
            "255.255.255.255",
            "127.0.0.1",
        ];
        let ips6 = ["2001:db8::1", "fd00::1", "fe80::1", "ff02::1", "::1"];
        for group in [&ips[..], &ips6[..]] {
            for src in group {
                for dst in group {
                    let (src, dst): (IpAddr, IpAddr) = (src.parse().unwrap(), dst.parse().unwrap());
                    assert_eq!(home.direction(src, dst), networks.direction(src, dst), "{src} {dst}");
                }
            }
        }
    }
}
