//! The certificate of syslog over TLS: made once, and kept with its key. Senders are told to trust this very one
//! (RFC 5425, section 4.2.1), so it does not end while the box lives: a new one would cut all of them off.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const FILE: &str = "syslog-tls.pem";

/// What TLS needs, and the certificate's SHA-256 in hexadecimal.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) fingerprint: String,
}

impl Identity {
    /// Takes the certificate from the folder, or makes one. One that is damaged is set aside; where it cannot be kept it
    /// is good until the program stops.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(pem) => match Self::of(&pem) {
                Ok(identity) => return Ok(identity),
                Err(e) => {
                    log::error!(EVENT = "certificate"; "{} is damaged ({e:#}): a new certificate is made", path.display());
                    let _ = std::fs::rename(&path, folder.join("syslog-tls.damaged"));
                }
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => log::error!(EVENT = "certificate"; "cannot read {}: {e}", path.display()),
        }
        let pem = make().context("cannot make a certificate")?;
        if let Err(e) = keep(&path, pem.as_bytes()) {
            log::error!(EVENT = "certificate"; "cannot keep {}: {e}; it is good until the collector stops", path.display());
        }
        Self::of(pem.as_bytes())
    }

    fn of(pem: &[u8]) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|e| anyhow::anyhow!("its key: {e}"))?;
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|e| anyhow::anyhow!("its certificate: {e}"))?;
        let digest = Sha256::digest(&certificate);
        let fingerprint = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
        })
    }
}

fn make() -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["spanwatch".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "Spanwatch syslog");
    // A box's clock may be wrong when this is made.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

/// Writes the file so that it is there wholly or not at all, readable by the collector alone.
fn keep(path: &Path, octets: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_kept_and_a_damaged_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::open(dir.path()).unwrap().fingerprint;
        assert_eq!(first.len(), 64);
        assert_eq!(Identity::open(dir.path()).unwrap().fingerprint, first);
        let path = dir.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "-----BEGIN").unwrap();
        assert_ne!(Identity::open(dir.path()).unwrap().fingerprint, first);
        assert!(dir.path().join("syslog-tls.damaged").exists());
    }
}
