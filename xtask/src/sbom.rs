//! The software bill of materials, CycloneDX 1.6 in JSON, and the texts of the licences.
//!
//! It says what is in the image: crates that are linked into the programs, npm packages whose code is in the console's
//! pages, Debian packages of which a file stays, the boot loader, and the kernel.

mod crates;
mod debian;
mod licences;
mod npm;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rootfs::Release;
use crate::step::{exec_logged, step};

/// One thing that the image contains, from outside the repository.
struct Component {
    /// CycloneDX's type: library, operating-system, application.
    kind: &'static str,
    /// The package URL, which names it uniquely.
    purl: String,
    name: String,
    version: String,
    licence: Licence,
    /// Algorithm as CycloneDX names it, and hexadecimal digits.
    hash: Option<(&'static str, String)>,
    /// Where it is used: programs, pages, root, boot, kernel.
    used: &'static str,
    /// The source package, where it has another name.
    source: Option<String>,
    /// Its licence files: name under build/licences, and where they are now.
    texts: Vec<(PathBuf, Text)>,
}

/// A licence's text.
enum Text {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// What a package says of its licence.
enum Licence {
    /// An SPDX expression.
    Expression(String),
    /// Names that are not SPDX's.
    Names(Vec<String>),
}

/// `cargo xtask sbom`: writes `build/spanwatch-x86_64.cdx.json` and `build/licences/`, and returns the former.
pub(crate) fn build() -> Result<PathBuf> {
    let build = crate::build_dir()?;
    let path = build.join("spanwatch-x86_64.cdx.json");
    crate::web::build()?;
    let rootfs = crate::rootfs::build()?;
    step("sbom", "crates, npm packages, Debian packages, kernel", || {
        let mut components = crates::components()?;
        components.extend(npm::components()?);
        components.extend(debian::components(&rootfs.tree)?);
        components.sort_by(|a, b| a.purl.cmp(&b.purl));
        licences::write(&build.join("licences"), &components)?;
        let text = serde_json::to_string_pretty(&document(&components)?)?;
        std::fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    })?;
    eprintln!("    {}", path.display());
    Ok(path)
}

/// Validates a document against CycloneDX's own schema, which an npm package carries (tests/sbom).
pub(crate) fn validate(document: &Path) -> Result<()> {
    let tests = crate::root().join("tests/sbom");
    let build = crate::build_dir()?;
    let installed = tests.join("node_modules/.package-lock.json");
    let fresh = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if fresh(&installed) < fresh(&tests.join("package-lock.json")) {
        let mut npm = Command::new("npm");
        npm.current_dir(&tests)
            .args(["ci", "--no-fund", "--no-audit", "--ignore-scripts"]);
        exec_logged(&mut npm, &build.join("npm-sbom.log"))?;
    }
    let mut node = Command::new("node");
    node.current_dir(&tests).arg("validate.mjs").arg(document);
    exec_logged(&mut node, &build.join("sbom.log"))
}

/// A path of a Debian package as a merged `/usr` has it.
pub(crate) fn merged(file: &str) -> String {
    match ["bin/", "sbin/", "lib/", "lib64/"]
        .iter()
        .any(|start| file.starts_with(start))
    {
        true => format!("usr/{file}"),
        false => file.to_owned(),
    }
}

fn document(components: &[Component]) -> Result<Value> {
    let list: Vec<Value> = components.iter().map(Component::json).collect();
    let version = Release::current()?.version;
    let firmware = format!("pkg:generic/spanwatch@{version}?arch=x86_64");
    let epoch: i64 = crate::image::epoch()?
        .parse()
        .context("the build's time is no number")?;
    // The serial number follows from the contents, so that equal sources give equal bytes.
    let digest = Sha256::digest(serde_json::to_vec(&list)?);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{a}-{b}-4{c}-8{d}-{e}"),
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(epoch),
            "component": {
                "type": "firmware",
                "bom-ref": firmware,
                "name": "spanwatch",
                "version": version,
                "purl": firmware,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": list,
        "dependencies": [{
            "ref": firmware,
            "dependsOn": components.iter().map(|component| component.purl.as_str()).collect::<Vec<_>>(),
        }],
    }))
}

impl Component {
    fn json(&self) -> Value {
        let licences = match &self.licence {
            Licence::Expression(text) => json!([{"expression": text}]),
            Licence::Names(names) => names.iter().map(|name| json!({"license": {"name": name}})).collect(),
        };
        let mut value = json!({
            "type": self.kind,
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "purl": self.purl,
            "licenses": licences,
            "properties": [{"name": "spanwatch:used-in", "value": self.used}],
        });
        if let Some((algorithm, digits)) = &self.hash {
            value["hashes"] = json!([{"alg": algorithm, "content": digits}]);
        }
        if let (Some(source), Some(properties)) = (&self.source, value["properties"].as_array_mut()) {
            properties.push(json!({"name": "spanwatch:source-package", "value": source}));
        }
        value
    }
}

/// Seconds since 1970 as RFC 3339 in UTC.
fn rfc3339(epoch: i64) -> String {
    let (days, seconds) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    // Days to a date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Files of a folder whose names say that they hold a licence or a notice.
fn licence_files(dir: &Path) -> Vec<PathBuf> {
    const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs")
        })
        .collect();
    found.sort();
    found
}

/// Percent-encodes what a package URL reserves in a name or version.
fn encoded(text: &str) -> String {
    text.replace('%', "%25")
        .replace('+', "%2B")
        .replace(':', "%3A")
        .replace('@', "%40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_352_536), "2026-11-22T13:02:16Z");
    }

    #[test]
    fn package_urls_escape_what_they_reserve() {
        assert_eq!(encoded("1:10.0p1-7+deb13u1"), "1%3A10.0p1-7%2Bdeb13u1");
        assert_eq!(encoded("257.13-1~deb13u1"), "257.13-1~deb13u1");
    }
}
