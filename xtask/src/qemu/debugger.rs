//! QEMU's debugger stub: stops a guest's processors at once and changes their registers, as a fault of the machine would.
//! It speaks the remote protocol of GDB, of which four packets are enough.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::Guest;

/// Places in the answer to `g` (QEMU's target/i386/gdbstub.c): after 16 registers of 64 bits.
const RIP: usize = 16 * 8;
const FLAGS: usize = RIP + 8;
const CODE_SEGMENT: usize = FLAGS + 4;
/// The flag that lets interrupts through.
const INTERRUPTS: u32 = 1 << 9;
/// A jump to itself.
const FOREVER: &str = "ebfe";

/// A guest whose processors stand still, until this is let go.
pub(crate) struct Debugger {
    stream: UnixStream,
}

impl Debugger {
    /// Stops a guest.
    pub(crate) fn attach(guest: &Guest) -> Result<Self> {
        let socket = guest.file("debugger.sock");
        if !socket.exists() {
            let line = format!("gdbserver unix:{},server=on,wait=off", socket.display());
            guest.qmp("human-monitor-command", &json!({"command-line": line}))?;
        }
        let stream = UnixStream::connect(&socket).context("QEMU's debugger stub does not listen")?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut debugger = Self { stream };
        debugger.ask("?")?;
        // only who asked for the registers' names may set them
        debugger.ask("qXfer:features:read:target.xml:0,ffb")?;
        Ok(debugger)
    }

    /// Lets no processor do anything any more: no interrupt gets through, and each turns in a circle.
    pub(crate) fn hang(mut self) -> Result<()> {
        for processor in self.processors()? {
            let registers = self.select(&processor)?;
            let rip = u64::from_le_bytes(field(&registers, RIP)?);
            let flags = u32::from_le_bytes(field(&registers, FLAGS)?) & !INTERRUPTS;
            self.order(&format!("M{rip:x},2:{FOREVER}"))?;
            self.order(&format!("P11={}", hex(&flags.to_le_bytes())))?;
        }
        self.order("D")
    }

    /// Leads a processor that is in the kernel to where no code is; `false` where none is in the kernel.
    pub(crate) fn derail(mut self) -> Result<bool> {
        let mut derailed = false;
        for processor in self.processors()? {
            let registers = self.select(&processor)?;
            let ring = u32::from_le_bytes(field(&registers, CODE_SEGMENT)?) & 3;
            if ring == 0 && !derailed {
                self.order(&format!("P10={}", hex(&16_u64.to_le_bytes())))?;
                derailed = true;
            }
        }
        self.order("D")?;
        Ok(derailed)
    }

    /// Has QEMU forget all code that it translated. It does so after a single step; without that, firmware and kernel
    /// need minutes to start again where much ran before.
    pub(crate) fn forget_translations(mut self) -> Result<()> {
        self.ask("s")?;
        self.order("D")
    }

    fn processors(&mut self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let mut answer = self.ask("qfThreadInfo")?;
        while let Some(list) = answer.strip_prefix('m') {
            all.extend(list.split(',').map(str::to_owned));
            answer = self.ask("qsThreadInfo")?;
        }
        ensure!(!all.is_empty(), "QEMU's debugger stub knows no processor");
        Ok(all)
    }

    /// Turns to a processor and reads its registers.
    fn select(&mut self, processor: &str) -> Result<Vec<u8>> {
        self.order(&format!("Hg{processor}"))?;
        let text = self.ask("g")?;
        let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let octets: Option<Vec<u8>> = text.as_bytes().chunks(2).map(octet).collect();
        octets.with_context(|| format!("registers are not understood: {text}"))
    }

    fn order(&mut self, packet: &str) -> Result<()> {
        let answer = self.ask(packet)?;
        ensure!(answer == "OK", "QEMU's debugger stub answers {packet} with {answer:?}");
        Ok(())
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes())?;
        // "+", then the answer with its sum.
        let mut answer = Vec::new();
        loop {
            let octet = self.octet()?;
            match octet {
                b'$' => answer.clear(),
                b'#' => {
                    self.octet()?;
                    self.octet()?;
                    self.stream.write_all(b"+")?;
                    let text = String::from_utf8(answer).context("an answer is no text")?;
                    // a stub that was attached to says so by itself, before its first answer
                    if text.starts_with('T') && !["?", "s"].contains(&packet) {
                        answer = Vec::new();
                        continue;
                    }
                    return Ok(text);
                }
                b'+' if answer.is_empty() => {}
                b'-' if answer.is_empty() => bail!("QEMU's debugger stub did not understand {packet}"),
                octet => answer.push(octet),
            }
        }
    }

    fn octet(&mut self) -> Result<u8> {
        let mut octet = [0];
        self.stream
            .read_exact(&mut octet)
            .context("QEMU's debugger stub does not answer")?;
        let [octet] = octet;
        Ok(octet)
    }
}

fn field<const N: usize>(registers: &[u8], at: usize) -> Result<[u8; N]> {
    let octets = registers.get(at..at + N).context("there are too few registers")?;
    Ok(octets.try_into()?)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
