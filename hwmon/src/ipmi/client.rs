//! Asking a controller over a LAN, one question at a time, with a deadline for all of them.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::{Auth, IpmiError, Sensor, Session, parse_sdr, reading};
use crate::{NoData, Reading};

/// How long one answer is waited for before the question is asked again.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// How often a question is asked.
const TRIES: u32 = 3;
/// The most records of a repository.
const RECORDS_MAX: usize = 1_024;
/// The most octets of one read of a record: controllers refuse longer ones.
const CHUNK: u8 = 16;

const APP: u8 = 0x06;
const SENSOR: u8 = 0x04;
const STORAGE: u8 = 0x0a;

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
        let told = self.ask(APP, 0x38, 0, &[0x0e, 0x03], what)?;
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
        let told = self.ask(APP, 0x39, 0, &challenge, what)?;
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
        let told = match self.ask(APP, 0x3a, 0, &activate, what) {
            // the user may be no operator: ask as a user
            Err(IpmiError::Refused { code: 0x86, .. }) => {
                if let Some(level) = activate.get_mut(1) {
                    *level = 0x02;
                }
                self.ask(APP, 0x3a, 0, &activate, what)?
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

    fn malformed(&self, what: &'static str) -> IpmiError {
        IpmiError::Malformed {
            at: self.at.clone(),
            what,
        }
    }

    /// Asks until an answer comes, its code is looked at, and its data given.
    fn ask(
        &mut self,
        function: u8,
        command: u8,
        lun: u8,
        data: &[u8],
        what: &'static str,
    ) -> Result<Vec<u8>, IpmiError> {
        let failed = |at: &str, source| IpmiError::Socket {
            at: at.to_owned(),
            source,
        };
        for _ in 0..TRIES {
            let question = self.session.request(function, command, lun, data);
            if let Err(error) = self.socket.send(&question)
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
                match self
                    .session
                    .answer(function, command, octets.get(..length).unwrap_or_default())
                {
                    Ok((0, data)) => return Ok(data.to_vec()),
                    Ok((code, _)) => {
                        return Err(IpmiError::Refused {
                            at: self.at.clone(),
                            what,
                            code,
                            todo: match code {
                                0x81 | 0x82 => "name a user that it knows",
                                0xc0 => "ask again later",
                                0xd4 => "use an account with the operator's rights",
                                _ => "check user and password",
                            },
                        });
                    }
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

    /// Every sensor that the repository describes, in small reads.
    ///
    /// # Errors
    /// Where the controller stops to answer. Records that make no sense are left out.
    pub fn sensors(&mut self) -> Result<Vec<Sensor>, IpmiError> {
        let mut sensors = Vec::new();
        let mut record = 0u16;
        let mut reservation = self.reserve()?;
        for _ in 0..RECORDS_MAX {
            let (next, octets) = match self.record(record, reservation) {
                // the repository changed meanwhile
                Err(IpmiError::Refused { code: 0xc5, .. }) => {
                    reservation = self.reserve()?;
                    self.record(record, reservation)?
                }
                other => other?,
            };
            sensors.extend(parse_sdr(&octets));
            if next == 0xffff || next == record {
                break;
            }
            record = next;
        }
        Ok(sensors)
    }

    fn reserve(&mut self) -> Result<[u8; 2], IpmiError> {
        let what = "a reservation of its sensor records";
        let told = self.ask(STORAGE, 0x22, 0, &[], what)?;
        told.first_chunk::<2>().copied().ok_or_else(|| self.malformed(what))
    }

    /// One record with its header, and the number of the next.
    fn record(&mut self, record: u16, reservation: [u8; 2]) -> Result<(u16, Vec<u8>), IpmiError> {
        let what = "a sensor record";
        let mut octets: Vec<u8> = Vec::new();
        let mut length = 5usize;
        let mut next = 0xffff;
        let mut chunk = CHUNK;
        while octets.len() < length {
            let [low, high] = record.to_le_bytes();
            let [r0, r1] = reservation;
            let offset = u8::try_from(octets.len()).unwrap_or(u8::MAX);
            let wanted = u8::try_from(length - octets.len()).unwrap_or(chunk).min(chunk);
            let told = match self.ask(STORAGE, 0x23, 0, &[r0, r1, low, high, offset, wanted], what) {
                // it cannot give so many octets at a time
                Err(IpmiError::Refused {
                    code: 0xca | 0xc7 | 0xc8,
                    ..
                }) if chunk > 4 => {
                    chunk /= 2;
                    continue;
                }
                other => other?,
            };
            let Some(([n0, n1], part)) = told.split_first_chunk::<2>() else {
                return Err(self.malformed(what));
            };
            if part.is_empty() {
                return Err(self.malformed(what));
            }
            next = u16::from_le_bytes([*n0, *n1]);
            octets.extend(part);
            if octets.len() >= 5 {
                length = 5 + usize::from(octets.get(4).copied().unwrap_or(0));
            }
        }
        octets.truncate(length);
        Ok((next, octets))
    }

    /// Every sensor's reading. One that the controller refuses to read is missing; where it stops to answer, so is the rest.
    ///
    /// # Errors
    /// Where the sensor records cannot be read.
    pub fn readings(&mut self) -> Result<Vec<Reading>, IpmiError> {
        let sensors = self.sensors()?;
        let mut dead = false;
        let mut readings = Vec::new();
        for sensor in &sensors {
            let told = if dead {
                Err(NoData::Timeout)
            } else {
                match self.ask(SENSOR, 0x2d, sensor.lun, &[sensor.number], "a sensor's reading") {
                    Ok(data) => Ok(data),
                    Err(IpmiError::Refused { code: 0xcb | 0xcd, .. }) => Err(NoData::NotPresent),
                    Err(IpmiError::Refused { .. }) => Err(NoData::Failed),
                    Err(_) => {
                        dead = true;
                        Err(NoData::Timeout)
                    }
                }
            };
            readings.push(reading(sensor, told.as_deref().map_err(|e| *e)));
        }
        Ok(readings)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.sequence != 0 {
            // section 22.19, without waiting for the answer
            let id = self.session.id.to_le_bytes();
            let question = self.session.request(APP, 0x3c, 0, &id);
            let _ = self.socket.send(&question);
        }
    }
}
