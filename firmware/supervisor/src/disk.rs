//! Small files that are there whole or not at all, whenever the power fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

/// The longest file that is read, in octets.
const FILE_MAX: u64 = 4 << 20;

/// The operations on a folder that a transaction is made of; a test can end it between any two.
pub(crate) trait Disk: Send {
    /// A file's bytes; `None` when it is not there.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Writes a file and waits until its bytes are on the disk.
    fn write(&mut self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()>;
    /// Renames a file over another.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Waits until renames and removals are on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// Replaces a file: afterwards, and after a power cut, its bytes are the old ones or the new ones.
pub(crate) fn replace(disk: &mut dyn Disk, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = format!("{name}.new");
    disk.write(&new, bytes, mode)?;
    disk.rename(&new, name)?;
    disk.sync()
}

/// A folder of a file system.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.0.join(name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn write(&mut self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let path = self.0.join(name);
        // A file that a crash left may have other permissions.
        self.remove(name)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        // The process's umask may have taken permissions away.
        let permissions = fs::Permissions::from_mode(mode);
        let written = file.set_permissions(permissions).and_then(|()| file.write_all(bytes));
        let written = written.and_then(|()| file.sync_all());
        if written.is_err() {
            // A full disk: give back what the half-written file took.
            let _ = fs::remove_file(&path);
        }
        written
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// A disk in memory that loses power before a given operation, and with it every later one.
    #[derive(Clone, Default)]
    pub(crate) struct Fragile {
        pub(crate) files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
        pub(crate) operations_left: Arc<Mutex<Option<usize>>>,
    }

    impl Fragile {
        fn spend(&self) -> io::Result<()> {
            match &mut *self.operations_left.lock().unwrap() {
                Some(0) => Err(io::Error::other("the power failed")),
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }

    impl Disk for Fragile {
        fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
            Ok(self.files.lock().unwrap().get(name).cloned())
        }
        fn write(&mut self, name: &str, bytes: &[u8], _: u32) -> io::Result<()> {
            // A torn write: half of it may be there.
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
            self.files.lock().unwrap().insert(name.to_owned(), half);
            self.spend()?;
            self.files.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
            Ok(())
        }
        fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
            self.spend()?;
            let mut files = self.files.lock().unwrap();
            let bytes = files.remove(from).ok_or(ErrorKind::NotFound)?;
            files.insert(to.to_owned(), bytes);
            Ok(())
        }
        fn remove(&mut self, name: &str) -> io::Result<()> {
            self.spend()?;
            self.files.lock().unwrap().remove(name);
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            self.spend()
        }
    }

    #[test]
    fn a_folder_replaces_files_with_their_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder(dir.path().to_owned());
        assert_eq!(folder.read("a").unwrap(), None);
        fs::write(dir.path().join("a.new"), "left by a crash").unwrap();
        replace(&mut folder, "a", b"one", 0o600).unwrap();
        replace(&mut folder, "a", b"two", 0o600).unwrap();
        assert_eq!(folder.read("a").unwrap().unwrap(), b"two");
        let mode = |name| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("a"), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // Whatever the umask: no usual one leaves the group's write permission.
        replace(&mut folder, "b", b"", 0o664).unwrap();
        assert_eq!(mode("b"), 0o664);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_changes_nothing() {
        let mut folder = Folder(PathBuf::from("/nonexistent/settings"));
        assert!(replace(&mut folder, "a", b"one", 0o600).is_err());
    }
}
