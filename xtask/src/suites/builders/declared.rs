//! What each builder declares in its own files, and where the two differ. Reads text alone, so that it works
//! without Buildroot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

/// systemd's parts: what a unit or program of keep.list or of the overlay starts with, and the symbol that builds it.
const PARTS: [(&str, &str); 13] = [
    ("systemd-networkd", "BR2_PACKAGE_SYSTEMD_NETWORKD"),
    ("systemd-resolved", "BR2_PACKAGE_SYSTEMD_RESOLVED"),
    ("systemd-timesyncd", "BR2_PACKAGE_SYSTEMD_TIMESYNCD"),
    ("systemd-timedated", "BR2_PACKAGE_SYSTEMD_TIMEDATED"),
    ("systemd-repart", "BR2_PACKAGE_SYSTEMD_REPART"),
    ("systemd-hwdb", "BR2_PACKAGE_SYSTEMD_HWDB"),
    ("systemd-pstore", "BR2_PACKAGE_SYSTEMD_PSTORE"),
    ("systemd-vconsole", "BR2_PACKAGE_SYSTEMD_VCONSOLE"),
    ("systemd-logind", "BR2_PACKAGE_SYSTEMD_LOGIND"),
    ("systemd-coredump", "BR2_PACKAGE_SYSTEMD_COREDUMP"),
    ("systemd-homed", "BR2_PACKAGE_SYSTEMD_HOMED"),
    ("systemd-hostnamed", "BR2_PACKAGE_SYSTEMD_HOSTNAMED"),
    ("dbus-broker", "BR2_PACKAGE_DBUS_BROKER"),
];

/// What Buildroot itself gives to the scripts (its manual, "Customizing the generated target filesystem").
const GIVEN: [&str; 7] = [
    "BR2_CONFIG",
    "HOST_DIR",
    "STAGING_DIR",
    "TARGET_DIR",
    "BUILD_DIR",
    "BINARIES_DIR",
    "BASE_DIR",
];

/// Words that would mean a second partition table.
const PARTITIONERS: [&str; 5] = ["genimage", "sfdisk", "sgdisk", "parted", "mkfs.vfat"];

/// The files that declare.
#[derive(Clone)]
pub(super) struct Both {
    packages: String,
    tools: String,
    keep: String,
    kernel_version: String,
    fragment: String,
    scripts: String,
    presets: String,
    sysusers: String,
    overlay_units: BTreeSet<String>,
    host: Vec<&'static str>,
    programs: Vec<&'static str>,
    erofs: Vec<&'static str>,
    defconfig: String,
    external: String,
    package: String,
    users: String,
    map: String,
    texts: BTreeMap<String, String>,
}

