//! Messages in a stream (RFC 6587 over TCP, RFC 5425 over TLS).

use crate::MESSAGE_MAX;

/// What a stream's frames begin with makes no sense: nothing that follows can be told apart, and the
/// connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramerError {
    /// Octets of the frame that its sender announced, as far as the digits were read.
    pub announced: u64,
}

impl std::fmt::Display for FramerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { announced } = self;
        write!(
            f,
            "the stream announces a message of {announced} octets or more: its sender does not speak syslog"
        )
    }
}

impl std::error::Error for FramerError {}

/// A message's octets that are kept: one more than a parser keeps, so that it marks what was cut.
const KEPT: usize = MESSAGE_MAX + 1;
/// The longest message that a sender may announce.
const ANNOUNCED_MAX: u64 = 16 << 20;

/// Cuts a stream into messages, each framed by its length or by its line end. Holds at most
/// [`MESSAGE_MAX`] octets and a few.
#[derive(Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Between messages.
    #[default]
    Start,
    /// Within digits, which a space makes a length and anything else a message's beginning.
    Length(u64),
    /// Within a message of a known length: octets that are still to come.
    Counted(u64),
    /// Within a message that ends with its line.
    Line,
}

impl Framer {
    /// Takes the stream's next octets and gives each message that they complete to `each`: with
    /// framing removed, longer ones cut to one octet more than [`MESSAGE_MAX`], which
    /// [`parse`](crate::parse) then marks as cut.
    ///
    /// # Errors
    /// When a length is announced that no message has. The stream is of no use then.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), FramerError> {
        while let Some((&first, after)) = bytes.split_first() {
            match self.state {
                State::Start => match first {
                    // Some end a counted message with a line end too.
                    b'\n' | b'\r' | 0 => bytes = after,
                    b'1'..=b'9' => self.state = State::Length(0),
                    _ => self.state = State::Line,
                },
                State::Length(length) => match first {
                    b'0'..=b'9' => {
                        let length = length * 10 + u64::from(first - b'0');
                        self.held.push(first);
                        bytes = after;
                        if self.held.len() > 10 {
                            // Digits of a text, such as a time in nanoseconds.
                            self.state = State::Line;
                        } else {
                            self.state = State::Length(length);
                        }
                    }
                    b' ' => {
                        if length > ANNOUNCED_MAX {
                            return Err(FramerError { announced: length });
                        }
                        self.held.clear();
                        self.state = State::Counted(length);
                        bytes = after;
                    }
                    _ => self.state = State::Line,
                },
                State::Counted(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (part, after) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
                    self.keep(part);
                    bytes = after;
                    let left = left.saturating_sub(part.len() as u64);
                    self.state = State::Counted(left);
                    if left == 0 {
                        self.give(&mut each);
                    }
                }
                State::Line => {
                    let end = bytes.iter().position(|b| matches!(b, b'\n' | 0));
                    let (part, after) = bytes
                        .split_at_checked(end.unwrap_or(bytes.len()))
                        .unwrap_or((bytes, &[]));
                    self.keep(part);
                    bytes = after;
                    if end.is_some() {
                        self.give(&mut each);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the stream's end: the last line may lack its end. Of a counted message that is cut off,
    /// what came is given.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        self.give(&mut each);
    }

    fn keep(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.held.len()).min(part.len());
        self.held.extend_from_slice(part.get(..room).unwrap_or_default());
    }

    fn give(&mut self, each: &mut impl FnMut(&[u8])) {
        if !self.held.is_empty() {
            each(&self.held);
        }
        self.held.clear();
        self.state = State::Start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        for part in parts {
            framer.push(part, |m| found.push(m.to_vec())).unwrap();
        }
        framer.finish(|m| found.push(m.to_vec()));
        found
    }

    #[test]
    fn both_framings_are_read_from_one_stream() {
        let found = all(&[b"5 <1>ab<2>line\n\n6 <3>\nab\n2021-01-05 x\n<4>e\0", b"<5>last"]);
        let expected: [&[u8]; 6] = [b"<1>ab", b"<2>line", b"<3>\nab", b"2021-01-05 x", b"<4>e", b"<5>last"];
        assert_eq!(found, expected);
    }

    #[test]
    fn long_messages_are_cut_and_what_follows_is_read() {
        let long = vec![b'x'; MESSAGE_MAX * 3];
        let mut counted = format!("{} ", long.len()).into_bytes();
        counted.extend_from_slice(&long);
        let found = all(&[&counted, &long, b"\n<1>next\n"]);
        let lengths: Vec<_> = found.iter().map(Vec::len).collect();
        assert_eq!(lengths, [MESSAGE_MAX + 1, MESSAGE_MAX + 1, 7]);
        assert!(Framer::default().push(b"99999999 x", |_| ()).is_err());
        // What is no length is a line.
        assert_eq!(all(&[b"99999999999 x\n"]), [b"99999999999 x"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_does_not_matter_how_the_stream_is_cut(
            messages in prop::collection::vec(("<[0-9]{1,2}>[a-z \n0-9]{0,40}", any::<bool>()), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (text, counted) in messages {
                if counted {
                    stream.extend_from_slice(format!("{} {text}", text.len()).as_bytes());
                    expected.push(text.into_bytes());
                } else {
                    let line = text.replace('\n', " ");
                    stream.extend_from_slice(format!("{line}\n").as_bytes());
                    expected.push(line.into_bytes());
                }
            }
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let parts: Vec<&[u8]> = at.windows(2).filter_map(|w| stream.get(*w.first()?..*w.last()?)).collect();
            prop_assert_eq!(all(&parts), expected);
        }

        #[test]
        fn hostile_streams_are_bounded(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let mut framer = Framer::default();
            for part in parts {
                let _ = framer.push(&part, |m| assert!(m.len() <= KEPT));
                prop_assert!(framer.held.len() <= KEPT);
            }
        }
    }
}
