//! How exposed our units are, by systemd's own measure.

use anyhow::{Context, Result};

use super::Tools;

/// The most that a unit of ours may score (systemd-analyze counts 0.0 to 10.0).
const LIMIT: f64 = 1.5;

/// Scores each of our services in the built root tree with the image's version of systemd;
/// fails when one is above its limit.
pub(crate) fn security() -> Result<Vec<(String, f64)>> {
    let tree = crate::build_dir()?.join("rootfs");
    let units = tree.join("usr/lib/systemd/system");
    let mut names: Vec<String> = std::fs::read_dir(&units)
        .with_context(|| format!("no root tree at {}: run `cargo xtask rootfs` first", tree.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("spanwatch-") && name.ends_with(".service"))
        // what starts from a factory's or a technician's medium alone is no part of a box in the field
        .filter(|name| !on_media_alone(&units.join(name)))
        // a template is scored as one of its instances
        .map(|name| name.replace("@.service", "@ttyS0.service"))
        .collect();
    names.sort();
    anyhow::ensure!(!names.is_empty(), "no spanwatch-*.service in {}", units.display());
    let tools = Tools::get()?;
    let mut scores = Vec::new();
    for name in names {
        let mut command = tools.command("systemd-analyze");
        command.args(["security", "--offline=yes", "--no-pager", "--threshold=100"]);
        command.arg(format!("--root={}", tree.display())).arg(&name);
        let out = command.env("SYSTEMD_COLORS", "0").env("LC_ALL", "C.UTF-8").output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let score = exposure(&text).with_context(|| {
            format!(
                "systemd-analyze gives no score for {name}: {}",
                String::from_utf8_lossy(&out.stderr)
            )
        })?;
        scores.push((name, score));
    }
    for (name, score) in &scores {
        anyhow::ensure!(
            *score <= LIMIT,
            "{name} has exposure {score}, above {LIMIT}: `systemd-analyze security {name}` tells why"
        );
    }
    Ok(scores)
}

/// Whether a unit never starts on an installed box, whose signed command line names no mode.
fn on_media_alone(unit: &std::path::Path) -> bool {
    let condition = "ConditionKernelCommandLine=spanwatch.mode=";
    std::fs::read_to_string(unit).is_ok_and(|text| text.lines().any(|line| line.starts_with(condition)))
}

fn exposure(text: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        line.split_once("Overall exposure level for ")?
            .1
            .split_once(": ")?
            .1
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_score_is_read_from_the_last_line() {
        let text = "  NAME DESCRIPTION EXPOSURE\n\n→ Overall exposure level for x.service: 9.6 UNSAFE 😨\n";
        assert_eq!(super::exposure(text), Some(9.6));
    }
}
