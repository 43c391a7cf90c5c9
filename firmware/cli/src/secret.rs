//! Reads lines from the terminal, passwords without showing them.

use std::io::{self, IsTerminal as _, Write as _};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

/// The longest line that is read, in octets.
const LINE_MAX: usize = 1_024;

/// Asks for a line; `None` at the end of input.
pub(crate) fn line(prompt: &str) -> io::Result<Option<String>> {
    print!("{prompt}");
    io::stdout().flush()?;
    read_line()
}

/// Asks for a password; `None` at the end of input.
pub(crate) fn password(prompt: &str) -> io::Result<Option<String>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(prompt);
    }
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden
        .local_flags
        .insert(LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
    tcsetattr(&stdin, SetArg::TCSADRAIN, &hidden)?;
    let typed = line(prompt);
    tcsetattr(&stdin, SetArg::TCSADRAIN, &shown)?;
    typed
}

/// Octet by octet, so that nothing of the next line is taken away.
fn read_line() -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut octet = [0_u8; 1];
    loop {
        match nix::unistd::read(io::stdin(), &mut octet) {
            Ok(0) if bytes.is_empty() => return Ok(None),
            Ok(0) => break,
            Ok(_) if octet == *b"\n" => break,
            Ok(_) if bytes.len() < LINE_MAX => bytes.extend(octet),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned()))
}
