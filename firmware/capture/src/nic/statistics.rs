//! Drivers' statistics: each has names of its own for the same counters.

use model::NicErrors;

use super::ethtool::NAME;

/// A name with the counter's parts that are counted apart.
type Group = &'static [&'static str];

/// Names of counters, with `port:` before those of the port itself (`port.…`, `….nic`, `…_phy`) and `#` for the numbers
/// of queues. Of each list the first group counts of which the driver has any name; what it has of the group adds up.
/// igb, igc, e1000e, ixgbe; i40e (`port.…`); ice (`….nic`); mlx5 (`…_phy`); bnxt; tg3; r8169; virtio; vmxnet3; ena.
const CRC: &[Group] = &[
    &["port:rx_crc_errors"],
    &["rx_crc_errors"],
    &["rx_fcs_err_frames"],
    &["rx_fcs_errors"],
];
const ALIGNMENT: &[Group] = &[
    &["rx_align_errors"],
    &["rx_align_err_frames"],
    &["align_errors"],
    &["rx_frame_errors"],
    &["port:rx_symbol_err"],
];
const LENGTH: &[Group] = &[
    &["port:rx_length_errors"],
    &["rx_length_errors"],
    &["rx_long_length_errors", "rx_short_length_errors"],
    &[
        "port:rx_in_range_len_errors",
        "port:rx_out_of_range_len",
        "port:rx_oversize_pkts",
        "port:rx_undersize_pkts",
        "port:rx_fragments",
        "port:rx_jabbers",
    ],
    &[
        "port:rx_oversize",
        "port:rx_undersize",
        "port:rx_fragments",
        "port:rx_jabber",
    ],
    &["rx_ovrsz_frames", "rx_undrsz_frames", "rx_jbr_frames", "rx_frag_frames"],
    &[
        "rx_frame_too_long_errors",
        "rx_undersize_packets",
        "rx_fragments",
        "rx_jabbers",
    ],
];
const MISSED: &[Group] = &[
    &["port:rx_discards"],
    &["port:rx_dropped"],
    &["rx_missed_errors"],
    &["rx_missed"],
    &["rx_fifo_errors"],
];
const NO_BUFFER: &[Group] = &[
    &["rx_no_buffer_count"],
    &["rx_out_of_buffer"],
    &["rx_no_dma_resources"],
    &["rx_queue_#_drops"],
    &["rx#_drops"],
    &["[#]: rx_discards"],
    &["[#]: rx_discard_pkts"],
    &["rx_discards"],
    &["pkts rx out of buf"],
    &["rx_buff_alloc_err"],
    &["alloc_rx_buff_failed"],
    &["rx_alloc_fail"],
    &["queue_#_rx_page_alloc_fail"],
];

/// Where a driver's counters are among its statistics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// CRC, alignment, length, missed, no buffer.
    places: [Vec<usize>; 5],
}

/// A name that ends at its first zero octet.
pub(super) fn name(octets: &[u8]) -> String {
    let end = octets.iter().position(|o| *o == 0).unwrap_or(octets.len());
    String::from_utf8_lossy(octets.get(..end).unwrap_or_default())
        .trim()
        .to_owned()
}

/// The names in the answer to ETHTOOL_GSTRINGS.
pub(super) fn names(octets: &[u8]) -> Vec<String> {
    octets.chunks_exact(NAME).map(name).collect()
}

/// A name as the tables have it.
fn plain(name: &str) -> String {
    let of_port = name.strip_prefix("port.").or(name.strip_suffix(".nic"));
    let of_port = of_port.or(name.strip_suffix("_phy"));
    let mut plain = String::with_capacity(name.len() + 5);
    if of_port.is_some() {
        plain.push_str("port:");
    }
    let name = of_port.unwrap_or(name);
    for c in name.chars() {
        match c {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            c => plain.push(c),
        }
    }
    plain
}

