//! SMTP (RFC 5321) and LMTP: the envelopes of mails. What is in a mail is passed over.

use std::collections::VecDeque;

use model::{App, Confidence, DetailKey, L7, LogSource, Timestamp};

use super::flow::{Step, Talk};
use super::log::{Line, Size, Took, micros};
use super::sample::{Sample, Verdict};
use super::sasl::Mechanism;
use super::stream::Piece;
use super::text::{Partial, short, text, word};

/// Commands that wait for their replies.
const PENDING_MAX: usize = 64;
/// Recipients that are named.
const RECIPIENTS_MAX: usize = 8;
/// What is kept of an address.
const ADDRESS_MAX: usize = 254;

/// The application.
pub(super) fn app() -> App {
    const { App::named("smtp") }
}

/// Whether a flow is SMTP: the server's greeting, or the client's.
pub(super) fn check(sample: &Sample<'_>) -> Verdict {
    let is = Verdict::Is(app(), Confidence::Parsed);
    let of_port = [sample.src_port, sample.dst_port]
        .iter()
        .any(|port| [25, 465, 587, 2525].contains(port));
    let mut open = false;
    for octets in [sample.client, sample.server] {
        let starts = |with: &[u8]| {
            octets
                .get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        let could = |with: &[u8]| {
            with.get(..octets.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(octets))
        };
        if octets.is_empty() {
            continue;
        }
        let hello: [&[u8]; 3] = [b"EHLO ", b"HELO ", b"LHLO "];
        let greeting: [&[u8]; 4] = [b"220 ", b"220-", b"554 ", b"421 "];
        if hello.iter().any(|hello| starts(hello)) {
            return is;
        }
        open |= hello.iter().chain(&greeting).any(|with| could(with));
        if greeting.iter().any(|greeting| starts(greeting)) {
            match memchr::memchr(b'\n', octets) {
                None => open |= octets.len() < 512,
                Some(end) => {
                    let line = octets.get(..end).unwrap_or_default().to_ascii_uppercase();
                    if memchr::memmem::find(&line, b"SMTP").is_some() || (of_port && !line.starts_with(b"220 FTP")) {
                        return is;
                    }
                    // The client's hello will tell.
                    open |= memchr::memmem::find(&line, b"FTP").is_none()
                        && sample.client_packets.min(sample.server_packets) == 0;
                }
            }
        }
    }
    if open { Verdict::More } else { Verdict::No }
}

/// A command that waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Greeting,
    Hello,
    Mail,
    Recipient,
    Data,
    /// The end of a mail's octets.
    Sent,
    StartTls,
    Other,
}

/// What the client's next octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Commands,
    /// A mail, to the line with a dot alone.
    Mail,
    /// A part of a mail, so many octets; whether it is the last (RFC 3030).
    Chunk(u64, bool),
    /// The answer to a challenge.
    Credentials(Mechanism),
    /// A gap took away where commands begin.
    Lost,
}

#[derive(Debug, Default)]
struct Envelope {
    from: Option<Box<str>>,
    to: Vec<Box<str>>,
    recipients: u32,
    refused: Option<u16>,
    octets: u64,
    began: Timestamp,
    sent: Option<Timestamp>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Smtp {
    client_forward: bool,
    phase: Phase,
    client: Partial,
    server: Partial,
    pending: VecDeque<Command>,
    envelope: Envelope,
    /// The server's direction is not understood any more.
    deaf: bool,
    starts_tls: bool,
}

impl Smtp {
    /// The reader of a flow.
    pub(super) fn new(sample: &Sample<'_>) -> Self {
        let greets = |octets: &[u8]| octets.first().is_some_and(u8::is_ascii_digit);
        Self {
            client_forward: !greets(sample.client),
            phase: Phase::Commands,
            client: Partial::default(),
            server: Partial::default(),
            pending: if greets(sample.client) || greets(sample.server) {
                VecDeque::from([Command::Greeting])
            } else {
                VecDeque::new()
            },
            envelope: Envelope::default(),
            deaf: false,
            starts_tls: false,
        }
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.client.held() + self.server.held()
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        match (forward == self.client_forward, piece) {
            (true, Piece::Octets(octets)) => self.commands(octets, talk),
            (true, Piece::Gap(octets)) => self.gap(octets),
            (false, Piece::Octets(octets)) if !self.deaf => {
                let mut rest = octets;
                while let Some((reply, after)) = self.server.take(rest, reply) {
                    rest = after;
                    if let Some((code, said)) = reply {
                        self.reply(code, &said, talk);
                    }
                    if self.starts_tls {
                        return Step::Tls;
                    }
                }
            }
            (false, Piece::Octets(_)) => {}
            (false, Piece::Gap(_)) => {
                // Which reply is to which command cannot be told any more.
                self.deaf = true;
                self.server.clear();
            }
        }
        if self.deaf && self.phase == Phase::Lost {
            return Step::Done;
        }
        Step::Goes
    }

