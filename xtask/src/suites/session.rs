//! Using a booted appliance as its administrator does: first set-up over HTTPS, commands over SSH.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::qemu::{Forwards, Guest};

/// The administrator's password in tests; made for machines that live for minutes on loopback.
pub(crate) const PASSWORD: &str = "Mirror-port-2026";

/// How long a guest under emulation may take to start on a busy host.
pub(crate) const BOOT_WITHIN: Duration = Duration::from_secs(300);

/// Where an appliance is reached.
#[derive(Clone)]
pub(crate) struct Session {
    https: String,
    ssh_host: String,
    ssh_port: u16,
    /// A network namespace to start the clients in.
    namespace: Option<String>,
    password: String,
}

impl Session {
    /// An appliance behind QEMU's forwarded ports.
    pub(crate) fn forwarded(ports: Forwards) -> Self {
        Self {
            https: format!("https://127.0.0.1:{}", ports.https),
            ssh_host: "127.0.0.1".to_owned(),
            ssh_port: ports.ssh,
            namespace: None,
            password: PASSWORD.to_owned(),
        }
    }

    /// An appliance at its own address, reached from a network namespace.
    pub(crate) fn inside(namespace: &str, address: &str) -> Self {
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        Self {
            https: format!("https://{host}"),
            ssh_host: address.to_owned(),
            ssh_port: 22,
            namespace: Some(namespace.to_owned()),
            password: PASSWORD.to_owned(),
        }
    }