impl Both {
    /// Reads them below `root`, the repository.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = |path: &str| std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"));
        let joined = |dir: &str| -> Result<String> {
            let files = crate::rootfs::files(&root.join(dir))?;
            files
                .iter()
                .map(|file| std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())))
                .collect()
        };
        let mut texts = BTreeMap::new();
        for file in crate::rootfs::files(&root.join("buildroot"))? {
            texts.insert(
                file.strip_prefix(root)?.display().to_string(),
                std::fs::read_to_string(&file)?,
            );
        }
        let overlay_units = crate::rootfs::files(&root.join("rootfs-overlay/usr/lib/systemd/system"))?
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        Ok(Self {
            packages: text("board/x86_64/packages.list")?,
            tools: text("board/x86_64/tools.list")?,
            keep: text("board/x86_64/keep.list")?,
            kernel_version: text("board/x86_64/kernel.version")?,
            fragment: text("board/x86_64/kernel.fragment")?,
            scripts: text("board/x86_64/post-build.sh")? + &text("board/x86_64/post-image.sh")?,
            presets: joined("rootfs-overlay/usr/lib/systemd/system-preset")?,
            sysusers: joined("rootfs-overlay/usr/lib/sysusers.d")?,
            overlay_units,
            host: crate::deps::PACKAGES.to_vec(),
            programs: crate::programs::PROGRAMS.to_vec(),
            erofs: crate::image::EROFS.to_vec(),
            defconfig: text("buildroot/configs/spanwatch_x86_64_defconfig")?,
            external: text("buildroot/external.mk")?,
            package: text("buildroot/package/spanwatch/spanwatch.mk")?,
            users: text("buildroot/board/users.table")?,
            map: text("buildroot/board/packages.map")?,
            texts,
        })
    }

    /// What is compared, each with the differences found.
    pub(super) fn compare(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("packages", self.packages()),
            ("programs", self.programs()),
            ("units and presets", self.units()),
            ("users", self.users()),
            ("kernel", self.kernel()),
            ("root image and partitions", self.disk()),
            ("what the scripts are told", self.environment()),
        ]
    }

    fn packages(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut mapped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in words(&self.map) {
            let mut fields = line.split('|').map(str::trim);
            let name = fields.next().unwrap_or_default();
            let symbols: Vec<&str> = fields.next().unwrap_or_default().split_whitespace().collect();
            if symbols.is_empty() && fields.next().is_none_or(str::is_empty) {
                wrong.push(format!("packages.map gives {name} neither a symbol nor a reason"));
            }
            mapped.insert(name, symbols);
        }
        let debian: BTreeSet<&str> = words(&self.packages).chain(words(&self.tools)).collect();
        for name in debian.iter().filter(|name| !mapped.contains_key(**name)) {
            wrong.push(format!("packages.map does not say what {name} is in Buildroot"));
        }
        for (name, symbols) in mapped.iter().filter(|(name, _)| !debian.contains(**name)) {
            let tool = symbols.iter().all(|symbol| symbol.starts_with("BR2_PACKAGE_HOST_")) && self.host.contains(name);
            if !tool && !["linux-source", "spanwatch"].contains(name) {
                wrong.push(format!("packages.map names {name}, which the Debian side has no more"));
            }
        }
        let set = self.symbols();
        for (name, symbols) in &mapped {
            for symbol in symbols.iter().filter(|symbol| !set.contains(**symbol)) {
                wrong.push(format!("{name} is {symbol}, which the defconfig does not set"));
            }
        }
        let known: BTreeSet<&str> = mapped.values().flatten().copied().collect();
        for symbol in set.iter().filter(|symbol| symbol.starts_with("BR2_PACKAGE_")) {
            if !known.contains(symbol) {
                wrong.push(format!("the defconfig sets {symbol}, which packages.map does not know"));
            }
        }
        wrong
    }

    fn programs(&self) -> Vec<String> {
        let list = self
            .package
            .split_once("SPANWATCH_PROGRAMS = \\\n")
            .map_or("", |(_, rest)| rest);
        let list = list.split("\n\n").next().unwrap_or_default();
        let theirs: BTreeSet<&str> = list.split_whitespace().filter(|word| *word != "\\").collect();
        differ(
            "spanwatch.mk",
            &theirs,
            "xtask",
            &self.programs.iter().copied().collect(),
        )
    }

    fn units(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let kept: BTreeSet<&str> = words(&self.keep)
            .filter_map(|path| path.rsplit('/').next())
            .chain(self.overlay_units.iter().map(String::as_str))
            .collect();
        for line in words(&self.presets) {
            let mut fields = line.split_whitespace();
            if let (Some("enable"), Some(unit)) = (fields.next(), fields.next())
                && !kept.contains(unit)
            {
                wrong.push(format!(
                    "a preset enables {unit}, which neither overlay nor keep.list has"
                ));
            }
        }
        let set = self.symbols();
        for (part, symbol) in PARTS {
            let here = kept.iter().any(|name| name.starts_with(part));
            if here != set.contains(symbol) {
                let (has, lacks) = match here {
                    true => ("keep.list or the overlay has", "the defconfig does not set"),
                    false => ("neither keep.list nor the overlay has", "the defconfig sets"),
                };
                wrong.push(format!("{has} {part}, {lacks} {symbol}"));
            }
        }
        for symbol in set.iter().filter(|symbol| symbol.starts_with("BR2_PACKAGE_SYSTEMD_")) {
            let boot = ["BR2_PACKAGE_SYSTEMD_BOOT", "BR2_PACKAGE_SYSTEMD_EFI"].contains(symbol);
            if !boot && PARTS.iter().all(|(_, known)| known != symbol) {
                wrong.push(format!("{symbol} is a part of systemd that this test does not know"));
            }
        }
        wrong.extend(self.value("BR2_ROOTFS_OVERLAY", "$(BR2_EXTERNAL_SPANWATCH_PATH)/../rootfs-overlay"));
        wrong
    }

    /// The users of our programs; those of the system are made by post-build.sh in both.
    fn users(&self) -> Vec<String> {
        let groups: BTreeMap<&str, &str> = words(&self.sysusers)
            .filter_map(|line| {
                let mut fields = line.split_whitespace();
                (fields.next() == Some("g")).then_some((fields.next()?, fields.next()?))
            })
            .map(|(name, number)| (number, name))
            .collect();
        let ours: BTreeSet<String> = words(&self.sysusers)
            .filter_map(|line| {
                let line = line.strip_prefix("u ")?;
                let (start, rest) = line.split_once('"')?;
                let (comment, end) = rest.split_once('"')?;
                let (name, ids) = start.trim().split_once(char::is_whitespace)?;
                let (user, group) = ids.trim().split_once(':')?;
                let (home, shell) = end.trim().split_once(' ')?;
                let group_name = groups.get(group)?;
                Some(format!("{name} {user} {group_name} {group} {home} {shell} {comment}"))
            })
            .collect();
        let theirs: BTreeSet<String> = words(&self.users)
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (fixed, comment) = fields.split_at_checked(8)?;
                let [name, user, group_name, group, _, home, shell, _] = fixed else {
                    return None;
                };
                // In Buildroot `-` is the home `/`.
                let home = if *home == "-" { "/" } else { home };
                Some(format!(
                    "{name} {user} {group_name} {group} {home} {shell} {}",
                    comment.join(" ")
                ))
            })
            .collect();
        let lines = words(&self.sysusers).filter(|line| line.starts_with("u ")).count();
        let mut wrong = differ(
            "users.table",
            &theirs.iter().map(String::as_str).collect(),
            "sysusers.d",
            &ours.iter().map(String::as_str).collect(),
        );
        if lines != ours.len() || words(&self.users).count() != theirs.len() {
            wrong.push("a line of sysusers.d or users.table could not be read".to_owned());
        }
        wrong
    }

    fn kernel(&self) -> Vec<String> {
        let pinned = words(&self.kernel_version).find_map(|line| {
            let mut fields = line.split_whitespace();
            fields.next().filter(|name| name.starts_with("linux-source"))?;
            Some(fields.next()?.split('-').next()?.to_owned())
        });
        let mut wrong: Vec<String> = self
            .value("BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE", &pinned.unwrap_or_default())
            .into_iter()
            .chain(self.value(
                "BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES",
                "$(BR2_EXTERNAL_SPANWATCH_PATH)/../board/x86_64/kernel.fragment",
            ))
            .collect();
        for line in ["LINUX_KCONFIG_DEFCONFIG = tinyconfig", "PACKAGES_LINUX_CONFIG_FIXUPS ="] {
            if !self.external.lines().any(|other| other == line) {
                wrong.push(format!("external.mk lacks {line:?}"));
            }
        }
        let compression = words(&self.defconfig)
            .filter_map(|line| line.strip_prefix("BR2_LINUX_KERNEL_")?.strip_suffix("=y"))
            .find(|name| ["GZIP", "LZ4", "LZMA", "LZO", "XZ", "ZSTD", "UNCOMPRESSED"].contains(name));
        let wanted = format!("CONFIG_KERNEL_{}=y", compression.unwrap_or("GZIP"));
        if !self.fragment.lines().any(|line| line == wanted) {
            wrong.push(format!("Buildroot would set {wanted}, which kernel.fragment does not"));
        }
        wrong
    }

    fn disk(&self) -> Vec<String> {
        let mut wrong = self.value(
            "BR2_ROOTFS_POST_IMAGE_SCRIPT",
            "$(BR2_EXTERNAL_SPANWATCH_PATH)/../board/x86_64/post-image.sh",
        );
        wrong.extend(self.value(
            "BR2_ROOTFS_POST_BUILD_SCRIPT",
            "$(BR2_EXTERNAL_SPANWATCH_PATH)/board/cut-down.sh $(BR2_EXTERNAL_SPANWATCH_PATH)/../board/x86_64/post-build.sh",
        ));
        for (file, text) in &self.texts {
            for word in PARTITIONERS.iter().filter(|word| text.contains(**word)) {
                wrong.push(format!(
                    "{file} speaks of {word}: partitions are made by post-image.sh alone"
                ));
            }
        }
        for argument in &self.erofs {
            let (symbol, value) = match (argument.strip_prefix("-zlz4hc,"), argument.strip_prefix("-C")) {
                (Some(level), _) => ("BR2_TARGET_ROOTFS_EROFS_LZ4HC_LEVEL", level),
                (_, Some(size)) => ("BR2_TARGET_ROOTFS_EROFS_PCLUSTERSIZE", size),
                _ => {
                    let line = self.external.lines().find(|line| line.starts_with("ROOTFS_EROFS_ARGS"));
                    if !line.is_some_and(|line| line.split_whitespace().any(|word| word == *argument)) {
                        wrong.push(format!("external.mk does not give mkfs.erofs {argument}"));
                    }
                    continue;
                }
            };
            wrong.extend(self.value(symbol, value));
        }
        wrong
    }

    /// Variables that board/x86_64/post-*.sh cannot do without.
    fn environment(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for part in self.scripts.split("\"${").skip(1) {
            if let Some((name, _)) = part.split_once(":?")
                && name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && !GIVEN.contains(&name)
                && !self.external.contains(&format!("\t{name}="))
            {
                wrong.push(format!("a script wants {name}, which external.mk does not give"));
            }
        }
        wrong
    }

    /// The symbols that the defconfig sets to y.
    fn symbols(&self) -> BTreeSet<&str> {
        words(&self.defconfig)
            .filter_map(|line| line.strip_suffix("=y"))
            .collect()
    }

    /// Says so when the defconfig's value of `symbol` is not `wanted`.
    fn value(&self, symbol: &str, wanted: &str) -> Vec<String> {
        let found = self
            .defconfig
            .lines()
            .find_map(|line| line.strip_prefix(symbol)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'));
        match found == Some(wanted) {
            true => Vec::new(),
            false => vec![format!("the defconfig has {symbol}={found:?}, wanted is {wanted:?}")],
        }
    }
}

fn differ(left: &str, a: &BTreeSet<&str>, right: &str, b: &BTreeSet<&str>) -> Vec<String> {
    let alone = |file: &str, name: &&str| format!("{file} alone has {name:?}");
    a.difference(b)
        .map(|name| alone(left, name))
        .chain(b.difference(a).map(|name| alone(right, name)))
        .collect()
}

/// The lines of a list without comments and empty ones.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
