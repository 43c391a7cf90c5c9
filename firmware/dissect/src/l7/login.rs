//! FTP (RFC 959), POP3 (RFC 1939) and IMAP (RFC 9051): who logs in, and whether it went well. Passwords are not looked at.

use model::{App, Confidence, DetailKey, LogSource, Timestamp};

use super::flow::{Step, Talk};
use super::log::Line;
use super::sample::{Sample, Verdict};
use super::sasl::Mechanism;
use super::stream::Piece;
use super::text::{Partial, short, text, word};

/// Attempts of a flow that are logged.
const ATTEMPTS_MAX: u16 = 1_000;

/// Which of the protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Ftp,
    Pop3,
    Imap,
}

impl Protocol {
    pub(super) fn app(self) -> App {
        match self {
            Self::Ftp => const { App::named("ftp") },
            Self::Pop3 => const { App::named("pop3") },
            Self::Imap => const { App::named("imap") },
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Ftp => 21,
            Self::Pop3 => 110,
            Self::Imap => 143,
        }
    }

    /// What a server says first, and commands that a client says first.
    const fn signs(self) -> (&'static [&'static [u8]], &'static [&'static [u8]]) {
        match self {
            Self::Ftp => (
                &[b"220 ", b"220-"],
                &[b"USER ", b"AUTH TLS", b"AUTH SSL", b"FEAT\r\n", b"SYST\r\n"],
            ),
            Self::Pop3 => (&[b"+OK"], &[b"USER ", b"APOP ", b"CAPA\r\n", b"STLS\r\n", b"AUTH "]),
            Self::Imap => (&[b"* OK", b"* PREAUTH", b"* BYE"], &[]),
        }
    }
}

/// Whether a flow is one of them.
pub(super) fn check(sample: &Sample<'_>, protocol: Protocol) -> Verdict {
    let is = Verdict::Is(protocol.app(), Confidence::Parsed);
    let of_port = [sample.src_port, sample.dst_port].contains(&protocol.port());
    let (greetings, commands) = protocol.signs();
    let mut open = false;
    let (mut greeted, mut asked) = (false, false);
    for octets in [sample.client, sample.server] {
        if octets.is_empty() {
            open = true;
            continue;
        }
        let starts = |with: &[u8]| {
            octets
                .get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        let could = |with: &[u8]| {
            with.get(..octets.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(octets))
        };
        let greets = greetings.iter().any(|with| starts(with));
        let asks = commands.iter().any(|with| starts(with));
        if greets && protocol == Protocol::Ftp && !of_port {
            // SMTP greets in the same way.
            let line = octets
                .split(|octet| *octet == b'\n')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            if memchr::memmem::find(&line, b"FTP").is_some() && line.len() < octets.len() {
                return is;
            }
            if memchr::memmem::find(&line, b"SMTP").is_some() {
                return Verdict::No;
            }
        } else if greets {
            return is;
        }
        if !greets && !asks && !greetings.iter().chain(commands).any(|with| could(with)) {
            return Verdict::No;
        }
        greeted |= greets;
        asked |= asks;
        open |= !greets && !asks;
    }
    if asked && (greeted || of_port) {
        return is;
    }
    if open { Verdict::More } else { Verdict::No }
}

/// An attempt that waits for its outcome.
#[derive(Debug)]
struct Attempt {
    user: Box<str>,
    began: Timestamp,
    /// IMAP: the command's tag.
    tag: Box<[u8]>,
    /// The server is to say the outcome next: the password was sent.
    sent: bool,
}

/// What the client's next line is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expect {
    Command,
    /// The answer to a challenge.
    Credentials(Mechanism),
    /// IMAP: a user's name that was announced by its length.
    Name,
}

/// A session.
#[derive(Debug)]
pub(super) struct Login {
    protocol: Protocol,
    client_forward: bool,
    client: Partial,
    server: Partial,
    expect: Expect,
    attempt: Option<Attempt>,
    attempts: u16,
    greeted: bool,
    /// IMAP: the tag of STARTTLS; POP3 and FTP: something, where its reply comes next.
    tls: Option<Box<[u8]>>,
}

impl Login {
    /// The reader of a flow.
    pub(super) fn new(sample: &Sample<'_>, protocol: Protocol) -> Self {
        let (greetings, _) = protocol.signs();
        let greets = greetings.iter().any(|with| sample.client.starts_with(with));
        Self {
            protocol,
            client_forward: !greets,
            client: Partial::default(),
            server: Partial::default(),
            expect: Expect::Command,
            attempt: None,
            attempts: 0,
            greeted: false,
            tls: None,
        }
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let Piece::Octets(mut octets) = piece else {
            // Which line is which cannot be told any more.
            return Step::Done;
        };
        let from_client = forward == self.client_forward;
        loop {
            let mut partial = std::mem::take(if from_client {
                &mut self.client
            } else {
                &mut self.server
            });
            let taken = partial.take(octets, |line| {
                if from_client {
                    self.command(line, talk);
                    Step::Goes
                } else {
                    self.reply(line, talk)
                }
            });
            *(if from_client {
                &mut self.client
            } else {
                &mut self.server
            }) = partial;
            match taken {
                None => return Step::Goes,
                Some((Step::Goes, rest)) => octets = rest,
                Some((step, _)) => return step,
            }
        }
    }

    /// The flow ends.
    pub(super) fn finish(&mut self, talk: &mut Talk<'_, '_>) {
        if let Some(attempt) = self.attempt.take_if(|attempt| attempt.sent) {
            self.write(&attempt, "no answer", "", true, talk);
        }
    }

