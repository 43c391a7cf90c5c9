//! Keys that the firmware is signed with: UEFI Secure Boot's and the update bundles'.
//!
//! Development keys are made once in the cache, never in the checkout. Release keys come through
//! the environment: `SPANWATCH_KEYS` names a folder with the same files; or each one by itself,
//! private keys as a path or a PKCS#11 URI: `SPANWATCH_SB_KEY`, `SPANWATCH_SB_CERT`,
//! `SPANWATCH_BUNDLE_KEY`, `SPANWATCH_BUNDLE_CERT`, `SPANWATCH_BUNDLE_CA`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cache::{self, Key};
use crate::rootfs::Tools;
use crate::step::{exec_logged, step};

/// The owner of the enrolled keys, as the firmware's own lists name it.
const OWNER: &str = "5370616e-7761-4463-8000-000000000001";

/// Before any build, so that a signature dated by its sources' last commit is in the time of its certificate.
const FROM: &str = "20200101000000Z";
const TO: &str = "20560101000000Z";

/// Where the keys of a build are; private ones as a path or a PKCS#11 URI.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Signs the boot loader and the kernels.
    pub(crate) sb_key: String,
    /// The certificate of [`Self::sb_key`] that the machine's firmware has in its `db`.
    pub(crate) sb_cert: PathBuf,
    /// Signs update bundles.
    pub(crate) bundle_key: String,
    /// The certificate of [`Self::bundle_key`].
    pub(crate) bundle_cert: PathBuf,
    /// What the appliance trusts: the authority that issued [`Self::bundle_cert`].
    pub(crate) bundle_ca: PathBuf,
    /// The certificate of the platform key, to enrol in tests and in factories.
    pub(crate) pk_cert: PathBuf,
    /// The certificate of the key exchange key.
    pub(crate) kek_cert: PathBuf,
}

impl Keys {
    /// The keys of this build: those of the environment, else development keys, made when there are none.
    pub(crate) fn get() -> Result<Self> {
        let dir = match std::env::var_os("SPANWATCH_KEYS") {
            Some(dir) => {
                let dir = PathBuf::from(dir);
                ensure!(
                    dir.is_dir(),
                    "SPANWATCH_KEYS names {}, which is no folder",
                    dir.display()
                );
                dir
            }
            None => {
                let dir = cache::dir()?.join("keys");
                if !dir.exists() {
                    step("keys", "make development keys", || make(&dir))?;
                }
                dir
            }
        };
        let text = |name: &str, file: &str| {
            std::env::var(name).unwrap_or_else(|_| dir.join(file).to_string_lossy().into_owned())
        };
        let keys = Self {
            sb_key: text("SPANWATCH_SB_KEY", "db.key"),
            sb_cert: text("SPANWATCH_SB_CERT", "db.crt").into(),
            bundle_key: text("SPANWATCH_BUNDLE_KEY", "bundle.key"),
            bundle_cert: text("SPANWATCH_BUNDLE_CERT", "bundle.crt").into(),
            bundle_ca: text("SPANWATCH_BUNDLE_CA", "bundle-ca.crt").into(),
            pk_cert: dir.join("PK.crt"),
            kek_cert: dir.join("KEK.crt"),
        };
        for file in [&keys.sb_cert, &keys.bundle_cert, &keys.bundle_ca] {
            ensure!(file.exists(), "there is no certificate {}", file.display());
        }
        for key in [&keys.sb_key, &keys.bundle_key] {
            ensure!(
                key.starts_with("pkcs11:") || Path::new(key).exists(),
                "there is no private key {key}"
            );
        }
        Ok(keys)
    }

    /// The keys in a folder that [`make`] filled.
    pub(crate) fn of(dir: &Path) -> Self {
        let key = |name: &str| dir.join(name).to_string_lossy().into_owned();
        Self {
            sb_key: key("db.key"),
            sb_cert: dir.join("db.crt"),
            bundle_key: key("bundle.key"),
            bundle_cert: dir.join("bundle.crt"),
            bundle_ca: dir.join("bundle-ca.crt"),
            pk_cert: dir.join("PK.crt"),
            kek_cert: dir.join("KEK.crt"),
        }
    }

    /// Adds to a cache key what a signed image depends on.
    pub(crate) fn key(&self, key: Key) -> Result<Key> {
        key.text("sb key", &self.sb_key).file(&self.sb_cert)
    }

