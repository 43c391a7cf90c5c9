//! The box's own certificate: made at the first boot, kept with its key in one file, made anew when it ends.
//!
//! Nobody signs it but the box, so browsers ask once whether to trust it. It is valid for [`VALID`], the longest that
//! every browser takes for a certificate that its user installed by hand. One that was made by a wrong clock (a box
//! without a clock battery starts in 1970) is made anew once the clock is right.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long a certificate is valid.
const VALID: Duration = Duration::days(825);
/// Of that, before it was made: the reader's clock may be behind.
const BACKDATED: Duration = Duration::days(1);
/// It is made anew when it ends within this time.
const RENEW_BEFORE: Duration = Duration::days(30);
const FILE: &str = "identity.pem";
const NOT_AFTER: &str = "not-after: ";

/// The certificate could not be made, read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The certificate's maker refused.
    #[error("cannot make the certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused the key or certificate.
    #[error("the key and certificate do not fit: {0}")]
    Tls(#[from] rustls::Error),
    /// The file is damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A key, its certificate, and until when it is good.
struct Held {
    key: Arc<CertifiedKey>,
    not_after: OffsetDateTime,
}

impl Held {
    /// Whether it is valid at a time and for some time to come.
    fn is_good(&self, now: OffsetDateTime) -> bool {
        now < self.not_after - RENEW_BEFORE && now >= self.not_after - VALID
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The certificate in use; it can be exchanged while the console runs.
#[derive(Debug)]
pub(crate) struct Identity {
    provider: Arc<CryptoProvider>,
    dir: PathBuf,
    held: RwLock<Held>,
}

impl Identity {
    /// Takes the certificate from `dir`, or makes one and keeps it there. Where it cannot be kept (a full or read-only
    /// disk) it is good until the console stops.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub(crate) fn open(
        dir: &Path,
        names: &[String],
        now: OffsetDateTime,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, IdentityError> {
        let held = match read(dir, &provider) {
            Ok(Some(held)) if held.is_good(now) => held,
            Ok(Some(_)) => {
                log::info!("the certificate ends soon, or begins later than now: making a new one");
                make_and_keep(dir, names, now, &provider)?
            }
            Ok(None) => make_and_keep(dir, names, now, &provider)?,
            Err(error) => {
                let (from, aside) = (dir.join(FILE), dir.join("identity.damaged"));
                log::error!("{error}: setting it aside as {} and making a new one", aside.display());
                if let Err(error) = std::fs::rename(&from, &aside) {
                    log::warn!("cannot set {} aside: {error}", from.display());
                }
                make_and_keep(dir, names, now, &provider)?
            }
        };
        Ok(Self {
            provider,
            dir: dir.to_owned(),
            held: RwLock::new(held),
        })
    }

    /// Whether a new certificate is due.
    pub(crate) fn is_due(&self, now: OffsetDateTime) -> bool {
        self.read(|held| !held.is_good(now))
    }

    /// Makes a new certificate when one is due.
    pub(crate) fn renew(&self, names: &[String], now: OffsetDateTime) {
        if !self.is_due(now) {
            return;
        }
        match make_and_keep(&self.dir, names, now, &self.provider) {
            Ok(new) => {
                log::info!("the certificate was due: a new one is in use");
                *self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
            }
            Err(error) => log::error!("the certificate is due, and there is no new one: {error}"),
        }
    }

    /// The SHA-256 fingerprint, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let key = self.read(|held| held.key.clone());
        let digest = Sha256::digest(key.cert.first().map(AsRef::as_ref).unwrap_or_default());
        let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        octets.join(":")
    }

    fn read<T>(&self, of: impl FnOnce(&Held) -> T) -> T {
        of(&self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read(|held| held.key.clone()))
    }
}

fn make_and_keep(
    dir: &Path,
    names: &[String],
    now: OffsetDateTime,
    provider: &CryptoProvider,
) -> Result<Held, IdentityError> {
    let (text, held) = make(names, now, provider)?;
    if let Err(error) = keep(dir, &text) {
        log::error!("{error}; the certificate is good until the console stops");
    }
    Ok(held)
}

fn make(names: &[String], now: OffsetDateTime, provider: &CryptoProvider) -> Result<(String, Held), IdentityError> {
    let good = names
        .iter()
        .filter(|name| CertificateParams::new(vec![(*name).clone()]).is_ok());
    let mut params = CertificateParams::new(good.cloned().collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "Spanwatch");
    params.not_before = now - BACKDATED;
    params.not_after = params.not_before + VALID;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    let text = format!(
        "{NOT_AFTER}{}\n{}{}",
        params.not_after.unix_timestamp(),
        key.serialize_pem(),
        certificate.pem()
    );
    let held = parse(&text, provider).map_err(rustls::Error::General)?;
    Ok((text, held))
}

fn read(dir: &Path, provider: &CryptoProvider) -> Result<Option<Held>, IdentityError> {
    let path = dir.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IdentityError::Io { path, source }),
    };
    parse(&text, provider)
        .map(Some)
        .map_err(|reason| IdentityError::Damaged { path, reason })
}

