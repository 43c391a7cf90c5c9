//! The SSH host key: made once, on the data partition, whole or not at all.

use std::fs;
use std::io;
use std::path::Path;

use crate::command;
use crate::disk::{self, Folder};

const KEY: &str = "ssh_host_ed25519_key";

/// Makes the host key below `folder` (mode 0700) unless it is there. `scratch` is a folder in memory.
pub(crate) async fn ensure(folder: &Path, scratch: &Path) -> Result<bool, String> {
    let there = fs::read(folder.join(KEY)).is_ok_and(|key| key.starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----"));
    if there {
        return Ok(false);
    }
    let new = scratch.join(KEY);
    let new_public = new.with_extension("pub");
    let forget = || {
        let _ = fs::remove_file(&new);
        let _ = fs::remove_file(&new_public);
    };
    forget();
    let path = new.display().to_string();
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "spanwatch", "-f", &path];
    command::run("ssh-keygen", &args, "").await.map_err(|e| e.to_string())?;
    let keep = || -> io::Result<()> {
        let (private, public) = (fs::read(&new)?, fs::read(&new_public)?);
        let mut folder = Folder(folder.to_owned());
        disk::replace(&mut folder, &format!("{KEY}.pub"), &public, 0o644)?;
        disk::replace(&mut folder, KEY, &private, 0o600)
    };
    let kept = keep().map_err(|e| format!("the SSH host key cannot be stored in {}: {e}", folder.display()));
    forget();
    kept.map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_key_is_made_once() {
        if command::run("ssh-keygen", &["-?"], "")
            .await
            .is_err_and(|e| e.to_string().contains("cannot be run"))
        {
            eprintln!("SKIPPED: needs ssh-keygen");
            return;
        }
        let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(dir.path().join(KEY), "").unwrap();
        assert_eq!(
            ensure(dir.path(), scratch.path()).await,
            Ok(true),
            "an empty file is no key"
        );
        let key = fs::read(dir.path().join(KEY)).unwrap();
        assert_eq!(ensure(dir.path(), scratch.path()).await, Ok(false));
        assert_eq!(fs::read(dir.path().join(KEY)).unwrap(), key);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