    /// Signs an EFI program in its place.
    pub(crate) fn sign_efi(&self, tools: &Tools, epoch: &str, program: &Path) -> Result<()> {
        let mut sign = tools.command("sbsign");
        if self.sb_key.starts_with("pkcs11:") {
            sign.args(["--engine", "pkcs11"]);
        }
        sign.args(["--key", &self.sb_key, "--cert"]).arg(&self.sb_cert);
        sign.arg("--output").arg(program).arg(program);
        sign.env("SOURCE_DATE_EPOCH", epoch);
        exec_logged(&mut sign, &program.with_extension("sbsign.log"))
    }

    /// The firmware variables of a QEMU machine with these keys enrolled and Secure Boot on.
    pub(crate) fn enrol(&self, tools: &Tools, blank: &Path, vars: &Path) -> Result<()> {
        let mut enrol = tools.command("virt-fw-vars");
        enrol.arg("--input").arg(blank).arg("--output").arg(vars);
        enrol.arg("--set-pk").arg(OWNER).arg(&self.pk_cert);
        enrol.arg("--add-kek").arg(OWNER).arg(&self.kek_cert);
        enrol.arg("--add-db").arg(OWNER).arg(&self.sb_cert);
        enrol.arg("--secure-boot");
        exec_logged(&mut enrol, &vars.with_extension("enrol.log"))
    }
}

/// `cargo xtask keys`: makes development keys, unless there are some, and says where they are.
pub(crate) fn command() -> Result<()> {
    let keys = Keys::get()?;
    println!("Secure Boot  PK   {}", keys.pk_cert.display());
    println!("             KEK  {}", keys.kek_cert.display());
    println!("             db   {} (key {})", keys.sb_cert.display(), keys.sb_key);
    println!("bundles      CA   {}", keys.bundle_ca.display());
    println!(
        "             cert {} (key {})",
        keys.bundle_cert.display(),
        keys.bundle_key
    );
    Ok(())
}

/// Fills a new folder with keys of every kind: `PK`, `KEK`, `db`, `bundle-ca` and `bundle`, each
/// with `.key` and `.crt`, the first three with `.der` for the firmware's set-up menu as well.
pub(crate) fn make(dir: &Path) -> Result<()> {
    let tools = Tools::get()?;
    let work = dir.with_extension("new");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work)?;
    private(&work)?;
    for (name, subject) in [
        ("PK", "Spanwatch platform key"),
        ("KEK", "Spanwatch key exchange key"),
        ("db", "Spanwatch boot programs"),
    ] {
        let usage = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
        ];
        certificate(&tools, &work, name, subject, None, &usage, (FROM, TO))?;
        let mut der = tools.command("openssl");
        der.current_dir(&work).args(["x509", "-outform", "DER"]);
        der.args(["-in", &format!("{name}.crt"), "-out", &format!("{name}.der")]);
        exec_logged(&mut der, &work.join("openssl.log"))?;
    }
    let usage = [
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,keyCertSign,cRLSign",
    ];
    certificate(
        &tools,
        &work,
        "bundle-ca",
        "Spanwatch updates",
        None,
        &usage,
        (FROM, TO),
    )?;
    signer(&work, "bundle", (FROM, TO))?;
    let _ = std::fs::remove_file(work.join("openssl.log"));
    std::fs::rename(&work, dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Makes `NAME.key` and `NAME.crt` in a folder of keys: one more certificate for signing bundles,
/// valid between two times (`YYYYMMDDhhmmssZ`), issued by the folder's authority.
pub(crate) fn signer(dir: &Path, name: &str, valid: (&str, &str)) -> Result<()> {
    let usage = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=critical,codeSigning",
    ];
    let subject = format!("Spanwatch updates, {name}");
    certificate(&Tools::get()?, dir, name, &subject, Some("bundle-ca"), &usage, valid)
}

/// RSA, since its signatures are the same bytes each time; 2048 bits is what every firmware takes.
fn certificate(
    tools: &Tools,
    dir: &Path,
    name: &str,
    subject: &str,
    issuer: Option<&str>,
    extensions: &[&str],
    valid: (&str, &str),
) -> Result<()> {
    let mut openssl: Command = tools.command("openssl");
    openssl
        .current_dir(dir)
        .args(["req", "-config", "/dev/null", "-x509", "-sha256", "-nodes"]);
    openssl.args(["-newkey", "rsa:2048", "-subj", &format!("/CN={subject}")]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]);
    openssl.args(["-not_before", valid.0, "-not_after", valid.1]);
    if let Some(issuer) = issuer {
        openssl.args(["-CA", &format!("{issuer}.crt"), "-CAkey", &format!("{issuer}.key")]);
    }
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    exec_logged(&mut openssl, &dir.join("openssl.log"))
}

fn private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?)
}
