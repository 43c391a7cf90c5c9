//! Who is signed in: a bounded table of sessions in memory. Time is a parameter, in seconds of a clock that only goes on.

use std::collections::HashMap;

use api::supervisor::Account;
use sha2::{Digest, Sha256};

/// A session without a request for so long ends.
pub(crate) const IDLE_S: u64 = 30 * 60;
/// A session ends after so long in any case.
pub(crate) const ABSOLUTE_S: u64 = 12 * 3_600;
/// Sessions at a time; the one that was idle longest makes room.
const SESSIONS_MAX: usize = 256;
/// The cookie's name: `__Host-` binds it to this host, to HTTPS and to the path `/` (RFC 6265bis, section 4.1.3.2).
const COOKIE: &str = "__Host-session";

/// A session's place in the table: the SHA-256 of its token, so that the table holds nothing that signs anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey([u8; 32]);

/// The secret that a browser holds: 256 random bits, in hexadecimal digits.
pub(crate) struct Token(String);

impl Token {
    /// A token of random octets.
    pub(crate) fn new(random: [u8; 32]) -> Self {
        Self(random.iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// The token in a request's `Cookie` header.
    pub(crate) fn from_cookies(header: &str) -> Option<Self> {
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == COOKIE && value.len() == 64)
            .map(|(_, value)| Self(value.to_owned()))
    }

    /// The `Set-Cookie` header that hands the token to a browser.
    pub(crate) fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", self.0)
    }

    /// The session's place.
    pub(crate) fn key(&self) -> SessionKey {
        SessionKey(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// The `Set-Cookie` header that takes the token away again.
pub(crate) fn clear_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[derive(Debug)]
struct Session {
    account: Account,
    opened: u64,
    used: u64,
}

impl Session {
    fn expires(&self) -> u64 {
        (self.opened + ABSOLUTE_S).min(self.used + IDLE_S)
    }
}

/// The sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<SessionKey, Session>);

impl Sessions {
    /// Opens a session. Those of the same user under an older generation of the account are void.
    pub(crate) fn open(&mut self, token: &Token, account: Account, now: u64) {
        self.0.retain(|_, session| {
            let stale = session.account.user == account.user && session.account.generation < account.generation;
            now < session.expires() && !stale
        });
        if self.0.len() >= SESSIONS_MAX {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.0.remove(&oldest);
            }
        }
        let session = Session {
            account,
            opened: now,
            used: now,
        };
        self.0.insert(token.key(), session);
    }

    /// The account of a session that is still good; `touch` counts this as use.
    pub(crate) fn find(&mut self, key: SessionKey, touch: bool, now: u64) -> Option<Account> {
        let session = self.0.get_mut(&key)?;
        if now >= session.expires() {
            self.0.remove(&key);
            return None;
        }
        if touch {
            session.used = now;
        }
        Some(session.account.clone())
    }

    /// Ends a session.
    pub(crate) fn close(&mut self, key: SessionKey) {
        self.0.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use api::supervisor::AccountRole;

    use super::*;

    fn account(generation: u64) -> Account {
        Account {
            user: "admin".into(),
            role: AccountRole::Administrator,
            generation,
        }
    }

    fn token(n: u16) -> Token {
        let mut random = [0; 32];
        random[..2].copy_from_slice(&n.to_be_bytes());
        Token::new(random)
    }

    #[test]
    fn a_session_ends_when_idle_and_in_any_case_after_half_a_day() {
        let (mut sessions, token) = (Sessions::default(), token(1));
        sessions.open(&token, account(1), 0);
        assert!(sessions.find(token.key(), false, IDLE_S - 1).is_some());
        assert!(
            sessions.find(token.key(), false, IDLE_S).is_none(),
            "looking on is not use"
        );
        sessions.open(&token, account(1), 0);
        for now in (0..ABSOLUTE_S).step_by(600) {
            assert!(sessions.find(token.key(), true, now).is_some());
        }
        assert!(sessions.find(token.key(), true, ABSOLUTE_S).is_none());
    }

    #[test]
    fn a_changed_password_voids_older_sessions() {
        let mut sessions = Sessions::default();
        sessions.open(&token(1), account(1), 0);
        sessions.open(&token(2), account(2), 1);
        assert!(sessions.find(token(1).key(), true, 2).is_none());
        assert!(sessions.find(token(2).key(), true, 2).is_some());
        sessions.close(token(2).key());
        assert!(sessions.find(token(2).key(), true, 2).is_none());
    }

    #[test]
    fn the_table_is_bounded_and_drops_the_longest_idle() {
        let mut sessions = Sessions::default();
        for n in 0..=256 {
            sessions.open(&token(n), account(1), u64::from(n));
        }
        assert_eq!(sessions.0.len(), SESSIONS_MAX);
        assert!(sessions.find(token(0).key(), true, 256).is_none());
        assert!(sessions.find(token(1).key(), true, 256).is_some());
    }

    #[test]
    fn the_cookie_is_bound_to_host_https_and_site() {
        let cookie = token(7).set_cookie();
        for flag in ["__Host-session=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(cookie.contains(flag), "{flag}");
        }
        assert!(!cookie.contains("Domain"));
        let header = format!("a=b; {}", cookie.split(';').next().unwrap());
        assert_eq!(Token::from_cookies(&header).unwrap().key(), token(7).key());
        assert!(Token::from_cookies("__Host-session=short").is_none());
        assert!(Token::from_cookies("").is_none());
    }
}
