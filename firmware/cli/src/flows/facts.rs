//! What layer 7 and the measuring of quality add to a flow, by name: the same in JSON and CSV.

use model::{App, Confidence, DetailKey, FlowRecord, L7, Quality, SideQuality};

/// How the application is known.
pub(crate) const fn confidence(l7: &L7) -> &'static str {
    match l7.confidence {
        Confidence::Port => "port",
        Confidence::Dns => "dns",
        Confidence::Pattern => "pattern",
        Confidence::Parsed => "parsed",
    }
}

/// The server's name by TLS or QUIC: where the client's hello was read.
pub(crate) fn server_name(l7: &L7) -> Option<&str> {
    let host = l7.host.as_deref()?;
    l7.details.get(DetailKey::Ja4).map(|_| host)
}

/// The name that was asked for, where the flow is DNS.
pub(crate) fn query(app: App, l7: &L7) -> Option<&str> {
    let is_dns = app == App::named("dns") || l7.details.get(DetailKey::DnsType).is_some();
    l7.host.as_deref().filter(|_| is_dns)
}

/// Details of DNS have an object of their own in JSON.
pub(crate) const DNS: [(DetailKey, &str); 3] = [
    (DetailKey::DnsType, "type"),
    (DetailKey::DnsCode, "code"),
    (DetailKey::DnsAnswers, "answers"),
];

/// Measures of the whole flow: in microseconds, or how many.
pub(crate) fn delays(quality: &Quality) -> [(&'static str, Option<u64>); 5] {
    let response = &quality.response;
    let measured = (response.count > 0).then_some(response);
    [
        ("connect_client_us", quality.connect_client_us.map(u64::from)),
        ("connect_server_us", quality.connect_server_us.map(u64::from)),
        ("responses", Some(response.count.into())),
        ("response_us", response.mean_us()),
        ("response_max_us", measured.map(|r| r.max_us.into())),
    ]
}

/// Counts of one direction.
pub(crate) const SIDE: [&str; 7] = [
    "retransmitted",
    "out_of_order",
    "zero_windows",
    "resets",
    "rtp_packets",
    "rtp_lost",
    "rtp_jitter_us",
];

/// The counts that [`SIDE`] names; `None` where the flow's protocol has none: RTP's without packets of it.
pub(crate) fn side(of: &SideQuality, is_tcp: bool) -> [Option<u64>; SIDE.len()] {
    let tcp = |count: u32| is_tcp.then_some(u64::from(count));
    let rtp = |count: u32| (of.rtp_packets > 0).then_some(u64::from(count));
    [
        tcp(of.retransmitted),
        tcp(of.out_of_order),
        tcp(of.zero_windows),
        tcp(of.resets),
        rtp(of.rtp_packets),
        rtp(of.rtp_lost),
        rtp(of.rtp_jitter_us),
    ]
}

/// Whether the flow's segments are judged.
pub(crate) const fn is_tcp(flow: &FlowRecord) -> bool {
    flow.protocol == 6
}
