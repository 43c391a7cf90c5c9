//! Whether a stream begins with TLS.

use model::{App, Confidence, L7};

use super::octets::Octets;
use super::records::{self, APPLICATION_DATA, HANDSHAKE};
use super::session::{CLIENT_HELLO, SERVER_HELLO};
use super::ssl2;
use crate::l7::sample::{Sample, Verdict};

const HTTPS: App = App::named("https");
const TLS: App = App::named("tls");
const DNS: App = App::named("dns-over-tls");

/// Recognises TLS by the first octets of a stream, on any port: the beginning of a hello of either side, or a record of a
/// session whose beginning was not seen.
pub(crate) fn check(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let streams = [sample.client, sample.server].map(begins);
    if streams.contains(&Begins::Hello) {
        return Verdict::Is(application(sample), Confidence::Parsed);
    }
    if streams.contains(&Begins::Encrypted) {
        return Verdict::Is(application(sample), Confidence::Pattern);
    }
    // a server may answer in another protocol, a client may not
    if streams.contains(&Begins::More) {
        Verdict::More
    } else {
        Verdict::No
    }
}

/// What a port says of TLS.
fn application(sample: &Sample<'_>) -> App {
    match sample.dst_port {
        443 | 8443 => HTTPS,
        853 => DNS,
        _ if matches!(sample.src_port, 443 | 8443) => HTTPS,
        _ => TLS,
    }
}

/// How a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// With a hello.
    Hello,
    /// With an encrypted record.
    Encrypted,
    /// There is too little to say.
    More,
    /// With something else.
    Other,
}

fn begins(stream: &[u8]) -> Begins {
    match stream.first() {
        None => Begins::More,
        Some(first) if first & 0x80 != 0 => match ssl2::client_hello(stream) {
            Some(_) => Begins::Hello,
            None if stream.len() < 11 && stream.get(2).is_none_or(|kind| *kind == CLIENT_HELLO) => Begins::More,
            None => Begins::Other,
        },
        Some(_) => record(stream),
    }
}

/// How a stream of records begins.
fn record(stream: &[u8]) -> Begins {
    let mut octets = Octets(stream);
    // a header that is not all there is judged by what it could become: of TLS, or of TLCP
    let have = octets.take_up_to(records::HEADER);
    let mut header = if have.get(1) == Some(&1) {
        [0, 1, 1, 0, 0]
    } else {
        [0, 3, 1, 0, 0]
    };
    for (to, from) in header.iter_mut().zip(have) {
        *to = *from;
    }
    let Some((kind, length)) = records::header(header) else {
        return Begins::Other;
    };
    if have.len() < records::HEADER {
        return Begins::More;
    }
    match kind {
        HANDSHAKE if length == 0 => Begins::Other,
        HANDSHAKE => match octets.u8() {
            None => Begins::More,
            Some(CLIENT_HELLO | SERVER_HELLO) => match octets.u24() {
                None if length < 4 => Begins::More,
                None if octets.0.len() < 3 => Begins::More,
                // a hello holds a version and 32 random octets at the least
                Some(34..=0x8000) => Begins::Hello,
                _ => Begins::Other,
            },
            Some(_) => Begins::Other,
        },
        APPLICATION_DATA if length > 0 => Begins::Encrypted,
        _ => Begins::Other,
    }
}
