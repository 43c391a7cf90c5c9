//! QUIC's versions: their names and salts.

use std::fmt;
use std::sync::OnceLock;

use ring::hkdf;

/// QUIC 1 (RFC 9000).
pub(super) const V1: u32 = 1;
/// QUIC 2 (RFC 9369).
pub(super) const V2: u32 = 0x6b33_43cf;
/// Google's Q050.
pub(super) const Q050: u32 = u32::from_be_bytes(*b"Q050");
const T050: u32 = u32::from_be_bytes(*b"T050");
const T051: u32 = u32::from_be_bytes(*b"T051");

/// A version's number; displays as its name: `1`, `2`, `draft-29`, `Q046`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(pub(super) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0.to_be_bytes();
        match (self.0, a) {
            (V1, _) => f.write_str("1"),
            (V2, _) => f.write_str("2"),
            (0xff00_0001..=0xff00_00ff, _) => write!(f, "draft-{d}"),
            (0xface_b000..=0xface_b0ff, _) => write!(f, "mvfst-{:02x}", d),
            (_, b'Q' | b'T') if [b, c, d].iter().all(u8::is_ascii_digit) => {
                write!(
                    f,
                    "{}{}{}{}",
                    char::from(a),
                    char::from(b),
                    char::from(c),
                    char::from(d)
                )
            }
            (number, _) => write!(f, "{number:#010x}"),
        }
    }
}

/// What the keys of a version's Initial packets are derived with.
#[derive(Debug)]
pub(super) struct Derivation {
    salt: &'static [u8; 20],
    /// The salt, ready for use.
    ready: OnceLock<hkdf::Salt>,
    /// Labels of the packet key, its initialisation vector, and the header protection key.
    pub(super) labels: [&'static [u8]; 3],
}

impl Derivation {
    const fn new(salt: &'static [u8; 20], labels: [&'static [u8]; 3]) -> Self {
        Self {
            salt,
            ready: OnceLock::new(),
            labels,
        }
    }

    /// The salt of the connection's secret.
    pub(super) fn salt(&self) -> &hkdf::Salt {
        self.ready.get_or_init(|| hkdf::Salt::new(hkdf::HKDF_SHA256, self.salt))
    }
}

const LABELS: [&[u8]; 3] = [b"quic key", b"quic iv", b"quic hp"];

/// RFC 9001, section 5.2; drafts since the 33rd.
static ONE: Derivation = Derivation::new(
    b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
    LABELS,
);
/// RFC 9369, section 3.3.
static TWO: Derivation = Derivation::new(
    b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
    [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
);
/// draft-ietf-quic-tls-29 to 32.
static DRAFT_29: Derivation = Derivation::new(
    b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
    LABELS,
);
/// draft-ietf-quic-tls-23 to 28.
static DRAFT_23: Derivation = Derivation::new(
    b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02",
    LABELS,
);
/// draft-ietf-quic-tls-22 and 21.
static DRAFT_21: Derivation = Derivation::new(
    b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a",
    LABELS,
);
static OF_Q050: Derivation = Derivation::new(
    b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45",
    LABELS,
);
static OF_T050: Derivation = Derivation::new(
    b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10",
    LABELS,
);
static OF_T051: Derivation = Derivation::new(
    b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d",
    LABELS,
);

/// How the keys of a version may be derived; of a version that is not known, in all the ways of those in use. The
/// packet's tag tells which one is right.
pub(super) fn candidates(version: u32) -> impl Iterator<Item = &'static Derivation> {
    let known: [Option<&'static Derivation>; 3] = match version {
        V1 | 0xff00_0021..=0xff00_0022 => [Some(&ONE), None, None],
        V2 => [Some(&TWO), None, None],
        0xff00_001d..=0xff00_0020 => [Some(&DRAFT_29), None, None],
        0xff00_0017..=0xff00_001c | 0xface_b002 => [Some(&DRAFT_23), None, None],
        0xff00_0015..=0xff00_0016 | 0xface_b001 => [Some(&DRAFT_21), None, None],
        Q050 => [Some(&OF_Q050), None, None],
        T050 => [Some(&OF_T050), None, None],
        T051 => [Some(&OF_T051), None, None],
        _ => [Some(&ONE), Some(&DRAFT_23), Some(&DRAFT_29)],
    };
    known.into_iter().flatten()
}

/// Whether a version's number is one of QUIC's.
pub(super) fn is_known(version: u32) -> bool {
    matches!(
        version,
        V1 | V2 | 0xff00_0001..=0xff00_00ff | 0xface_b000..=0xface_b0ff
    ) || is_google(version)
        || is_reserved(version)
}

/// Whether a version is Google's.
pub(super) fn is_google(version: u32) -> bool {
    let [a, b, c, d] = version.to_be_bytes();
    matches!(a, b'Q' | b'T') && b == b'0' && c.is_ascii_digit() && d.is_ascii_digit()
}

/// Whether a version is one of those that force a negotiation (RFC 9000, section 15).
pub(super) const fn is_reserved(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}
