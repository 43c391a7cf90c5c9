//! Which file system a partition has, by its first octets. The kernel tries no other one.

use std::ffi::CStr;

/// How much of a partition is looked at.
pub(super) const HEAD: usize = 34 << 10;

/// A file system that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// FAT12, FAT16, FAT32.
    Vfat,
    /// As sticks of more than 32 GB have it.
    Exfat,
    /// Of Linux (ext2 and ext3 too).
    Ext4,
    /// Of CDs, and of images of them on a stick.
    Iso9660,
}

impl Kind {
    /// Looks at a partition's first [`HEAD`] octets.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let at = |from: usize, what: &[u8]| head.get(from..from + what.len()) == Some(what);
        // A CD's image that also is a disk has both; what it is meant as comes first.
        if at(32_769, b"CD001") {
            Some(Self::Iso9660)
        } else if at(3, b"EXFAT   ") {
            Some(Self::Exfat)
        } else if at(510, &[0x55, 0xaa]) && (at(82, b"FAT32   ") || at(54, b"FAT16   ") || at(54, b"FAT12   ")) {
            Some(Self::Vfat)
        } else if at(1_024 + 56, &[0x53, 0xef]) {
            Some(Self::Ext4)
        } else {
            None
        }
    }

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Ext4 => "ext4",
            Self::Iso9660 => "iso9660",
        }
    }

    /// The kernel's name and the mount's options. Whatever the file system itself asks for, an error in it is no
    /// reason to stop the box, and a journal is not played back.
    #[must_use]
    pub const fn mount(self) -> (&'static CStr, &'static CStr) {
        match self {
            Self::Vfat => (c"vfat", c"errors=continue,umask=0077"),
            Self::Exfat => (c"exfat", c"errors=continue,umask=0077"),
            Self::Ext4 => (c"ext4", c"noload,errors=continue"),
            Self::Iso9660 => (c"iso9660", c"iocharset=utf8"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        for (at, what) in parts {
            head[*at..*at + what.len()].copy_from_slice(what);
        }
        head
    }

    #[test]
    fn file_systems_are_told_apart() {
        assert_eq!(
            Kind::of(&with(&[(82, b"FAT32   "), (510, &[0x55, 0xaa])])),
            Some(Kind::Vfat)
        );
        assert_eq!(
            Kind::of(&with(&[(54, b"FAT16   "), (510, &[0x55, 0xaa])])),
            Some(Kind::Vfat)
        );
        assert_eq!(Kind::of(&with(&[(82, b"FAT32   ")])), None);
        assert_eq!(Kind::of(&with(&[(3, b"EXFAT   ")])), Some(Kind::Exfat));
        assert_eq!(Kind::of(&with(&[(1_080, &[0x53, 0xef])])), Some(Kind::Ext4));
        let both = with(&[(82, b"FAT32   "), (510, &[0x55, 0xaa]), (32_769, b"CD001")]);
        assert_eq!(Kind::of(&both), Some(Kind::Iso9660));
        assert_eq!(Kind::of(&with(&[])), None);
        assert_eq!(Kind::of(&[]), None);
    }
}
