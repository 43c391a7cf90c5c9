//! The protocols that are read on after they are recognised: handshakes to their end, transactions to the flow's end.

use model::{App, DetailKey, L7, LogSource};

use super::dns::{self, Dns};
use super::flow::{Step, Talk};
use super::http1::{self, Http1};
use super::http2::{self, Http2};
use super::log::Line;
use super::login::{self, Login, Protocol};
use super::mail::{self, Smtp};
use super::preamble::Preamble;
use super::quic;
use super::sample::{Sample, TCP, UDP, Verdict};
use super::ssh::{self, Ssh};
use super::stream::Piece;
use super::tls::{self, Datagrams, Handshake, Progress};

/// A protocol that has a reader.
pub(super) struct Readable {
    /// Bits of [`TCP`] and [`UDP`].
    pub transports: u8,
    /// Looks at the first octets.
    pub check: fn(&Sample<'_>) -> Verdict,
    /// Makes the reader.
    pub make: fn(&Sample<'_>) -> Reader,
}

/// All of them; the first that says yes has it.
pub(super) static READERS: &[Readable] = &[
    Readable {
        transports: TCP,
        check: |sample| tls::check(sample, &mut L7::default()),
        make: |_| Reader::tls(),
    },
    Readable {
        transports: UDP,
        check: |sample| quic::check(sample, &mut L7::default()),
        make: |_| Reader::Quic(Box::default()),
    },
    Readable {
        transports: UDP,
        check: |sample| tls::check_dtls(sample, &mut L7::default()),
        make: |_| Reader::Dtls(Box::default()),
    },
    Readable {
        transports: TCP,
        check: http1::check,
        make: |sample| Reader::Http1(Box::new(Http1::new(sample))),
    },
    Readable {
        transports: TCP,
        check: http2::check,
        make: |sample| Reader::Http2(Box::new(Http2::of(sample))),
    },
    Readable {
        transports: TCP | UDP,
        check: dns::check,
        make: |sample| Reader::Dns(Dns::new([sample.src_port, sample.dst_port])),
    },
    Readable {
        transports: TCP,
        check: ssh::check,
        make: |_| Reader::Ssh(Box::default()),
    },
    Readable {
        transports: TCP,
        check: mail::check,
        make: |sample| Reader::Smtp(Box::new(Smtp::new(sample))),
    },
    Readable {
        transports: TCP,
        check: |sample| login::check(sample, Protocol::Ftp),
        make: |sample| Reader::Login(Box::new(Login::new(sample, Protocol::Ftp))),
    },
    Readable {
        transports: TCP,
        check: |sample| login::check(sample, Protocol::Pop3),
        make: |sample| Reader::Login(Box::new(Login::new(sample, Protocol::Pop3))),
    },
    Readable {
        transports: TCP,
        check: |sample| login::check(sample, Protocol::Imap),
        make: |sample| Reader::Login(Box::new(Login::new(sample, Protocol::Imap))),
    },
];

/// A reader at work.
#[derive(Debug)]
pub(super) enum Reader {
    /// The flow is not decided.
    None,
    /// There is none, or it is through.
    Nothing,
    /// A TLS handshake.
    Tls(Box<Handshake>),
    /// A DTLS handshake.
    Dtls(Box<Datagrams>),
    /// A QUIC handshake.
    Quic(Box<quic::Session>),
    /// DNS over UDP or TCP.
    Dns(Dns),
    /// HTTP/1.
    Http1(Box<Http1>),
    /// HTTP/2.
    Http2(Box<Http2>),
    /// SSH.
    Ssh(Box<Ssh>),
    /// SMTP.
    Smtp(Box<Smtp>),
    /// FTP, POP3 or IMAP.
    Login(Box<Login>),
    /// What comes before another protocol.
    Preamble(Box<Preamble>),
}

impl Reader {
    /// A TLS handshake from the next octet on.
    pub(super) fn tls() -> Self {
        Self::Tls(Box::default())
    }

    /// HTTP/2 from the next octet on.
    pub(super) fn http2(client_forward: bool) -> Self {
        Self::Http2(Box::new(Http2::new(client_forward)))
    }

    /// A DTLS handshake from the next datagram on.
    pub(super) fn dtls() -> Self {
        Self::Dtls(Box::default())
    }

    /// Whether the flow's first sender is the client, where the reader can tell.
    pub(super) fn is_client_forward(&self) -> bool {
        match self {
            Self::Http1(http) => http.client_forward,
            _ => true,
        }
    }

    /// Octets of the latest piece that the next reader has to read.
    pub(super) fn rest(&self) -> usize {
        match self {
            Self::Http1(http) => http.rest(),
            Self::Preamble(preamble) => preamble.rest(),
            _ => 0,
        }
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::None | Self::Nothing => 0,
            Self::Tls(tls) => tls.held(),
            Self::Dtls(dtls) => dtls.held(),
            Self::Quic(quic) => quic.held(),
            Self::Dns(dns) => dns.held(),
            Self::Http1(http) => http.held(),
            Self::Http2(http) => http.held(),
            Self::Ssh(ssh) => ssh.held(),
            Self::Smtp(smtp) => smtp.held(),
            Self::Login(login) => login.held(),
            Self::Preamble(preamble) => preamble.held(),
        }
    }

    /// Whether it measures the delays of responses.
    pub(super) fn measures(&self) -> bool {
        matches!(self, Self::Dns(_) | Self::Http1(_) | Self::Http2(_) | Self::Smtp(_))
    }

    /// Whether the server speaks first.
    pub(super) fn is_server_first(&self) -> bool {
        matches!(self, Self::Smtp(_) | Self::Login(_) | Self::Ssh(_))
    }

    /// The server's name, where the flow's facts do not have it yet.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Tls(tls) => tls.host(),
            Self::Dtls(dtls) => dtls.host(),
            Self::Quic(quic) => quic.host(),
            _ => None,
        }
    }

    /// The same, of a reader that is through.
    pub(super) fn take_host(&mut self) -> Option<Box<str>> {
        match self {
            Self::Tls(tls) => tls.take_host(),
            Self::Dtls(dtls) => dtls.take_host(),
            Self::Quic(quic) => quic.take_host(),
            _ => None,
        }
    }

    /// Adds what is not in the flow's facts yet.
    pub(super) fn describe(&self, l7: &mut L7) {
        match self {
            Self::Tls(tls) => tls.describe(l7),
            Self::Dtls(dtls) => dtls.describe(l7),
            Self::Quic(quic) => quic.describe(l7),
            Self::Http2(_) => Http2::describe(l7),
            _ => {}
        }
    }

    /// A datagram.
    pub(super) fn datagram(&mut self, forward: bool, octets: &[u8], talk: &mut Talk<'_, '_>) -> Step {
        match self {
            Self::Dns(dns) => dns.datagram(forward, octets, talk),
            Self::Dtls(dtls) => step(dtls.read(forward, octets, talk.prints)),
            Self::Quic(quic) => step(quic.read(forward, octets, talk.prints)),
            Self::Preamble(preamble) => preamble.datagram(octets),
            _ => Step::Done,
        }
    }

    /// The next of a stream.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        match (self, piece) {
            (Self::Tls(tls), Piece::Octets(octets)) => step(tls.read(forward, octets, talk.prints)),
            // The rest of the handshake cannot be told.
            (Self::Tls(_), Piece::Gap(_)) => Step::Done,
            (Self::Dns(dns), piece) => dns.piece(forward, piece, talk),
            (Self::Http1(http), piece) => http.piece(forward, piece, talk),
            (Self::Http2(http), piece) => http.piece(forward, piece, talk),
            (Self::Ssh(ssh), piece) => ssh.piece(forward, piece, talk),
            (Self::Smtp(smtp), piece) => smtp.piece(forward, piece, talk),
            (Self::Login(login), piece) => login.piece(forward, piece, talk),
            (Self::Preamble(preamble), piece) => preamble.piece(forward, piece, talk),
            (Self::None | Self::Nothing | Self::Dtls(_) | Self::Quic(_), _) => Step::Done,
        }
    }

    /// Nothing more comes: what waits becomes log lines. `app`: what the flow is.
    pub(super) fn finish(&mut self, app: App, talk: &mut Talk<'_, '_>) {
        let handshake = match &*self {
            Self::Tls(tls) => Some((tls.client_forward(), tls.failure())),
            Self::Dtls(dtls) => Some((dtls.client_forward(), dtls.failure())),
            Self::Quic(quic) => Some((quic.client_forward(), quic.failure())),
            _ => None,
        };
        if let Some((forward, failure)) = handshake {
            self.handshake(app, forward, failure, talk);
        }
        match self {
            Self::None
            | Self::Nothing
            | Self::Tls(_)
            | Self::Dtls(_)
            | Self::Quic(_)
            | Self::Ssh(_)
            | Self::Preamble(_) => {}
            Self::Dns(dns) => dns.finish(talk),
            Self::Http1(http) => http.finish(talk),
            Self::Http2(http) => http.finish(talk),
            Self::Smtp(smtp) => smtp.finish(talk),
            Self::Login(login) => login.finish(talk),
        }
    }

    /// The line of a TLS or QUIC session.
    fn handshake(&self, app: App, forward: Option<bool>, failure: Option<&str>, talk: &mut Talk<'_, '_>) {
        if !talk.lines.wanted {
            return;
        }
        let mut l7 = L7::default();
        self.describe(&mut l7);
        let said = |key| l7.details.get(key).unwrap_or_default();
        let (version, cipher, alpn) = (
            said(DetailKey::TlsVersion),
            said(DetailKey::Cipher),
            said(DetailKey::Alpn),
        );
        if l7.host.is_none() && l7.details.is_empty() {
            return;
        }
        let ends = talk.ends(forward.unwrap_or(true));
        let name = match &l7.host {
            Some(host) => host.to_string(),
            None => ends.server.0.to_string(),
        };
        let mut rest = String::new();
        for said in [version, alpn, cipher] {
            if !said.is_empty() {
                rest.push(' ');
                rest.push_str(said);
            }
        }
        if let Some(failure) = failure {
            rest.push_str(" failed: ");
            rest.push_str(failure);
        }
        let line = Line {
            source: LogSource::Tls,
            began: talk.began,
            over: talk.now,
            ends,
            host: l7.host.as_deref().unwrap_or_default(),
            app,
            code: failure.unwrap_or(version),
            failed: failure.is_some(),
            text: format_args!("{name}{rest}"),
        };
        talk.lines.write(&line, |data| data.details(&l7));
    }
}

/// How far a handshake is.
fn step(progress: Progress) -> Step {
    match progress {
        Progress::More | Progress::Hello => Step::More,
        Progress::Done => Step::Done,
        Progress::No => Step::Not,
    }
}
