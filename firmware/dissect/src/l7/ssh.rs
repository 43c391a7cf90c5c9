//! SSH: what both sides call themselves (RFC 4253, section 4.2).

use model::{App, Confidence, DetailKey};

use super::flow::{Step, Talk};
use super::sample::{Sample, Verdict};
use super::stream::Piece;
use super::text::{Partial, short};

const SIGN: &[u8] = b"SSH-";
/// Lines that a server may say before.
const LINES_MAX: u8 = 16;

/// The application.
pub(super) fn app() -> App {
    const { App::named("ssh") }
}

/// Whether a flow is SSH.
pub(super) fn check(sample: &Sample<'_>) -> Verdict {
    let sides = [sample.client, sample.server];
    if sides.iter().any(|octets| octets.starts_with(SIGN)) {
        return Verdict::Is(app(), Confidence::Parsed);
    }
    let could = |octets: &[u8]| SIGN.starts_with(octets);
    if sides.iter().any(|octets| could(octets)) {
        Verdict::More
    } else {
        Verdict::No
    }
}

/// The beginning of a connection.
#[derive(Debug, Default)]
pub(super) struct Ssh {
    sides: [Side; 2],
}

#[derive(Debug, Default)]
struct Side {
    partial: Partial,
    said: Option<Box<str>>,
    lines: u8,
}

impl Ssh {
    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.sides.iter().map(|side| side.partial.held()).sum()
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let Piece::Octets(mut octets) = piece else {
            return Step::Done;
        };
        let Some(side) = self.sides.get_mut(usize::from(!forward)) else {
            return Step::Done;
        };
        while side.said.is_none() {
            let taken = side
                .partial
                .take(octets, |line| line.starts_with(SIGN).then(|| short(line, 255)));
            let Some((said, rest)) = taken else { return Step::More };
            octets = rest;
            side.lines += 1;
            if said.is_none() && side.lines >= LINES_MAX {
                return Step::Done;
            }
            side.said = said;
        }
        let [client, server] = &self.sides;
        let said = |said: &Option<Box<str>>| {
            // SSH-2.0-OpenSSH_9.2p1 Debian-2
            let mut parts = said.as_deref()?.splitn(3, '-').skip(1);
            Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
        };
        match (said(&client.said), said(&server.said)) {
            (Some((version, agent)), Some((_, server))) => {
                talk.detail(DetailKey::Version, &version);
                talk.detail(DetailKey::Agent, &agent);
                talk.detail(DetailKey::Server, &server);
                Step::Done
            }
            (Some((version, agent)), None) => {
                talk.detail(DetailKey::Version, &version);
                talk.detail(DetailKey::Agent, &agent);
                Step::More
            }
            (None, Some((version, server))) => {
                talk.detail(DetailKey::Version, &version);
                talk.detail(DetailKey::Server, &server);
                Step::More
            }
            (None, None) => Step::More,
        }
    }
}
