//! A whole file as memory: no copying, and only the pages that are looked at.
#![allow(unsafe_code, reason = "files are mapped")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use nix::libc;

/// A file's contents, as long as it was when it was mapped.
pub(super) struct FileMap {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only read.
unsafe impl Send for FileMap {}

impl FileMap {
    /// Maps a regular file that is not empty; `None` where that is not possible, and it has to be read.
    pub(super) fn new(file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        let length = usize::try_from(metadata.len()).ok().filter(|&length| length > 0)?;
        if !metadata.is_file() {
            return None;
        }
        // SAFETY: no address is asked for, so no other mapping is touched; the result is checked.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: address and length are those of the mapping; the advice changes no contents.
        unsafe { libc::madvise(address, length, libc::MADV_SEQUENTIAL) };
        NonNull::new(address.cast()).map(|base| Self { base, length })
    }

    /// The contents.
    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping is readable and lives as long as `self`. Captures are written by
        // appending: a file that another program changes in place while it is read is read with
        // the changes, and one that is cut ends this program (SIGBUS), as with every mapped file.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for FileMap {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Drop for FileMap {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.length) };
    }
}
