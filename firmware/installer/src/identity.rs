//! Who the box is: serial number, device key, certificate request and addresses, on the identity partition.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

const PLACE: &str = "/run/spanwatch-identity";

/// The box's serial number, as text with a line's end.
const SERIAL: &str = "serial-number";
/// The private key: PKCS#8 in PEM, for its owner alone.
const KEY: &str = "device.key";
/// The certificate request for the key: PKCS#10 in PEM.
const REQUEST: &str = "device.csr";
/// Number and addresses, for programs.
const ABOUT: &str = "identity.json";

/// Who the box is.
pub(crate) struct Identity {
    /// Its serial number.
    pub(crate) serial_number: String,
    /// Its certificate request in PEM.
    pub(crate) request: String,
    key: KeyPair,
}

impl Identity {
    /// Makes a new one.
    pub(crate) fn new(serial_number: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a device key")?;
        Self::of(serial_number, key)
    }

    fn of(serial_number: &str, key: KeyPair) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "Spanwatch");
        params.distinguished_name.push(DnType::CommonName, serial_number);
        let request = params
            .serialize_request(&key)
            .context("cannot make a certificate request")?;
        Ok(Self {
            serial_number: serial_number.to_owned(),
            request: request.pem()?,
            key,
        })
    }

    /// Reads the one in a folder; none when there is none.
    fn read(dir: &Path) -> Result<Option<Self>> {
        let file = |name: &str| match std::fs::read_to_string(dir.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {name} of the identity that is there")),
        };
        let (Some(serial), Some(key)) = (file(SERIAL)?, file(KEY)?) else {
            return Ok(None);
        };
        let key = KeyPair::from_pem(&key)
            .context("the device key that is there cannot be read: install with a new identity")?;
        let mut identity = Self::of(serial.trim(), key)?;
        // the request that was sent to the authority, and not another one of the same key
        if let Some(request) = file(REQUEST)? {
            identity.request = request;
        }
        Ok(Some(identity))
    }

    /// A detached signature: ECDSA over SHA-256, in ASN.1.
    pub(crate) fn sign(&self, octets: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, self.key.serialized_der(), &random);
        let key = key.ok().context("the device key is no P-256 key")?;
        let signature = key.sign(&random, octets).ok().context("the device key does not sign")?;
        Ok(signature.as_ref().to_vec())
    }

    fn about(&self, addresses: &[(String, String)]) -> Value {
        let ports = addresses.iter().map(|(name, mac)| json!({"name": name, "mac": mac}));
        json!({"serial_number": self.serial_number, "ports": ports.collect::<Vec<_>>()})
    }
}

/// The identity partition, mounted for writing until it is closed.
pub(crate) struct Partition {
    open: bool,
}

impl Partition {
    /// Mounts it.
    pub(crate) fn open(device: &str) -> Result<Self> {
        std::fs::create_dir_all(PLACE)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        mount(Path::new("/dev").join(device), PLACE, c"ext4", flags, c"")
            .with_context(|| format!("cannot mount the identity partition {device}"))?;
        Ok(Self { open: true })
    }

    /// The identity that is there. A serial number that is given must be the same.
    pub(crate) fn kept(&self, serial_number: Option<&str>) -> Result<Option<Identity>> {
        let Some(identity) = Identity::read(Path::new(PLACE))? else {
            return Ok(None);
        };
        if let Some(given) = serial_number.filter(|given| *given != identity.serial_number) {
            bail!(
                "serial_number: this box is {} already, and not {given}; leave serial_number out, or install with a new identity",
                identity.serial_number
            );
        }
        Ok(Some(identity))
    }

    /// Writes an identity, and what is to lie beside it.
    pub(crate) fn write(&self, identity: &Identity, addresses: &[(String, String)]) -> Result<()> {
        let about = format!("{:#}\n", identity.about(addresses));
        self.put(SERIAL, format!("{}\n", identity.serial_number).as_bytes(), 0o644)?;
        self.put(KEY, identity.key.serialize_pem().as_bytes(), 0o600)?;
        self.put(REQUEST, identity.request.as_bytes(), 0o644)?;
        self.put(ABOUT, about.as_bytes(), 0o644)
    }

    /// Writes a file whole or not at all.
    pub(crate) fn put(&self, name: &str, octets: &[u8], mode: u32) -> Result<()> {
        put(Path::new(PLACE), name, octets, mode)
            .with_context(|| format!("cannot write {name} to the identity partition"))
    }

    /// Unmounts it.
    pub(crate) fn close(mut self) -> Result<()> {
        self.open = false;
        unmount(PLACE, UnmountFlags::empty()).context("cannot unmount the identity partition")
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        if self.open {
            let _ = unmount(PLACE, UnmountFlags::empty());
        }
    }
}

fn put(dir: &Path, name: &str, octets: &[u8], mode: u32) -> Result<()> {
    let new = dir.join(format!("{name}.new"));
    let _ = std::fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&new, dir.join(name))?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn openssl_takes_request_and_signature() {
        let dir = tempfile::tempdir().expect("a folder");
        let identity = Identity::new("SW-1").expect("an identity");
        let report = b"a report";
        for (name, octets) in [
            ("device.csr", identity.request.as_bytes().to_vec()),
            ("report", report.to_vec()),
            ("report.sig", identity.sign(report).expect("a signature")),
        ] {
            std::fs::write(dir.path().join(name), octets).expect("a file");
        }
        let openssl = |line: &str| {
            let out = Command::new("openssl")
                .current_dir(dir.path())
                .args(line.split(' '))
                .output()
                .expect("openssl");
            assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8_lossy(&out.stdout).into_owned()
        };
        let subject = openssl("req -in device.csr -noout -verify -subject");
        assert!(subject.contains("SW-1"), "{subject}");
        openssl("req -in device.csr -noout -pubkey -out key.pem");
        openssl("dgst -sha256 -verify key.pem -signature report.sig report");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        assert!(Identity::read(dir).expect("an empty folder").is_none());
        let identity = Identity::new("SW-2").expect("an identity");
        put(dir, SERIAL, b"SW-2\n", 0o644).expect("a file");
        put(dir, KEY, identity.key.serialize_pem().as_bytes(), 0o600).expect("a file");
        put(dir, REQUEST, identity.request.as_bytes(), 0o644).expect("a file");
        let again = Identity::read(dir).expect("it is read").expect("it is there");
        assert_eq!(
            (again.serial_number.as_str(), &again.request),
            ("SW-2", &identity.request)
        );
        assert_eq!(again.key.serialized_der(), identity.key.serialized_der());
        let mode = std::fs::metadata(dir.join(KEY)).expect("the key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
