//! Each side changed alone must be told.

use super::*;

fn both() -> Both {
    Both::read(&crate::root()).expect("the declarations can be read")
}

/// What `change` makes the comparison called `name` say.
fn told(name: &str, change: impl FnOnce(&mut Both)) -> Vec<String> {
    let mut both = both();
    change(&mut both);
    let all = both.compare();
    all.into_iter()
        .find(|(found, _)| *found == name)
        .map(|(_, wrong)| wrong)
        .unwrap_or_default()
}

#[test]
fn the_builders_agree() {
    for (name, wrong) in both().compare() {
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}

#[test]
fn a_package_on_one_side_alone_is_told() {
    assert_eq!(told("packages", |both| both.packages.push_str("\nzsh\n")).len(), 1);
    assert_eq!(
        told("packages", |both| both.packages =
            both.packages.replace("\nnftables\n", "\n"))
        .len(),
        1
    );
    assert_eq!(
        told("packages", |both| both.defconfig.push_str("BR2_PACKAGE_ZSH=y\n")).len(),
        1
    );
    assert_eq!(
        told("packages", |both| both.defconfig =
            both.defconfig.replace("BR2_PACKAGE_NFTABLES=y", ""))
        .len(),
        1
    );
}

#[test]
fn a_program_on_one_side_alone_is_told() {
    assert_eq!(
        told("programs", |both| both.programs.truncate(both.programs.len() - 1)).len(),
        1
    );
    assert_eq!(
        told("programs", |both| both.package =
            both.package.replace("\tstorage \\\n", ""))
        .len(),
        1
    );
}

#[test]
fn a_unit_on_one_side_alone_is_told() {
    let name = "units and presets";
    assert!(!told(name, |both| both.presets.push_str("\nenable nowhere.service\n")).is_empty());
    assert!(!told(name, |both| both.keep.push_str("\nusr/lib/systemd/systemd-logind\n")).is_empty());
    assert!(!told(name, |both| both.keep = both.keep.replace("resolved", "gone")).is_empty());
    assert!(!told(name, |both| both.defconfig.push_str("BR2_PACKAGE_SYSTEMD_LOGIND=y\n")).is_empty());
    assert!(
        !told(name, |both| both.defconfig =
            both.defconfig.replace("../rootfs-overlay", "overlay"))
        .is_empty()
    );
}

#[test]
fn a_user_on_one_side_alone_is_told() {
    assert_eq!(
        told("users", |both| both
            .sysusers
            .push_str("\nu more 799:700 \"More\" / /usr/sbin/nologin\n"))
        .len(),
        1
    );
    assert_eq!(
        told("users", |both| both.users = both.users.replace("703", "713")).len(),
        2
    );
    assert_eq!(
        told("users", |both| both.users = both.users.replace("Collector", "Gatherer")).len(),
        2
    );
}

#[test]
fn another_kernel_is_told() {
    assert_eq!(
        told("kernel", |both| both.kernel_version =
            both.kernel_version.replace("6.12.", "6.13."))
        .len(),
        1
    );
    assert_eq!(
        told("kernel", |both| both.defconfig =
            both.defconfig.replace("\"6.12.", "\"6.18."))
        .len(),
        1
    );
    assert_eq!(
        told("kernel", |both| both.fragment =
            both.fragment.replace("KERNEL_ZSTD", "KERNEL_XZ"))
        .len(),
        1
    );
    assert_eq!(
        told("kernel", |both| both.external =
            both.external.replace("tinyconfig", "defconfig"))
        .len(),
        1
    );
}

#[test]
fn another_disk_is_told() {
    let name = "root image and partitions";
    assert_eq!(told(name, |both| both.erofs = vec!["-zlz4hc,9"]).len(), 1);
    assert_eq!(
        told(name, |both| both.external = both.external.replace("-x-1", "")).len(),
        1
    );
    assert_eq!(
        told(name, |both| drop(
            both.texts.insert("genimage.cfg".to_owned(), "genimage".to_owned())
        ))
        .len(),
        1
    );
    assert_eq!(
        told(name, |both| both.defconfig =
            both.defconfig.replace("post-image.sh", "other.sh"))
        .len(),
        1
    );
}

#[test]
fn a_variable_that_is_not_given_is_told() {
    let name = "what the scripts are told";
    assert_eq!(
        told(name, |both| both
            .scripts
            .push_str("\n: \"${SPANWATCH_MORE:?is new}\"\n"))
        .len(),
        1
    );
}
