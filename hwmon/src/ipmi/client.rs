//! Asking a controller over a LAN, one question at a time, with a deadline for all of them.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::controller::{Ask, Controller};
use super::{Auth, IpmiError, Question, Session};

/// How long one answer is waited for before the question is asked again.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// How often a question is asked.
const TRIES: u32 = 3;
const APP: u8 = 0x06;

/// Who asks. Both may be empty.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// User name, 16 octets at most.
    pub user: String,
    /// Password, 16 octets at most.
    pub password: String,
}

/// A session with a controller.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
    at: String,
    session: Session,
    deadline: Instant,
}

fn padded(text: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    out
}

impl Client {
    /// Opens a session at `at` (`HOST:PORT`); everything that is asked has to be answered within `patience`.
    ///
    /// # Errors
    /// Where the controller cannot be reached, or refuses user or password.
    pub fn connect(at: &str, login: &Login, patience: Duration) -> Result<Self, IpmiError> {
        let failed = |source| IpmiError::Socket {
            at: at.to_owned(),
            source,
        };
        let remote = std::net::ToSocketAddrs::to_socket_addrs(at).map_err(failed)?.next();
        let remote = remote.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        let local = if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).map_err(failed)?;
        socket.connect(remote).map_err(failed)?;
        let mut client = Self {
            socket,
            at: at.to_owned(),
            session: Session::default(),
            deadline: Instant::now() + patience,
        };
        client.log_in(login)?;
        Ok(client)
    }

    fn log_in(&mut self, login: &Login) -> Result<(), IpmiError> {
        // section 22.13: the channel that is asked through, for an operator
        let what = "its ways to log in";
        let told = self.ask(Question::new(APP, 0x38, &[0x0e, 0x03]), what)?;
        let [_, ways, ..] = told.as_slice() else {
            return Err(self.malformed(what));
        };
        let offered = |auth: Auth| ways >> auth.code() & 1 == 1;
        let wanted: &[Auth] = if login.password.is_empty() {
            &[Auth::None, Auth::Md5, Auth::Password]
        } else {
            &[Auth::Md5, Auth::Password, Auth::None]
        };
        let auth = wanted
            .iter()
            .copied()
            .find(|a| offered(*a))
            .ok_or_else(|| IpmiError::Refused {
                at: self.at.clone(),
                what,
                code: 0,
                todo: "allow MD5 for IPMI 1.5 sessions in its settings",
            })?;
        let what = "the user";
        let mut challenge = vec![auth.code()];
        challenge.extend(padded(&login.user));
        let told = self.ask(Question::new(APP, 0x39, &challenge), what)?;
        let Some((id, challenge)) = told.split_first_chunk::<4>() else {
            return Err(self.malformed(what));
        };
        self.session.id = u32::from_le_bytes(*id);
        self.session.auth = auth;
        self.session.password = padded(&login.password);
        let what = "the password";
        // operator, the challenge, and where its own numbers shall begin
        let mut activate = vec![auth.code(), 0x03];
        activate.extend(challenge.iter().take(16));
        activate.extend(1u32.to_le_bytes());
        let told = match self.ask(Question::new(APP, 0x3a, &activate), what) {
            // the user may be no operator: ask as a user
            Err(IpmiError::Refused { code: 0x86, .. }) => {
                if let Some(level) = activate.get_mut(1) {
                    *level = 0x02;
                }
                self.ask(Question::new(APP, 0x3a, &activate), what)?
            }
            other => other?,
        };
        let [auth_now, a, b, c, d, e, f, g, h, ..] = *told.as_slice() else {
            return Err(self.malformed(what));
        };
        self.session.auth = match auth_now & 0x0f {
            0 => Auth::None,
            2 => Auth::Md5,
            4 => Auth::Password,
            _ => return Err(self.malformed(what)),
        };
        self.session.id = u32::from_le_bytes([a, b, c, d]);
        self.session.sequence = u32::from_le_bytes([e, f, g, h]).max(1);
        Ok(())
    }

    /// Every sensor's reading, as [`Controller::readings`] has it, for one who asks once.
    ///
    /// # Errors
    /// Where the sensor records cannot be read.
    pub fn readings(&mut self) -> Result<Vec<crate::Reading>, IpmiError> {
        Controller::new(self).readings()
    }

    fn malformed(&self, what: &'static str) -> IpmiError {
        IpmiError::Malformed {
            at: self.at.clone(),
            what,
        }
    }
}

impl Ask for Client {
    fn within(&mut self, patience: Duration) {
        self.deadline = Instant::now() + patience;
    }

    /// Asks until an answer comes, and looks at its code.
    fn ask(&mut self, question: Question<'_>, what: &'static str) -> Result<Vec<u8>, IpmiError> {
        let failed = |at: &str, source| IpmiError::Socket {
            at: at.to_owned(),
            source,
        };
        for _ in 0..TRIES {
            let octets = self.session.request(question);
            if let Err(error) = self.socket.send(&octets)
                && error.kind() != std::io::ErrorKind::ConnectionRefused
            {
                return Err(failed(&self.at, error));
            }
            let until = (Instant::now() + PATIENCE).min(self.deadline);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.socket
                    .set_read_timeout(Some(left))
                    .map_err(|e| failed(&self.at, e))?;
                let mut octets = [0; 512];
                // refused or timed out: the deadline ends it
                let Ok(length) = self.socket.recv(&mut octets) else {
                    std::thread::sleep(Duration::from_millis(10).min(left));
                    continue;
                };
                match self.session.answer(question, octets.get(..length).unwrap_or_default()) {
                    Ok((0, data)) => return Ok(data.to_vec()),
                    Ok((code, _)) => return Err(IpmiError::refused(&self.at, what, code)),
                    // a late answer, or somebody else's
                    Err(_) => {}
                }
            }
        }
        Err(IpmiError::Timeout {
            at: self.at.clone(),
            what,
        })
    }

    fn at(&self) -> &str {
        &self.at
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.sequence != 0 {
            // section 22.19, without waiting for the answer
            let id = self.session.id.to_le_bytes();
            let octets = self.session.request(Question::new(APP, 0x3c, &id));
            let _ = self.socket.send(&octets);
        }
    }
}