impl Places {
    /// Looks the counters up among the driver's names.
    pub(super) fn of(names: &[String]) -> Self {
        let names: Vec<String> = names.iter().map(|n| plain(n)).collect();
        let find = |groups: &[Group]| {
            let of_group = |group: &Group| -> Vec<usize> {
                let is_in = |(place, name): (usize, &String)| group.contains(&name.as_str()).then_some(place);
                names.iter().enumerate().filter_map(is_in).collect()
            };
            groups.iter().map(of_group).find(|p| !p.is_empty()).unwrap_or_default()
        };
        Self {
            places: [CRC, ALIGNMENT, LENGTH, MISSED, NO_BUFFER].map(find),
        }
    }

    /// The counters in the answer to ETHTOOL_GSTATS.
    pub(super) fn read(&self, values: &[u64]) -> NicErrors {
        let [crc, alignment, length, missed, no_buffer] = &self.places;
        let sum = |places: &[usize]| {
            let mut values = places.iter().filter_map(|p| values.get(*p)).peekable();
            values.peek()?;
            Some(values.fold(0_u64, |sum, value| sum.saturating_add(*value)))
        };
        NicErrors {
            crc: sum(crc),
            alignment: sum(alignment),
            length: sum(length),
            missed: sum(missed),
            no_buffer: sum(no_buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a driver with these names, and its counters with the values 1, 10, 100 …
    fn read(driver: &[&str]) -> [Option<u64>; 5] {
        let mut octets = Vec::new();
        for name in driver {
            let mut field = [0; NAME];
            field[..name.len()].copy_from_slice(name.as_bytes());
            octets.extend(field);
        }
        let values: Vec<u64> = (0..).map(|n| 10_u64.pow(n)).take(driver.len()).collect();
        let e = Places::of(&names(&octets)).read(&values);
        [e.crc, e.alignment, e.length, e.missed, e.no_buffer]
    }

    #[test]
    fn drivers_names_are_known() {
        // Names as the drivers' sources have them.
        let igb = [
            "rx_packets",
            "rx_crc_errors",
            "rx_no_buffer_count",
            "rx_missed_errors",
            "rx_align_errors",
            "rx_long_length_errors",
            "rx_short_length_errors",
        ];
        assert_eq!(
            read(&igb),
            [Some(10), Some(10_000), Some(1_100_000), Some(1_000), Some(100)]
        );
        let i40e = [
            "port.rx_crc_errors",
            "port.rx_oversize",
            "port.rx_undersize",
            "port.rx_dropped",
            "port.rx_length_errors",
        ];
        assert_eq!(read(&i40e), [Some(1), None, Some(10_000), Some(1_000), None]);
        let ice = ["rx_crc_errors.nic", "rx_oversize.nic", "rx_dropped.nic", "rx_dropped"];
        assert_eq!(read(&ice), [Some(1), None, Some(10), Some(100), None]);
        let mlx5 = [
            "rx_out_of_buffer",
            "rx_crc_errors_phy",
            "rx_discards_phy",
            "rx_symbol_err_phy",
            "rx_in_range_len_errors_phy",
        ];
        assert_eq!(read(&mlx5), [Some(10), Some(1_000), Some(10_000), Some(100), Some(1)]);
        let bnxt = [
            "[0]: rx_discards",
            "[1]: rx_discards",
            "rx_fcs_err_frames",
            "rx_align_err_frames",
            "rx_ovrsz_frames",
        ];
        assert_eq!(read(&bnxt), [Some(100), Some(1_000), Some(10_000), None, Some(11)]);
        let virtio = ["rx_queue_0_packets", "rx_queue_0_drops", "rx_queue_11_drops"];
        assert_eq!(read(&virtio), [None, None, None, None, Some(110)]);
    }

    #[test]
    fn what_a_driver_lacks_is_not_zero() {
        assert_eq!(read(&["peer_ifindex", "rx_queue_0_xdp_packets"]), [None; 5]);
        assert_eq!(read(&[]), [None; 5]);
        // Fewer values than names, and an answer that is cut off.
        assert_eq!(
            Places::of(&["rx_crc_errors".to_owned()]).read(&[]),
            NicErrors::default()
        );
        assert_eq!(names(&[b'a'; 40]), ["a".repeat(NAME)]);
    }
}
