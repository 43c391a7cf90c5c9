//! npm packages whose code is in the console's pages.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Component, Licence, Text, encoded, licence_files};

/// The packages that Vite took modules from; `vite.config.ts` writes their names beside the pages.
pub(super) fn components() -> Result<Vec<Component>> {
    let web = crate::root().join("firmware/console/web");
    let read = |name: &str| -> Result<Value> {
        let path = web.join(name);
        let text =
            std::fs::read(&path).with_context(|| format!("cannot read {}: run `cargo xtask web`", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    let bundled: BTreeSet<String> = serde_json::from_value(read("dist/.packages.json")?)?;
    ensure!(!bundled.is_empty(), "the pages' build names no npm package");
    let lock = read("package-lock.json")?;
    bundled
        .into_iter()
        .map(|name| {
            let entry = &lock["packages"][format!("node_modules/{name}")];
            let version = entry["version"]
                .as_str()
                .with_context(|| format!("package-lock.json does not know {name}"))?;
            let dir = web.join("node_modules").join(&name);
            let licence = match entry["license"].as_str() {
                Some(licence) => licence.to_owned(),
                None => {
                    let package = read(&format!("node_modules/{name}/package.json"))?;
                    package["license"].as_str().unwrap_or_default().to_owned()
                }
            };
            ensure!(!licence.is_empty(), "{name} names no licence");
            let folder = PathBuf::from("npm").join(format!("{}-{version}", name.replace('/', "-")));
            Ok(Component {
                kind: "library",
                purl: format!("pkg:npm/{}@{}", encoded(&name), encoded(version)),
                version: version.to_owned(),
                licence: Licence::Expression(licence),
                hash: entry["integrity"].as_str().and_then(sha512),
                used: "pages",
                source: None,
                texts: licence_files(&dir)
                    .into_iter()
                    .map(|file| (folder.join(file.file_name().unwrap_or_default()), Text::File(file)))
                    .collect(),
                name,
            })
        })
        .collect()
}

/// npm's `sha512-BASE64` as hexadecimal digits.
fn sha512(integrity: &str) -> Option<(&'static str, String)> {
    let text = integrity.strip_prefix("sha512-")?.trim_end_matches('=');
    let mut digits = String::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        while held >= 4 {
            held -= 4;
            digits.push(char::from_digit((bits >> held) & 15, 16)?);
            bits &= (1 << held) - 1;
        }
    }
    // 512 bits are 128 digits; what base64 pads with is left out.
    digits.truncate(128);
    (digits.len() == 128).then_some(("SHA-512", digits))
}

#[cfg(test)]
mod tests {
    #[test]
    fn integrity_becomes_digits() {
        let all = format!("sha512-{}==", "/".repeat(85) + "w");
        let (name, digits) = super::sha512(&all).unwrap_or_default();
        assert_eq!((name, digits), ("SHA-512", "f".repeat(128)));
        assert!(super::sha512("sha1-AAAA").is_none());
        assert!(super::sha512("sha512-AAAA").is_none());
    }
}
