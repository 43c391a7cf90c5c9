//! Which of a folder's files may be bundles, and what is said of the others.

use api::firmware::StickBundle;

/// The longest name, in characters.
const NAME_MAX: usize = 100;
/// Files of a folder that are looked at.
pub(super) const LOOKED_AT: usize = 20_000;
/// Bundles of a partition that are listed.
const LISTED: usize = 32;

/// Whether a bundle may have this name: it is shown, typed and logged.
#[must_use]
pub fn admits(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "._-+() ".contains(c);
    is_bundle(name) && name.chars().count() <= NAME_MAX && name.chars().all(plain) && !name.starts_with(['.', '-', ' '])
}

fn is_bundle(name: &str) -> bool {
    let ending = name.len().checked_sub(6).and_then(|at| name.get(at..));
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(".raucb"))
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Plain(u64),
    Other,
    Unreadable,
}

/// Judges a folder's names one by one; `look` tells what a file is, and is asked for bundles alone.
pub(super) fn judge(
    names: impl Iterator<Item = Option<String>>,
    mut look: impl FnMut(&str) -> File,
) -> (Vec<StickBundle>, Vec<String>) {
    let (mut bundles, mut problems) = (Vec::new(), Vec::new());
    let (mut strange, mut others, mut unreadable, mut more) = (0_u32, 0_u32, 0_u32, false);
    let mut names = names.fuse();
    for name in names.by_ref().take(LOOKED_AT) {
        let Some(name) = name.filter(|name| !name.chars().any(|c| c == '\u{fffd}')) else {
            strange += 1;
            continue;
        };
        if !is_bundle(&name) {
            continue;
        }
        if !admits(&name) {
            strange += 1;
            continue;
        }
        if bundles.len() == LISTED {
            more = true;
            break;
        }
        match look(&name) {
            File::Plain(octets) if octets > 0 => bundles.push(StickBundle { name, octets }),
            File::Unreadable => unreadable += 1,
            _ => others += 1,
        }
    }
    if !more && names.next().is_some() {
        problems.push(format!(
            "only the first {LOOKED_AT} files were looked at: put the bundle on an empty stick"
        ));
    }
    if more {
        problems.push(format!("only {LISTED} bundles are listed"));
    }
    if strange > 0 {
        problems.push(format!(
            "{strange} names are not shown: rename bundles to letters, digits and . _ - + ( )"
        ));
    }
    if others > 0 {
        problems.push(format!(
            "{others} names end in .raucb and are empty, folders, links or devices: left out"
        ));
    }
    if unreadable > 0 {
        problems.push(format!(
            "{unreadable} bundles cannot be read: the file system is damaged"
        ));
    }
    bundles.sort();
    (bundles, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some(names: &[&str]) -> impl Iterator<Item = Option<String>> {
        names
            .iter()
            .map(|name| Some((*name).to_owned()))
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn bundles_are_listed_and_strange_names_are_counted() {
        let names = [
            "b.raucb",
            "spanwatch-x86_64-1.2.0.raucb",
            "升级包 1.2.RAUCB",
            "notes.txt",
            ".raucb",
            "-rf.raucb",
            "a\u{1b}[2J.raucb",
            "../x.raucb",
            "rtl\u{202e}bcuar.raucb",
            "folder.raucb",
            "empty.raucb",
        ];
        let look = |name: &str| match name {
            "folder.raucb" => File::Other,
            "empty.raucb" => File::Plain(0),
            _ => File::Plain(7),
        };
        let (bundles, problems) = judge(some(&names).chain([None]), look);
        let listed: Vec<&str> = bundles.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(listed, ["b.raucb", "spanwatch-x86_64-1.2.0.raucb", "升级包 1.2.RAUCB"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("6 names are not shown"), "{problems:?}");
        assert!(problems[1].starts_with("2 names end in .raucb"), "{problems:?}");
    }

    #[test]
    fn thousands_of_files_are_bounded() {
        let mut asked = 0;
        let many = (0..1_000_000).map(|n| Some(format!("{n}.txt")));
        let (bundles, problems) = judge(many, |_| {
            asked += 1;
            File::Plain(1)
        });
        assert!(bundles.is_empty() && asked == 0);
        assert!(problems[0].contains("20000"), "{problems:?}");
        let bundles_alone = (0..1_000_000).map(|n| Some(format!("{n}.raucb")));
        let (bundles, problems) = judge(bundles_alone, |_| File::Plain(1));
        assert_eq!((bundles.len(), problems.len()), (LISTED, 1));
    }

    proptest! {
        #[test]
        fn what_is_admitted_is_one_plain_name(name in "\\PC{0,20}\\.raucb") {
            if admits(&name) {
                prop_assert!(!name.contains(['/', '\0', '\n']) && !name.starts_with(['.', '-']));
                prop_assert!(!name.chars().any(char::is_control));
            }
        }
    }
}