    /// The flow ends.
    pub(super) fn finish(&mut self, talk: &mut Talk<'_, '_>) {
        self.write(self.envelope.refused, talk);
    }

    fn commands(&mut self, mut octets: &[u8], talk: &mut Talk<'_, '_>) {
        while !octets.is_empty() {
            match self.phase {
                Phase::Lost => return,
                Phase::Chunk(left, last) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
                    octets = octets.get(count..).unwrap_or_default();
                    let left = left - count as u64;
                    self.phase = Phase::Chunk(left, last);
                    if left == 0 {
                        self.phase = Phase::Commands;
                        self.expect(if last { Command::Sent } else { Command::Other });
                        if last {
                            self.envelope.sent = Some(talk.now);
                        }
                    }
                }
                Phase::Mail => {
                    let before = octets.len();
                    let Some((end, rest)) = self.client.take(octets, |line| line == b".") else {
                        self.envelope.octets += before as u64;
                        return;
                    };
                    octets = rest;
                    self.envelope.octets += (before - rest.len()) as u64;
                    if end {
                        self.phase = Phase::Commands;
                        self.envelope.sent = Some(talk.now);
                        self.expect(Command::Sent);
                    }
                }
                Phase::Commands | Phase::Credentials(_) => {
                    let mut client = std::mem::take(&mut self.client);
                    let taken = client.take(octets, |line| self.command(line, talk));
                    self.client = client;
                    let Some(((), rest)) = taken else { return };
                    octets = rest;
                }
            }
        }
    }

    fn command(&mut self, line: &[u8], talk: &mut Talk<'_, '_>) {
        if let Phase::Credentials(mechanism) = self.phase {
            self.phase = Phase::Commands;
            if let Some(user) = mechanism.user(line) {
                talk.detail(DetailKey::User, &user);
            }
            // The password's turn may follow: it is a line that is no command.
            self.expect(Command::Other);
            return;
        }
        let (verb, rest) = word(line);
        let verb = verb.to_ascii_uppercase();
        let command = match verb.as_slice() {
            b"EHLO" | b"HELO" | b"LHLO" => {
                talk.detail(DetailKey::Agent, &text(rest));
                Command::Hello
            }
            b"MAIL" => {
                if self.envelope.from.is_some() {
                    self.write(self.envelope.refused, talk);
                }
                self.envelope = Envelope {
                    from: Some(address(rest)),
                    began: talk.now,
                    ..Envelope::default()
                };
                Command::Mail
            }
            b"RCPT" => {
                self.envelope.recipients += 1;
                if self.envelope.to.len() < RECIPIENTS_MAX {
                    self.envelope.to.push(address(rest));
                }
                Command::Recipient
            }
            b"DATA" => {
                self.phase = Phase::Mail;
                Command::Data
            }
            b"BDAT" => {
                let (size, last) = word(rest);
                let size = std::str::from_utf8(size).ok().and_then(|size| size.trim().parse().ok());
                let last = last.trim_ascii().eq_ignore_ascii_case(b"LAST");
                let size: u64 = size.unwrap_or(0);
                self.envelope.octets = self.envelope.octets.saturating_add(size);
                if size > 0 {
                    self.phase = Phase::Chunk(size, last);
                    return;
                }
                if last { Command::Sent } else { Command::Other }
            }
            b"STARTTLS" => Command::StartTls,
            b"AUTH" => {
                let (mechanism, initial) = word(rest);
                let mechanism = Mechanism::of(mechanism);
                if initial.is_empty() {
                    self.phase = Phase::Credentials(mechanism);
                } else if let Some(user) = mechanism.user(initial) {
                    talk.detail(DetailKey::User, &user);
                }
                Command::Other
            }
            b"RSET" | b"QUIT" => {
                self.write(self.envelope.refused, talk);
                Command::Other
            }
            _ => Command::Other,
        };
        self.expect(command);
    }