fn parse(text: &str, provider: &CryptoProvider) -> Result<Held, String> {
    let not_after = text
        .lines()
        .find_map(|line| line.strip_prefix(NOT_AFTER))
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok())
        .ok_or("it does not say when it ends")?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|e| format!("its key: {e}"))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| format!("its certificate: {e}"))?;
    if chain.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    // Fails, too, where key and certificate are not a pair.
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|e| e.to_string())?;
    Ok(Held {
        key: Arc::new(key),
        not_after,
    })
}

/// Writes the file so that it is there wholly or not at all, readable by the console alone.
fn keep(dir: &Path, text: &str) -> Result<(), IdentityError> {
    let (path, new) = (dir.join(FILE), dir.join("identity.new"));
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().map_err(|source| IdentityError::Io {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open(dir: &Path, now: OffsetDateTime) -> Identity {
        let names = [
            "localhost".to_owned(),
            "10.0.0.1".to_owned(),
            "not a name\u{7f}!".to_owned(),
        ];
        Identity::open(dir, &names, now, Arc::new(rustls::crypto::ring::default_provider())).unwrap()
    }

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 0:00 UTC);

    #[test]
    fn it_is_kept_and_made_anew_when_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path(), NOW).fingerprint();
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(open(dir.path(), NOW + Duration::days(700)).fingerprint(), first);
        let later = open(dir.path(), NOW + Duration::days(800));
        assert_ne!(later.fingerprint(), first);
        let second = later.fingerprint();
        later.renew(&[], NOW + Duration::days(800));
        assert_eq!(later.fingerprint(), second);
        later.renew(&["localhost".into()], NOW + Duration::days(1_600));
        assert_ne!(later.fingerprint(), second);
    }

    #[test]
    fn one_that_a_wrong_clock_made_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let early = open(dir.path(), OffsetDateTime::UNIX_EPOCH + Duration::days(2));
        assert!(early.is_due(NOW));
        assert!(!open(dir.path(), NOW).is_due(NOW));
        assert!(
            open(dir.path(), NOW + Duration::days(9_999)).is_due(NOW),
            "its begin lies in the future"
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path(), NOW).fingerprint();
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for damaged in [
            &text[..text.len() / 2],
            "",
            "not-after: x\n",
            "not-after: 99999999999\n",
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert_ne!(open(dir.path(), NOW).fingerprint(), first);
            assert_eq!(
                std::fs::read_to_string(dir.path().join("identity.damaged")).unwrap(),
                damaged
            );
        }
    }

    #[test]
    fn without_a_disk_it_serves_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        assert!(!open(&file.join("below"), NOW).fingerprint().is_empty());
    }
}
