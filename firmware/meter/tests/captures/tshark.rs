//! What Wireshark's dissectors say of the same captures.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ndpi::{Key, key};

/// Fields that are asked for; of several of a name in a packet the last, which is the innermost tunnel's.
const FIELDS: [&str; 21] = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.zero_window",
    "tcp.analysis.initial_rtt",
    "dns.time",
    "http.time",
    "tls.handshake.extensions_server_name",
    "http.host",
    "dns.qry.name",
    "dns.flags.response",
    "rtp.ssrc",
];

/// A packet of TCP or UDP.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    values: Vec<String>,
}

impl Row {
    /// A field; `None` where the packet has none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = FIELDS
            .iter()
            .position(|field| *field == name)
            .expect("a field of the list");
        self.values
            .get(at)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Seconds, as microseconds.
    pub(crate) fn micros(&self, name: &str) -> Option<u64> {
        let seconds: f64 = self.get(name)?.parse().ok()?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "delays are neither long nor negative"
        )]
        Some((seconds * 1e6).max(0.0).round() as u64)
    }

    /// Protocol and ends, by IPv6 where the packet has it and `prefer_v6`.
    fn ends(&self, prefer_v6: bool) -> Option<Key> {
        let (protocol, ports) = match self.get("tcp.srcport") {
            Some(_) => (6, ["tcp.srcport", "tcp.dstport"]),
            None => (17, ["udp.srcport", "udp.dstport"]),
        };
        let versions = if prefer_v6 { [6, 4] } else { [4, 6] };
        let of = |name: &str, port: &str| {
            let names = versions.map(|v| {
                if v == 4 {
                    format!("ip.{name}")
                } else {
                    format!("ipv6.{name}")
                }
            });
            let address = names.iter().find_map(|n| self.get(n))?;
            let address: IpAddr = address.parse().ok()?;
            Some((address.to_string(), self.get(port)?.parse().ok()?))
        };
        Some((protocol, of("src", ports[0])?, of("dst", ports[1])?))
    }

    /// The flow, in either order, that one of `ours` is; and whether the packet comes from its smaller end.
    pub(crate) fn key(&self, ours: impl Fn(&Key) -> bool) -> Option<(Key, bool)> {
        [true, false].into_iter().find_map(|prefer_v6| {
            let (protocol, src, dst) = self.ends(prefer_v6)?;
            let from_smaller = src <= dst;
            let key = key(protocol, src, dst);
            ours(&key).then_some((key, from_smaller))
        })
    }
}

/// The packets of TCP and UDP in a capture; `None`, said aloud, where there is no tshark.
pub(crate) fn rows(path: &Path) -> Option<Vec<Row>> {
    let mut args = vec!["-Y", "tcp or udp", "-T", "fields", "-E", "occurrence=l"];
    // A label does not say what it carries: that of the made frames is told.
    args.extend(["-d", "mpls.label==1000000,pwethcw"]);
    args.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let text = said(path, &FIELDS.len().to_string(), &args)?;
    let rows = text.lines().map(|line| Row {
        values: line.split('\t').map(str::to_owned).collect(),
    });
    Some(rows.collect())
}

/// The table of media streams in a capture, of which Wireshark guesses those that nobody announced; `None`, said aloud,
/// where there is no tshark.
pub(crate) fn streams(path: &Path) -> Option<String> {
    let args = ["--enable-heuristic", "rtp_udp", "-q", "-z", "rtp,streams"];
    said(path, "streams", &args)
}

/// What tshark says of a capture. It is kept beside the test's program, since it takes its time.
fn said(path: &Path, of: &str, args: &[&str]) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let length = std::fs::metadata(path).ok()?.len();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{length}.{of}.tshark"));
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return Some(text);
    }
    let Ok(output) = Command::new("tshark").arg("-n").arg("-r").arg(path).args(args).output() else {
        eprintln!("skipped: tshark is not there (Debian's package of that name)");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    std::fs::write(&kept, &text).expect("a place beside the test's program");
    Some(text)
}

/// Writes a capture of Ethernet frames, each with its microseconds, beside the test's program; the same frames have the
/// same file, so that what was said of others is not said of them.
pub(crate) fn written<'a>(name: &str, frames: impl IntoIterator<Item = (u64, &'a [u8])>) -> PathBuf {
    // <https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html>
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        pcap.extend(word.to_le_bytes());
    }
    for (micros, frame) in frames {
        let length = u32::try_from(frame.len()).expect("a frame");
        let time = |part: u64| u32::try_from(part).expect("a time");
        for word in [
            1_700_000_000 + time(micros / 1_000_000),
            time(micros % 1_000_000),
            length,
            length,
        ] {
            pcap.extend(word.to_le_bytes());
        }
        pcap.extend(frame);
    }
    let mut hasher = DefaultHasher::new();
    pcap.hash(&mut hasher);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{:016x}.pcap", hasher.finish()));
    std::fs::write(&path, &pcap).expect("a place beside the test's program");
    path
}