    fn expect(&mut self, command: Command) {
        if self.pending.len() < PENDING_MAX {
            self.pending.push_back(command);
        } else {
            self.deaf = true;
        }
    }

    fn reply(&mut self, code: u16, said: &str, talk: &mut Talk<'_, '_>) {
        let Some(command) = self.pending.pop_front() else {
            return;
        };
        let failed = code >= 400;
        match command {
            Command::Greeting => {
                let name = said.split(' ').next().unwrap_or_default();
                if talk.l7.host.is_none() && name.contains('.') {
                    talk.l7.host = L7::host_name(name);
                }
                talk.detail(DetailKey::Server, said);
            }
            Command::Mail | Command::Recipient if failed => self.envelope.refused = Some(code),
            Command::Data if code != 354 => {
                self.envelope.refused = Some(code);
                if self.phase == Phase::Mail {
                    self.phase = Phase::Commands;
                }
            }
            Command::Sent => self.write(Some(code), talk),
            Command::StartTls => self.starts_tls = code == 220,
            _ => {}
        }
    }

    /// Writes the envelope's line, where there is one.
    fn write(&mut self, code: Option<u16>, talk: &mut Talk<'_, '_>) {
        let envelope = std::mem::take(&mut self.envelope);
        let Some(from) = envelope.from.filter(|_| talk.lines.wanted) else {
            return;
        };
        let response_us = envelope
            .sent
            .filter(|_| code.is_some())
            .map(|sent| micros(sent, talk.now));
        if let Some(us) = response_us {
            talk.responses.add(us);
        }
        let to = envelope.to.join(", ");
        let others = match envelope.recipients as usize {
            all if all > RECIPIENTS_MAX => format!(" and {} more", all - RECIPIENTS_MAX),
            _ => String::new(),
        };
        let outcome = code.map(|code| code.to_string()).unwrap_or_default();
        let shown = match (&*outcome, envelope.sent) {
            ("", None) => "not sent",
            ("", Some(_)) => "no answer",
            (code, _) => code,
        };
        let size = match envelope.octets {
            0 => String::new(),
            octets => format!(" {}", Size(octets)),
        };
        let took = response_us.map(|us| format!(" {}", Took(us))).unwrap_or_default();
        let host = talk.l7.host.clone().unwrap_or_default();
        let user = talk.l7.details.get(DetailKey::User).unwrap_or_default().to_owned();
        let line = Line {
            source: LogSource::Mail,
            began: envelope.began,
            over: talk.now,
            ends: talk.ends(self.client_forward),
            host: &host,
            app: app(),
            code: &outcome,
            failed: code.is_none_or(|code| code >= 400),
            text: format_args!("{} → {to}{others} {shown}{size}{took}", sender(&from)),
        };
        talk.lines.write(&line, |data| {
            data.push("from", &from);
            data.push("to", &to);
            data.detail(DetailKey::User, &user);
            data.push("request_bytes", &envelope.octets);
            data.push_some("response_us", response_us);
        });
    }

    fn gap(&mut self, octets: u32) {
        self.client.clear();
        match &mut self.phase {
            // Within a mail a gap matters only where it hides the end: the server's reply comes then, and nothing else.
            Phase::Mail => self.envelope.octets += u64::from(octets),
            Phase::Chunk(left, _) if *left > u64::from(octets) => *left -= u64::from(octets),
            _ => self.phase = Phase::Lost,
        }
    }
}

/// The code and text of a reply's last line.
fn reply(line: &[u8]) -> Option<(u16, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    match rest.first() {
        Some(b'-') => None,
        _ => Some((code, text(rest).into_owned())),
    }
}

/// The address of `FROM:<a@example.com> SIZE=1`.
fn address(said: &[u8]) -> Box<str> {
    let said = match memchr::memchr(b':', said) {
        Some(colon) => said.get(colon + 1..).unwrap_or_default().trim_ascii_start(),
        None => said,
    };
    let inner = said
        .strip_prefix(b"<")
        .and_then(|said| said.get(..memchr::memchr(b'>', said)?));
    short(inner.unwrap_or_else(|| word(said).0), ADDRESS_MAX)
}

/// The null sender is that of bounces.
fn sender(from: &str) -> &str {
    if from.is_empty() { "<>" } else { from }
}