    /// The same with another password.
    pub(crate) fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Waits until the console answers.
    pub(crate) fn until_reached(&self, within: Duration) -> Result<()> {
        let began = std::time::Instant::now();
        while self
            .post("/api/v1/session", &Value::Null)
            .map_or(0, |(status, _)| status)
            == 0
        {
            ensure!(
                began.elapsed() < within,
                "{} does not answer within {} s",
                self.https,
                within.as_secs()
            );
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    /// The console's address.
    pub(crate) fn url(&self) -> &str {
        &self.https
    }

    fn command(&self, program: &str) -> Command {
        match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, program]);
                command
            }
        }
    }

    /// Sends JSON to the console's API and returns the HTTP status and the answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let out = self
            .command("curl")
            .args([
                "-sk",
                "-m",
                "60",
                "-o",
                "-",
                "-w",
                "\n%{http_code}",
                "-H",
                "Content-Type: application/json",
                "-H",
            ])
            .arg(format!("Origin: {}", self.https))
            .args(["-d", &body.to_string()])
            .arg(format!("{}{path}", self.https))
            .output()
            .context("cannot start curl")?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let (answer, status) = text.rsplit_once('\n').context("curl printed no status")?;
        Ok((
            status.trim().parse().unwrap_or(0),
            serde_json::from_str(answer).unwrap_or(Value::Null),
        ))
    }

    /// Asks for a path as a program does that has a token, or none, and returns the HTTP status and the answer.
    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Result<(u16, String)> {
        let mut command = self.command("curl");
        command.args(["-sk", "-m", "60", "-o", "-", "-w", "\n%{http_code}"]);
        if let Some(token) = token {
            command.arg("-H").arg(format!("Authorization: Bearer {token}"));
        }
        let out = command
            .arg(format!("{}{path}", self.https))
            .output()
            .context("cannot start curl")?;
        let text = String::from_utf8_lossy(&out.stdout);
        let (answer, status) = text.rsplit_once('\n').context("curl printed no status")?;
        Ok((status.trim().parse().unwrap_or(0), answer.to_owned()))
    }

    /// The first set-up: language English, [`PASSWORD`].
    pub(crate) fn set_up(&self, code: &str) -> Result<()> {
        let (status, answer) = self.post(
            "/api/v1/setup",
            &json!({"code": code, "language": "en", "password": PASSWORD}),
        )?;
        ensure!(status == 200, "the set-up was answered with {status}: {answer}");
        Ok(())
    }

    fn ssh_args(&self) -> Vec<String> {
        let mut args: Vec<String> = ["-p", self.password.as_str(), "ssh", "-q"].map(str::to_owned).to_vec();
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "PubkeyAuthentication=no",
            "ConnectTimeout=60",
        ] {
            args.extend(["-o".to_owned(), option.to_owned()]);
        }
        args.extend([
            "-p".to_owned(),
            self.ssh_port.to_string(),
            format!("admin@{}", self.ssh_host),
        ]);
        args
    }

    fn ssh(&self, command: &str, input: &str) -> Result<Output> {
        let mut child = self
            .command("sshpass")
            .args(self.ssh_args())
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start sshpass")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input may be over by then.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().context("cannot wait for sshpass")
    }

    /// Runs a command of the appliance's command line over SSH and returns what it printed.
    pub(crate) fn cli(&self, command: &str) -> Result<String> {
        self.cli_with(command, "")
    }

    /// The same with `input` sent to the command.
    pub(crate) fn cli_with(&self, command: &str, input: &str) -> Result<String> {
        let out = self.ssh(command, input)?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(
            out.status.success(),
            "`{command}` ended with {}: {text}{}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
        Ok(text)
    }

    /// Runs a command with a file on its standard input and returns what it printed.
    pub(crate) fn cli_with_file(&self, command: &str, input: &std::path::Path) -> Result<String> {
        let out = self.ssh_with_file(command, input)?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        ensure!(
            out.status.success(),
            "`{command}` ended with {}: {text}{errors}",
            out.status
        );
        Ok(text)
    }

    /// The same for a command that must be refused.
    pub(crate) fn cli_refused_with_file(&self, command: &str, input: &std::path::Path) -> Result<String> {
        let out = self.ssh_with_file(command, input)?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(!out.status.success(), "`{command}` succeeded: {text}");
        Ok(format!("{text}{}", String::from_utf8_lossy(&out.stderr)))
    }

    fn ssh_with_file(&self, command: &str, input: &std::path::Path) -> Result<Output> {
        let file = std::fs::File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
        self.command("sshpass")
            .args(self.ssh_args())
            .arg(command)
            .stdin(file)
            .output()
            .context("cannot start sshpass")
    }

    /// Runs a command that must be refused, and returns what it printed.
    pub(crate) fn cli_refused(&self, command: &str) -> Result<String> {
        self.cli_refused_with(command, "")
    }

    /// The same with `input` sent to the command.
    pub(crate) fn cli_refused_with(&self, command: &str, input: &str) -> Result<String> {
        let out = self.ssh(command, input)?;
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        if out.status.success() {
            bail!("`{command}` succeeded: {text}");
        }
        Ok(text)
    }

    /// Runs a `show` command and returns its JSON.
    pub(crate) fn show(&self, what: &str) -> Result<Value> {
        let text = self.cli(&format!("show {what} | json"))?;
        serde_json::from_str(&text).with_context(|| format!("`show {what} | json` printed no JSON: {text}"))
    }

    /// Asks until `check` finds what it waits for in a `show` command's JSON.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut check: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T> {
        let began = std::time::Instant::now();
        loop {
            let answer = self.show(what);
            if let Some(found) = answer.as_ref().ok().and_then(&mut check) {
                return Ok(found);
            }
            if began.elapsed() > within {
                bail!(
                    "`show {what}` did not come to what is expected within {} s; it says {answer:?}",
                    within.as_secs()
                );
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Types lines at the interactive command line, on a terminal, and returns all that it showed.
    pub(crate) fn type_lines(&self, keys: &str) -> Result<String> {
        let mut child = self
            .command("timeout")
            .args(["180", "sshpass", "-p", PASSWORD, "ssh", "-tt"])
            .args(self.ssh_args().into_iter().skip(3))
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start sshpass")?;
        let mut stdin = child.stdin.take().context("no stdin")?;
        let mut stdout = child.stdout.take().context("no stdout")?;
        let (shows, shown) = std::sync::mpsc::channel::<Vec<u8>>();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                if shows.send(buffer.get(..read).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut screen = Vec::new();
        // as a person types: after the prompt, and not in one burst
        let prompt_within = std::time::Instant::now() + Duration::from_secs(60);
        while !String::from_utf8_lossy(&screen).contains("> ") && std::time::Instant::now() < prompt_within {
            screen.extend(shown.recv_timeout(Duration::from_secs(1)).unwrap_or_default());
        }
        for key in keys.chars() {
            if stdin
                .write_all(key.to_string().as_bytes())
                .and_then(|()| stdin.flush())
                .is_err()
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(if key == '\r' { 2_000 } else { 150 }));
        }
        drop(stdin);
        child.wait()?;
        let _ = reader.join();
        screen.extend(shown.try_iter().flatten());
        Ok(String::from_utf8_lossy(&screen).into_owned())
    }
}

/// Waits for the first set-up's code on the serial console, and for the console over HTTPS.
pub(crate) fn first_boot(guest: &mut Guest) -> Result<(Session, String)> {
    guest.wait_for_https(BOOT_WITHIN)?;
    let code = setup_code(guest)?;
    Ok((Session::forwarded(guest.forwards()?), code))
}

/// The setup code that the serial console shows.
pub(crate) fn setup_code(guest: &mut Guest) -> Result<String> {
    let line = guest.wait_for("Setup code: ", BOOT_WITHIN)?;
    let code = line.trim_start_matches("Setup code: ").trim().to_owned();
    ensure!(
        code.len() == 9 && code.as_bytes().get(4) == Some(&b'-'),
        "the serial console shows {line:?}, not a setup code"
    );
    Ok(code)
}
