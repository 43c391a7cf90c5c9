//! What a partition's first octets tell.

/// How much is looked at: more than any file system's first superblock, volume manager's label or
/// partition table.
pub(crate) const HEAD: usize = 1 << 20;

/// Where ext4's magic number lies: at 0x38 of the superblock, which starts at octet 1024
/// (Linux, Documentation/filesystems/ext4/super.rst).
const EXT4_MAGIC_AT: usize = 1024 + 0x38;
const EXT4_MAGIC: [u8; 2] = 0xEF53_u16.to_le_bytes();

/// What a partition holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing was ever written.
    Blank,
    /// An ext4 file system, sound or not.
    Ext4,
    /// Something else, or an ext4 file system whose first superblock is damaged.
    Other,
}

/// Judges the first octets of a partition. Only zeros are blank: a damaged file system is never
/// taken for an empty partition.
pub(crate) fn of(head: &[u8]) -> Contents {
    if head.get(EXT4_MAGIC_AT..EXT4_MAGIC_AT + 2) == Some(&EXT4_MAGIC) {
        Contents::Ext4
    } else if head.iter().all(|&octet| octet == 0) {
        Contents::Blank
    } else {
        Contents::Other
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_zeros_are_blank() {
        let mut head = vec![0; HEAD];
        assert_eq!(of(&head), Contents::Blank);
        for at in [0, EXT4_MAGIC_AT, HEAD - 1] {
            head.fill(0);
            head[at] = 1;
            assert_eq!(of(&head), Contents::Other, "one octet at {at}");
        }
    }

    #[test]
    fn what_mke2fs_makes_is_known_until_its_superblock_is_damaged() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.as_file().set_len(64 << 20).expect("64 MiB");
        let made = Command::new("/usr/sbin/mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-b", "4096"])
            .arg(file.path())
            .status();
        assert!(made.expect("mke2fs (package e2fsprogs)").success());
        let mut head = std::fs::read(file.path()).expect("the file system");
        head.truncate(HEAD);
        assert_eq!(of(&head), Contents::Ext4);
        head[1024..2048].fill(0xAA);
        assert_eq!(of(&head), Contents::Other);
    }
}
