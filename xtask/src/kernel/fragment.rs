//! The check that every option of the fragment is in the final configuration: Kconfig drops an option whose
//! dependencies are missing without a word.

use std::collections::BTreeMap;

/// One option's value; `None` is "is not set".
type Value<'a> = Option<&'a str>;

/// The options of `fragment` that `config` does not have as the fragment says, one sentence each.
pub(super) fn lost(fragment: &str, config: &str) -> Vec<String> {
    let have: BTreeMap<&str, Value<'_>> = config.lines().filter_map(option).collect();
    let mut lost = Vec::new();
    for line in fragment.lines() {
        match option(line) {
            Some((name, want)) => {
                let got = have.get(name).copied().flatten();
                if got != want {
                    lost.push(format!("{name}: {} wanted, {} got", shown(want), shown(got)));
                }
            }
            None if line.trim().is_empty() || line.starts_with("# ") => {}
            None => lost.push(format!("{line:?} is neither an option nor a comment")),
        }
    }
    lost
}

fn option(line: &str) -> Option<(&str, Value<'_>)> {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("# CONFIG_") {
        return rest.strip_suffix(" is not set").map(|name| (name, None));
    }
    let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
    Some((name, (value != "n").then_some(value)))
}

fn shown(value: Value<'_>) -> &str {
    value.unwrap_or("\"not set\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "CONFIG_SMP=y\nCONFIG_NR_CPUS=256\n# CONFIG_MODULES is not set\nCONFIG_LSM=\"a,b\"\n";

    #[test]
    fn what_survived_is_not_listed() {
        let fragment = "# -- Base ---\n\nCONFIG_SMP=y\nCONFIG_NR_CPUS=256\n# CONFIG_MODULES is not set\n\
                        # CONFIG_NEVER_HEARD_OF is not set\nCONFIG_LSM=\"a,b\"\nCONFIG_AIO=n\n";
        assert_eq!(lost(fragment, CONFIG), Vec::<String>::new());
    }

    #[test]
    fn each_loss_is_listed() {
        let fragment =
            "CONFIG_IGB=y\nCONFIG_NR_CPUS=128\n# CONFIG_SMP is not set\nCONFIG_MODULES=y\nIGB=y\n#CONFIG_X=y\n";
        assert_eq!(
            lost(fragment, CONFIG),
            [
                "IGB: y wanted, \"not set\" got",
                "NR_CPUS: 128 wanted, 256 got",
                "SMP: \"not set\" wanted, y got",
                "MODULES: y wanted, \"not set\" got",
                "\"IGB=y\" is neither an option nor a comment",
                "\"#CONFIG_X=y\" is neither an option nor a comment",
            ]
        );
    }
}