    fn command(&mut self, line: &[u8], talk: &mut Talk<'_, '_>) {
        let now = talk.now;
        let attempt = |user: Box<str>, tag: &[u8], sent| {
            Some(Attempt {
                user,
                began: now,
                tag: tag.into(),
                sent,
            })
        };
        match std::mem::replace(&mut self.expect, Expect::Command) {
            Expect::Command => {}
            Expect::Credentials(mechanism) => {
                if let Some(waiting) = &mut self.attempt {
                    if waiting.user.is_empty() {
                        waiting.user = mechanism.user(line).unwrap_or_default();
                    }
                    waiting.sent = true;
                }
                return;
            }
            Expect::Name => {
                if let Some(waiting) = &mut self.attempt {
                    waiting.user = unquoted(word(line).0);
                    waiting.sent = true;
                }
                return;
            }
        }
        let (tag, line) = match self.protocol {
            Protocol::Imap => word(line),
            _ => (&b""[..], line),
        };
        let (verb, rest) = word(line);
        match (self.protocol, verb.to_ascii_uppercase().as_slice()) {
            (Protocol::Ftp | Protocol::Pop3, b"USER") => self.attempt = attempt(short(rest, 128), b"", false),
            (Protocol::Ftp | Protocol::Pop3, b"PASS") => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.sent = true;
                }
            }
            (Protocol::Pop3, b"APOP") => self.attempt = attempt(short(word(rest).0, 128), b"", true),
            (Protocol::Ftp, b"AUTH") | (Protocol::Pop3, b"STLS") => self.tls = Some([].into()),
            (Protocol::Imap, b"STARTTLS") => self.tls = Some(tag.into()),
            (Protocol::Pop3, b"AUTH") | (Protocol::Imap, b"AUTHENTICATE") if !rest.is_empty() => {
                let (mechanism, initial) = word(rest);
                let mechanism = Mechanism::of(mechanism);
                let user = mechanism.user(initial).filter(|_| !initial.is_empty());
                self.attempt = attempt(user.unwrap_or_default(), tag, !initial.is_empty());
                if initial.is_empty() {
                    self.expect = Expect::Credentials(mechanism);
                }
            }
            (Protocol::Imap, b"LOGIN") => {
                if rest.ends_with(b"}") && rest.starts_with(b"{") {
                    self.attempt = attempt(Box::default(), tag, false);
                    self.expect = Expect::Name;
                } else {
                    self.attempt = attempt(unquoted(rest), tag, true);
                }
            }
            _ => {}
        }
    }

    fn reply(&mut self, line: &[u8], talk: &mut Talk<'_, '_>) -> Step {
        if !std::mem::replace(&mut self.greeted, true) {
            let said = match self.protocol {
                Protocol::Ftp => line.get(4..),
                Protocol::Pop3 => line.get(3..),
                Protocol::Imap => line.get(4..),
            };
            talk.detail(DetailKey::Server, &text(said.unwrap_or_default()));
            return Step::Goes;
        }
        let (first, rest) = word(line);
        // The outcome: whether it is one, and whether it went well.
        let (good, code) = match self.protocol {
            Protocol::Ftp => {
                let Some(code) = line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit)) else {
                    return Step::Goes;
                };
                if line.get(3) == Some(&b'-') {
                    return Step::Goes;
                }
                match code.first() {
                    Some(b'2') => (true, text(code)),
                    Some(b'4' | b'5') => (false, text(code)),
                    // The password is asked for.
                    _ => return Step::Goes,
                }
            }
            Protocol::Pop3 => match first {
                b"+OK" => (true, text(b"OK")),
                b"-ERR" => (false, text(b"ERR")),
                _ => return Step::Goes,
            },
            Protocol::Imap => {
                let of = |tag: &[u8]| !tag.is_empty() && tag == first;
                let ours = self.tls.as_deref().is_some_and(of) || self.attempt.as_ref().is_some_and(|a| of(&a.tag));
                if !ours {
                    return Step::Goes;
                }
                let code = word(rest).0;
                (code.eq_ignore_ascii_case(b"OK"), text(code))
            }
        };
        if self.tls.take().is_some() {
            return if good { Step::Tls } else { Step::Goes };
        }
        // A user without a password may be let in at once.
        let at_once = self.protocol == Protocol::Ftp && good && line.starts_with(b"230");
        let Some(attempt) = self.attempt.take_if(|attempt| attempt.sent || at_once) else {
            return Step::Goes;
        };
        talk.detail(DetailKey::User, &attempt.user);
        self.write(
            &attempt,
            if good { "logged in" } else { "was refused" },
            &code,
            !good,
            talk,
        );
        self.attempts += 1;
        if good || self.attempts >= ATTEMPTS_MAX {
            Step::Done
        } else {
            Step::Goes
        }
    }

    fn write(&self, attempt: &Attempt, outcome: &str, code: &str, failed: bool, talk: &mut Talk<'_, '_>) {
        if !talk.lines.wanted {
            return;
        }
        let host = talk.l7.host.clone().unwrap_or_default();
        let app = self.protocol.app();
        let server = talk.l7.details.get(DetailKey::Server).unwrap_or_default().to_owned();
        let line = Line {
            source: LogSource::Session,
            began: attempt.began,
            over: talk.now,
            ends: talk.ends(self.client_forward),
            host: &host,
            app,
            code,
            failed,
            text: format_args!("{app} {} {outcome}", attempt.user),
        };
        talk.lines.write(&line, |data| {
            data.detail(DetailKey::User, &attempt.user);
            data.detail(DetailKey::Server, &server);
        });
    }
}

/// The first string of a command's arguments.
fn unquoted(said: &[u8]) -> Box<str> {
    match said.strip_prefix(b"\"") {
        Some(quoted) => short(quoted.split(|octet| *octet == b'"').next().unwrap_or_default(), 128),
        None => short(word(said).0, 128),
    }
}
