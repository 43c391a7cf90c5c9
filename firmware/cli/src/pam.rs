//! The password check behind SSH: pam_exec(8) runs it with the user and the address in the environment and the
//! password on standard input.

use std::io::Read as _;

use api::supervisor::AuthenticateRequest;

use crate::ask::Appliance;

/// The longest password that PAM hands over (PAM_MAX_RESP_SIZE), with the zero at its end.
const PASSWORD_MAX: u64 = 513;

/// Checks the password; an error is a refusal.
pub(crate) fn run() -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    anyhow::ensure!(
        variable("PAM_TYPE") == "auth",
        "PAM asks for {:?}, not for auth",
        variable("PAM_TYPE")
    );
    let mut bytes = Vec::new();
    std::io::stdin().take(PASSWORD_MAX).read_to_end(&mut bytes)?;
    let password = password(&bytes)?;
    let request = AuthenticateRequest {
        user: variable("PAM_USER"),
        password: password.to_owned(),
        // An address that cannot be read is counted as one of its own by the supervisor.
        source: variable("PAM_RHOST").parse().ok(),
    };
    Appliance::new()?.ask(request)?;
    Ok(())
}

fn password(bytes: &[u8]) -> anyhow::Result<&str> {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    anyhow::ensure!(!text.is_empty(), "there is no password");
    Ok(std::str::from_utf8(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_ends_at_the_zero() {
        assert_eq!(password(b"secret\0").unwrap(), "secret");
        assert_eq!(password("网镜".as_bytes()).unwrap(), "网镜");
        assert!(password(b"\0").is_err() && password(b"").is_err() && password(b"\xff\0").is_err());
    }
}
