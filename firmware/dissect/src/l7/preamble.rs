//! What comes before another protocol in the same flow: a request for TLS, a proxy's handshake, STUN before DTLS.
//!
//! Recognisers know what the flow is by its first octets; this follows it to where the other protocol begins.

use model::{App, L7};

use super::flow::{Step, Talk};
use super::stream::Piece;

/// Calls, whose way STUN opens; it may say whose they are. Media streams (RFC 7983) and DTLS follow it.
pub const CALLS: [App; 8] = [
    App::named("stun"),
    App::named("whatsapp"),
    App::named("zoom"),
    App::named("teams"),
    App::named("google-meet"),
    App::named("messenger"),
    App::named("telegram"),
    App::named("viber"),
];

/// Octets of a side that such a handshake may have.
const OCTETS_MAX: usize = 4_096;
/// Datagrams of STUN after which DTLS is not waited for any more.
const DATAGRAMS_MAX: u8 = 64;

/// LDAP's extended request and response of StartTLS (RFC 4511, section 4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// PostgreSQL's SSLRequest (PostgreSQL, section 53.7).
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];

/// What the flow begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Rdp,
    Ldap,
    Xmpp,
    Socks4,
    Socks5,
    Stun,
}

/// What is known after some octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// More of it comes.
    More,
    /// Nothing else follows.
    Nothing,
    /// TLS follows these octets of client and server.
    Tls(usize, usize),
    /// Anything may follow these.
    Any(usize, usize),
}

/// A flow before its other protocol.
#[derive(Debug)]
pub(super) struct Preamble {
    kind: Kind,
    sides: [Vec<u8>; 2],
    datagrams: u8,
    /// Octets of the latest piece that the next reader has to read.
    rest: usize,
}

impl Preamble {
    /// What may follow in a flow of an application whose client began so; `None`: nothing.
    pub(super) fn of(app: App, is_datagrams: bool, client: &[u8]) -> Option<Self> {
        const POSTGRES: App = App::named("postgresql");
        const RDP: App = App::named("rdp");
        const LDAP: App = App::named("ldap");
        const XMPP: App = App::named("xmpp");
        const SOCKS: App = App::named("socks");
        let kind = match client {
            // RFC 7983: STUN's first two bits are zero; its cookie stands behind the length (RFC 8489, section 5).
            [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] if is_datagrams && CALLS.contains(&app) => Kind::Stun,
            _ if is_datagrams => return None,
            _ if app == POSTGRES && client.starts_with(SSL_REQUEST) => Kind::Postgres,
            [3, ..] if app == RDP => Kind::Rdp,
            // An extended request; whether of StartTLS, is known when it is whole.
            [0x30, ..] if app == LDAP && memchr::memchr(0x77, client).is_some_and(|at| at < 10) => Kind::Ldap,
            [b'<', ..] if app == XMPP => Kind::Xmpp,
            [4, ..] if app == SOCKS => Kind::Socks4,
            [5, ..] if app == SOCKS => Kind::Socks5,
            _ => return None,
        };
        Some(Self {
            kind,
            sides: [const { Vec::new() }; 2],
            datagrams: 0,
            rest: 0,
        })
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.sides.iter().map(Vec::len).sum()
    }

    /// Octets of the latest piece that another protocol has to read.
    pub(super) fn rest(&self) -> usize {
        self.rest
    }

    /// A datagram.
    pub(super) fn datagram(&mut self, octets: &[u8]) -> Step {
        self.datagrams = self.datagrams.saturating_add(1);
        match octets.first() {
            // RFC 7983, section 7: DTLS; STUN or TURN.
            Some(20..=63) => {
                self.rest = octets.len();
                Step::Dtls
            }
            Some(0..=3 | 64..=79) if self.datagrams < DATAGRAMS_MAX => Step::Goes,
            _ => Step::Done,
        }
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let Piece::Octets(octets) = piece else {
            return Step::Done;
        };
        let Some(side) = self.sides.get_mut(usize::from(!forward)) else {
            return Step::Done;
        };
        side.extend_from_slice(octets);
        if side.len() > OCTETS_MAX {
            return Step::Done;
        }
        let [client, server] = &self.sides;
        let next = match self.kind {
            Kind::Postgres => postgres(client, server),
            Kind::Rdp => rdp(client, server),
            Kind::Ldap => ldap(client, server),
            Kind::Xmpp => xmpp(client, server),
            Kind::Socks4 => socks4(client, server),
            Kind::Socks5 => socks5(client, server).unwrap_or(Next::More),
            Kind::Stun => Next::Nothing,
        };
        let (step, used) = match next {
            Next::More => return Step::Goes,
            Next::Nothing => return Step::Done,
            Next::Tls(of_client, of_server) => (Step::Tls, [of_client, of_server]),
            Next::Any(of_client, of_server) => {
                if talk.l7.host.is_none() {
                    talk.l7.host = socks5_host(self.kind, client);
                }
                (Step::Inner, [of_client, of_server])
            }
        };
        let [of_client, of_server] =
            [(client, used[0]), (server, used[1])].map(|(side, used)| side.len().checked_sub(used));
        match (
            if forward { of_client } else { of_server },
            if forward { of_server } else { of_client },
        ) {
            // What the other side sent too early is not read.
            (Some(rest), Some(0)) if rest <= octets.len() => {
                self.rest = rest;
                step
            }
            _ => Step::Done,
        }
    }
}

fn contains(octets: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(octets, what).is_some()
}

/// One octet says whether TLS follows.
fn postgres(client: &[u8], server: &[u8]) -> Next {
    match server.first() {
        None => Next::More,
        Some(b'S') => Next::Tls(client.len().min(SSL_REQUEST.len()), 1),
        Some(b'N') => Next::Any(client.len().min(SSL_REQUEST.len()), 1),
        Some(_) => Next::Nothing,
    }
}

