//! What a filter says.

use model::{AddressRange, Confidence, DetailKey, Direction, EndReason, MacAddr, PortRange};

/// A filter: which records are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// All records: the empty filter; `any` within another.
    All,
    /// Those that all of these mean; two at least, none of them an `And` or `All`.
    And(Vec<Expr>),
    /// Those that one of these means; two at least, none of them an `Or` or `All`.
    Or(Vec<Expr>),
    /// Those that this does not mean.
    Not(Box<Expr>),
    /// Those that pass a test.
    Test(Test),
}

/// Which end of a flow, forward as the first packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Either.
    Any,
    /// The source.
    Src,
    /// The destination.
    Dst,
}

/// By which side of an exporter a flow went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceEnd {
    /// Either.
    Any,
    /// It came in by it.
    In,
    /// It left by it.
    Out,
}

/// An interface of an exporter: `core-1:17`, `core-1:Gi0/1`, `3:17`, or an ifIndex alone, of any exporter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceTerm {
    /// The exporter's name or number; `None`: any exporter.
    pub exporter: Option<String>,
    /// The interface's name or ifIndex.
    pub interface: String,
}

/// A comparison of a quantity, such as `bytes > 1M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Compare {
    /// Of what.
    pub quantity: Quantity,
    /// How.
    pub sign: Sign,
    /// With what: octets, packets, nanoseconds, bit/s, packets a second, octets a packet.
    pub value: u64,
}

