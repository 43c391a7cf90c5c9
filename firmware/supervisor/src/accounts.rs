//! Accounts and their passwords.

use api::supervisor::{Account, AccountRole};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};

/// The administrator's account, made by the first set-up.
pub(crate) const ADMIN: &str = "admin";

/// All accounts, as they are on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accounts {
    version: u32,
    accounts: Vec<Stored>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    user: String,
    role: AccountRole,
    /// Counts password changes.
    generation: u64,
    /// argon2id in PHC string format.
    hash: String,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// An account by name.
    pub(crate) fn find(&self, user: &str) -> Option<Account> {
        self.accounts
            .iter()
            .find(|stored| stored.user == user)
            .map(|stored| Account {
                user: stored.user.clone(),
                role: stored.role,
                generation: stored.generation,
            })
    }

    /// The hash that a password is checked against. One that nothing matches stands in for an unknown user's, so
    /// that both take the same time.
    pub(crate) fn hash_of(&self, user: &str) -> Option<&str> {
        self.accounts
            .iter()
            .find(|stored| stored.user == user)
            .map(|stored| stored.hash.as_str())
    }

    /// Sets an administrator's password; the account is made where it is missing.
    pub(crate) fn set_password(&mut self, user: &str, hash: String) {
        self.version = 1;
        match self.accounts.iter_mut().find(|stored| stored.user == user) {
            Some(stored) => {
                stored.hash = hash;
                stored.generation += 1;
            }
            None => self.accounts.push(Stored {
                user: user.to_owned(),
                role: AccountRole::Administrator,
                generation: 1,
                hash,
            }),
        }
    }
}

/// Hashes a password with argon2id (19 MiB, two passes, one lane: OWASP's choice) and a random salt. Takes a
/// noticeable part of a second.
pub(crate) fn hash(password: &str) -> Result<String, String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|e| format!("the password cannot be hashed: {e}"))?;
    Ok(hash.to_string())
}

/// Whether the password belongs to the hash. Without a hash it does the same work and says no.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> bool {
    match hash.and_then(|text| PasswordHash::new(text).ok()) {
        Some(hash) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        None => {
            let mut sink = [0_u8; 32];
            let _ = Argon2::default().hash_password_into(password.as_bytes(), b"no such account", &mut sink);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hashed_with_argon2id_and_verified() {
        let text = hash("correct horse").unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert!(verify("correct horse", Some(&text)));
        assert!(!verify("correct hors", Some(&text)));
        assert!(!verify("", None) && !verify("x", Some("not a hash")));
    }

    #[test]
    fn a_new_password_is_a_new_generation() {
        let mut accounts = Accounts::default();
        accounts.set_password(ADMIN, "a".to_owned());
        accounts.set_password(ADMIN, "b".to_owned());
        assert_eq!(accounts.find(ADMIN).unwrap().generation, 2);
        assert_eq!(accounts.hash_of(ADMIN), Some("b"));
        assert!(!format!("{accounts:?}").contains("hash"));
    }
}