/// The server's connection confirm with what it selected (MS-RDPBCGR, section 2.2.1.2.1): TLS, or CredSSP over TLS.
fn rdp(client: &[u8], server: &[u8]) -> Next {
    match server {
        [3, 0, 0, 19, 14, 0xd0, _, _, _, _, _, 2, _, 8, 0, 1 | 2 | 8, _, _, _, ..] => Next::Tls(client.len(), 19),
        [3, 0, 0, 19, ..] | [3, 0, 0] | [3, 0] | [3] | [] if server.len() < 19 => Next::More,
        _ => Next::Nothing,
    }
}

/// An extended response (tag 120) that begins with the result code of success.
fn ldap(client: &[u8], server: &[u8]) -> Next {
    // SEQUENCE and its length: short, or in up to four octets.
    let (header, length) = match server {
        [0x30, length @ 0..=0x7f, ..] => (2, usize::from(*length)),
        [0x30, count @ 0x81..=0x84, rest @ ..] => {
            let count = usize::from(count & 0x7f);
            let Some(octets) = rest.get(..count) else {
                return Next::More;
            };
            let length = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (2 + count, length)
        }
        [] | [0x30] => return Next::More,
        _ => return Next::Nothing,
    };
    let Some(message) = server.get(header..header.saturating_add(length)) else {
        return Next::More;
    };
    // The message's number, the response, the ENUMERATED 0.
    let is_response = memchr::memchr(0x78, message).is_some_and(|at| at < 7);
    match is_response && contains(message, &[0x0a, 1, 0]) && contains(client, START_TLS) {
        true => Next::Tls(client.len(), header + length),
        false => Next::Nothing,
    }
}

/// RFC 6120, section 5.4: `<starttls/>`, `<proceed/>`.
fn xmpp(client: &[u8], server: &[u8]) -> Next {
    let end_of = |octets: &[u8], name: &[u8]| {
        let start = memchr::memmem::find(octets, name)?;
        Some(start + memchr::memchr(b'>', octets.get(start..)?)? + 1)
    };
    match (end_of(client, b"<starttls"), end_of(server, b"<proceed")) {
        (Some(asked), Some(proceeds)) => {
            // An element that is closed apart.
            let asked = end_of(client, b"</starttls").unwrap_or(asked);
            let proceeds = end_of(server, b"</proceed").unwrap_or(proceeds);
            let rest = client.get(asked..).unwrap_or_default();
            let used = if rest.trim_ascii().is_empty() {
                client.len()
            } else {
                asked
            };
            Next::Tls(used, proceeds)
        }
        _ if contains(client, b"<auth") || contains(client, b"<iq") => Next::Nothing,
        _ => Next::More,
    }
}

/// The answer of SOCKS 4 has eight octets; 90 grants the request.
fn socks4(client: &[u8], server: &[u8]) -> Next {
    match server {
        [0, 0x5a, _, _, _, _, _, _, ..] => match socks4_length(client) {
            Some(length) => Next::Any(length, 8),
            None => Next::Nothing,
        },
        [] | [0] | [0, 0x5a, ..] => Next::More,
        _ => Next::Nothing,
    }
}

/// Version, command, port, address, the user's name and a zero; then, where the address is 0.0.0.x, a name and a zero.
fn socks4_length(client: &[u8]) -> Option<usize> {
    let user = 8 + memchr::memchr(0, client.get(8..)?)? + 1;
    match client.get(4..8)? {
        [0, 0, 0, 1..=255] => Some(user + memchr::memchr(0, client.get(user..)?)? + 1),
        _ => Some(user),
    }
}

/// RFC 1928; with a user's name and password, RFC 1929. `None`: more is to come.
fn socks5(client: &[u8], server: &[u8]) -> Option<Next> {
    let mut asked = 2 + usize::from(*client.get(1)?);
    let mut answered = 2;
    match server.get(..2)? {
        [5, 0] => {}
        [5, 2] => {
            let user = usize::from(*client.get(asked + 1)?);
            let password = usize::from(*client.get(asked + 2 + user)?);
            asked += 3 + user + password;
            if server.get(2..4)? != [1, 0] {
                return Some(Next::Nothing);
            }
            answered += 2;
        }
        _ => return Some(Next::Nothing),
    }
    let request = client.get(asked..)?;
    let reply = server.get(answered..)?;
    let (request_length, reply_length) = (socks5_length(request)?, socks5_length(reply)?);
    match (request, reply) {
        ([5, 1, ..], [5, 0, ..]) => Some(Next::Any(asked + request_length, answered + reply_length)),
        _ => Some(Next::Nothing),
    }
}

/// The length of a request or reply, by its kind of address.
fn socks5_length(message: &[u8]) -> Option<usize> {
    let length = match message.get(3)? {
        1 => 10,
        3 => 7 + usize::from(*message.get(4)?),
        4 => 22,
        _ => 4,
    };
    (message.len() >= length).then_some(length)
}

/// The name that a client asked a SOCKS 5 server to connect to.
fn socks5_host(kind: Kind, client: &[u8]) -> Option<Box<str>> {
    if kind != Kind::Socks5 {
        return None;
    }
    let mut at = 2 + usize::from(*client.get(1)?);
    if client.get(at) == Some(&1) {
        let user = usize::from(*client.get(at + 1)?);
        at += 3 + user + usize::from(*client.get(at + 2 + user)?);
    }
    let [5, 1, 0, 3, length, rest @ ..] = client.get(at..)? else {
        return None;
    };
    let name = rest.get(..usize::from(*length))?;
    std::str::from_utf8(name).ok().and_then(L7::host_name)
}
