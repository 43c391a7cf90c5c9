//! Messages of IPMI 1.5 over RMCP (IPMI 2.0, sections 13.6 and 13.8).

use md5::{Digest as _, Md5};

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// MD5 over the password and the message.
    Md5,
    /// The password itself.
    Password,
}

impl Auth {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Md5 => 2,
            Self::Password => 4,
        }
    }
}

/// Why an octet string is no answer to what was asked. It may be a late answer to something else: go on listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It ends too early, or its length is wrong.
    #[error("cut off")]
    Short,
    /// It is no RMCP message of IPMI's class.
    #[error("no IPMI message")]
    NotIpmi,
    /// A checksum is wrong.
    #[error("wrong checksum")]
    Checksum,
    /// It answers something else.
    #[error("answers something else")]
    Other,
}

/// A question to a controller.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The network function (IPMI 2.0, table 5-1).
    pub function: u8,
    /// The command (appendix G).
    pub command: u8,
    /// The logical unit, 0 for most.
    pub lun: u8,
    /// The request's data, at most 64 octets.
    pub data: &'a [u8],
}

impl<'a> Question<'a> {
    /// A question to the first logical unit.
    #[must_use]
    pub const fn new(function: u8, command: u8, data: &'a [u8]) -> Self {
        Self {
            function,
            command,
            lun: 0,
            data,
        }
    }
}

/// What a session has agreed on. Before, all of it is zero.
#[derive(Debug, Clone)]
pub struct Session {
    /// How messages are signed.
    pub auth: Auth,
    /// The session's number, 0 outside one.
    pub id: u32,
    /// The number of the next message to the controller.
    pub sequence: u32,
    /// The password, padded with zeros.
    pub password: [u8; 16],
    /// The number of the next request, 6 bits.
    pub request: u8,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            auth: Auth::None,
            id: 0,
            sequence: 0,
            password: [0; 16],
            request: 0,
        }
    }
}

/// Two's complement of the sum.
fn checksum(octets: &[u8]) -> u8 {
    octets.iter().fold(0u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg()
}

impl Session {
    /// Writes a request and counts it.
    pub fn request(&mut self, question: Question<'_>) -> Vec<u8> {
        let Question {
            function,
            command,
            lun,
            data,
        } = question;
        self.request = (self.request + 1) & 0x3f;
        let head = [0x20, function << 2 | lun & 3];
        let mut message = head.to_vec();
        message.push(checksum(&head));
        let begin = message.len();
        message.extend([0x81, self.request << 2, command]);
        message.extend(data.iter().take(64));
        message.push(checksum(message.get(begin..).unwrap_or_default()));
        let mut out = vec![0x06, 0x00, 0xff, 0x07, self.auth.code()];
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.id.to_le_bytes());
        match self.auth {
            Auth::None => {}
            Auth::Password => out.extend(self.password),
            Auth::Md5 => {
                let mut hash = Md5::new();
                hash.update(self.password);
                hash.update(self.id.to_le_bytes());
                hash.update(&message);
                hash.update(self.sequence.to_le_bytes());
                hash.update(self.password);
                out.extend(hash.finalize());
            }
        }
        out.push(u8::try_from(message.len()).unwrap_or(u8::MAX));
        out.extend(message);
        if self.id != 0 && self.sequence != 0 {
            // 0 is kept for messages outside a session
            self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        }
        out
    }

    /// Opens the answer to the last request: completion code and data.
    ///
    /// # Errors
    /// Where the octets are no answer to it.
    pub fn answer<'a>(&self, question: Question<'_>, octets: &'a [u8]) -> Result<(u8, &'a [u8]), MessageError> {
        let rest = match octets {
            [0x06, _, _, 0x07, rest @ ..] => rest,
            [_, _, _, _, ..] => return Err(MessageError::NotIpmi),
            _ => return Err(MessageError::Short),
        };
        let (auth, rest) = rest.split_first().ok_or(MessageError::Short)?;
        let signature = if *auth == 0 { 0 } else { 16 };
        let rest = rest.get(8 + signature..).ok_or(MessageError::Short)?;
        let (length, rest) = rest.split_first().ok_or(MessageError::Short)?;
        let message = rest.get(..usize::from(*length)).ok_or(MessageError::Short)?;
        let (head, body) = message.split_at_checked(3).ok_or(MessageError::Short)?;
        if checksum(head) != 0 || checksum(body) != 0 {
            return Err(MessageError::Checksum);
        }
        let [_, net, _] = head else {
            return Err(MessageError::Short);
        };
        let (_, body) = body.split_last().ok_or(MessageError::Short)?;
        let [_, number, told, code, data @ ..] = body else {
            return Err(MessageError::Short);
        };
        if net >> 2 != question.function | 1 || *told != question.command || number >> 2 != self.request {
            return Err(MessageError::Other);
        }
        Ok((*code, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: Question<'_> = Question::new(0x0a, 0x23, &[]);

    /// An answer as a controller writes it.
    fn answer(session: &Session, function: u8, command: u8, code: u8, data: &[u8]) -> Vec<u8> {
        let head = [0x81, (function | 1) << 2];
        let mut message = head.to_vec();
        message.push(checksum(&head));
        let mut body = vec![0x20, session.request << 2, command, code];
        body.extend(data);
        body.push(checksum(&body));
        message.extend(body);
        let mut out = vec![6, 0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out.push(u8::try_from(message.len()).expect("short"));
        out.extend(message);
        out
    }

    #[test]
    fn a_request_is_as_the_specification_shows_it() {
        // section 13.6: get channel authentication capabilities of channel 0Eh for an administrator
        let mut session = Session::default();
        let octets = session.request(Question::new(0x06, 0x38, &[0x0e, 0x04]));
        let expected = [
            0x06, 0x00, 0xff, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x20, 0x18, 0xc8, 0x81, 0x04, 0x38, 0x0e, 0x04, 0x31,
        ];
        assert_eq!(octets, expected);
    }

    #[test]
    fn only_the_answer_to_the_question_is_taken() {
        let mut session = Session::default();
        session.request(ASKED);
        let good = answer(&session, 0x0a, 0x23, 0, &[1, 2]);
        assert_eq!(session.answer(ASKED, &good), Ok((0, &[1, 2][..])));
        assert_eq!(
            session.answer(Question::new(0x0a, 0x22, &[]), &good),
            Err(MessageError::Other)
        );
        session.request(ASKED);
        assert_eq!(session.answer(ASKED, &good), Err(MessageError::Other));
        let mut bad = good.clone();
        *bad.last_mut().expect("octets") ^= 1;
        assert_eq!(session.answer(ASKED, &bad), Err(MessageError::Checksum));
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets: Vec<u8>, cut in 0usize..60) {
            let mut session = Session::default();
            session.request(ASKED);
            let _ = session.answer(ASKED, &octets);
            let whole = answer(&session, 0x0a, 0x23, 0, &octets.iter().take(40).copied().collect::<Vec<_>>());
            if cut < whole.len() {
                prop_assert!(session.answer(ASKED, &whole[..cut]).is_err());
            }
        }
    }
}