/// A number that a record has. Both directions are added unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Octets.
    Bytes,
    /// Octets forward.
    BytesForward,
    /// Octets in reverse.
    BytesReverse,
    /// Packets.
    Packets,
    /// Packets forward.
    PacketsForward,
    /// Packets in reverse.
    PacketsReverse,
    /// End less start, in nanoseconds.
    Duration,
    /// Octets × 8 a second of duration, rounded down; a record of no duration counts as 1 ms long.
    BitsPerSecond,
    /// Packets a second of duration, likewise.
    PacketsPerSecond,
    /// Octets a packet, rounded down; 0 without packets.
    BytesPerPacket,
    /// Both delays of the handshake, in nanoseconds; none unless both were measured.
    Connect,
    /// The handshake's delay on the client's side, in nanoseconds; none where it was not measured.
    ConnectClient,
    /// The handshake's delay on the server's side, likewise.
    ConnectServer,
    /// Mean delay from request to answer: whole microseconds, in nanoseconds; none where none was measured.
    Response,
    /// The longest of them, likewise.
    ResponseMax,
    /// TCP segments that were sent again; none unless the record is of TCP and was measured.
    Retransmissions,
    /// TCP segments out of order, likewise.
    OutOfOrder,
    /// TCP segments that closed the window, likewise.
    ZeroWindows,
    /// TCP resets, likewise.
    Resets,
    /// RTP packets; none where there are none.
    RtpPackets,
    /// RTP packets that were lost; none where there are no RTP packets.
    RtpLost,
    /// The higher jitter of both directions, in nanoseconds; none where there are no RTP packets.
    Jitter,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Bytes,
        Self::BytesForward,
        Self::BytesReverse,
        Self::Packets,
        Self::PacketsForward,
        Self::PacketsReverse,
        Self::Duration,
        Self::BitsPerSecond,
        Self::PacketsPerSecond,
        Self::BytesPerPacket,
        Self::Connect,
        Self::ConnectClient,
        Self::ConnectServer,
        Self::Response,
        Self::ResponseMax,
        Self::Retransmissions,
        Self::OutOfOrder,
        Self::ZeroWindows,
        Self::Resets,
        Self::RtpPackets,
        Self::RtpLost,
        Self::Jitter,
    ];

    /// Whether it is a time, counted in nanoseconds.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(
            self,
            Self::Duration
                | Self::Connect
                | Self::ConnectClient
                | Self::ConnectServer
                | Self::Response
                | Self::ResponseMax
                | Self::Jitter
        )
    }

    /// Whether it is of the quality of a flow, which not every record has: one without meets no comparison.
    #[must_use]
    pub const fn is_quality(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::ConnectClient
                | Self::ConnectServer
                | Self::Response
                | Self::ResponseMax
                | Self::Retransmissions
                | Self::OutOfOrder
                | Self::ZeroWindows
                | Self::Resets
                | Self::RtpPackets
                | Self::RtpLost
                | Self::Jitter
        )
    }
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the signs' own names")]
pub enum Sign {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// A test of one record. A list means one of its members; lists are not empty, and keep the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// `host 10.0.0.1`, `src 10.0.0.0/8`, `dst 10.0.0.1-10.0.0.9,fd00::/8`.
    Address(End, Vec<AddressRange>),
    /// An IP group by its name: `host group servers`, `src group "head office"`.
    IpGroup(End, Vec<String>),
    /// `port 443`, `sport 1024-65535`, `dport 80,443,8000-8099`. True of records with ports alone (TCP, UDP, SCTP).
    Port(End, Vec<PortRange>),
    /// IP protocol numbers: `proto tcp`, `proto 6,17`, `tcp`.
    Protocol(Vec<u8>),
    /// Applications by name, by the definitions of today where a record's is unknown: `app dns,https`; `app unknown`.
    App(Vec<String>),
    /// Businesses by name: `business ERP`.
    Business(Vec<String>),
    /// Links by name or number: `link eth1`, `link "core switch"`.
    Link(Vec<String>),
    /// Link groups by name.
    LinkGroup(Vec<String>),
    /// Exporters by name or number; the number is the settings': `exporter core-1`.
    Exporter(Vec<String>),
    /// `if core-1:17`, `inif 17`, `outif core-1:Gi0/1`.
    Interface(InterfaceEnd, Vec<InterfaceTerm>),
    /// Interface groups by name: `if group uplinks`.
    InterfaceGroup(InterfaceEnd, Vec<String>),
    /// `dir in`.
    Direction(Vec<Direction>),
    /// TCP flags of both directions, or-ed: all bits of the first are set, none of the second is: `flags S`,
    /// `flags S/SA` (S set, A not). True of TCP records alone. The two share no bit, and one of them has
    /// some.
    Flags(u8, u8),
    /// A number.
    Compare(Compare),
    /// Outer or inner VLAN: first and last, both included: `vlan 100`, `vlan 100-199`.
    Vlan(Vec<(u16, u16)>),
    /// Hardware addresses: `mac`, `smac`, `dmac`.
    Mac(End, Vec<MacAddr>),
    /// AS numbers, first and last: `as 64512-65534`, `srcas`, `dstas`.
    As(End, Vec<(u32, u32)>),
    /// DSCP values 0–63: `dscp ef,46`.
    Dscp(Vec<u8>),
    /// Countries, ISO 3166-1 alpha-2 in upper case: `country CN`, `src country CN,HK`.
    Country(End, Vec<[u8; 2]>),
    /// `ipv4`, `ipv6`.
    IpVersion(u8),
    /// ICMP type, and code where it is said, of either direction: `icmp 3`, `icmp 3/1`. True of ICMP and ICMPv6 alone.
    Icmp(u8, Option<u8>),
    /// Why the record was closed: `end idle,forced`.
    EndReason(Vec<EndReason>),
    /// Next hop of the exporter.
    NextHop(Vec<AddressRange>),
    /// The server's name is one of these, or below one of them: `domain example.com`. In lower case.
    Domain(Vec<String>),
    /// How the application is known: `confidence parsed`. [`Confidence::Port`] where nothing was said of layer 7.
    Confidence(Vec<Confidence>),
    /// What the first packets said, in any case of ASCII letters; `*` stands for any characters: `ja4 t13d*`. Texts are
    /// not empty.
    Detail(DetailKey, Vec<String>),
    /// The record's quality was measured.
    Measured,
}
