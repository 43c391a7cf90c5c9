//! The factory's installer: writes the firmware to a machine's disks, reads it back, tests the hardware,
//! gives the box its identity, and leaves a signed report. Starts from the installer medium alone, where
//! the disk image is unpacked in memory (firmware/init).

mod answers;
mod disk;
mod drive;
mod gpt;
mod identity;
mod interview;
mod machine;
mod media;
mod plan;
mod report;
mod selftest;
mod smart;
mod talk;
mod work;

use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow, bail};

use answers::{Answers, Finish};
use talk::{Consoles, both, same};

fn main() -> ExitCode {
    let mode = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    if !mode.split_whitespace().any(|word| word == "spanwatch.mode=installer") {
        eprintln!("installer: it starts from the installer medium alone, which `make factory` builds");
        return ExitCode::from(2);
    }
    let mut consoles = Consoles::open();
    loop {
        match run(&mut consoles) {
            Ok(finish) => {
                let verb = match finish {
                    Finish::PowerOff => "poweroff",
                    Finish::Restart => "reboot",
                };
                consoles.say(&same(format!("SPANWATCH-INSTALL-FINISHED {verb}")));
                let _ = Command::new("/usr/bin/systemctl").args(["--no-block", verb]).status();
                return ExitCode::SUCCESS;
            }
            Err(error) => {
                consoles.say(&both(format!("FAILED: {error:#}"), format!("安装失败：{error:#}")));
                consoles.say(&same(format!(
                    "SPANWATCH-INSTALL-FAILED {}",
                    format!("{error:#}").replace('\n', " ")
                )));
                consoles.ask(&both("Press Enter to begin again", "按回车键重新开始"));
            }
        }
    }
}

fn run(consoles: &mut Consoles) -> Result<Finish> {
    let version = work::version()?;
    consoles.say(&both(
        format!("\nSpanwatch {version}: installer"),
        format!("\n网镜 {version} 安装程序"),
    ));
    let image = work::image()?;
    media::settle();
    let disks = machine::disks();
    let own = machine::own_serial();
    interview::show(consoles, &disks);
    let file = media::answers();
    let unattended = file.is_some();
    let answers = match file {
        Some((device, text)) => {
            consoles.say(&both(
                format!("Unattended, by {} on {device}", media::ANSWERS),
                format!("无人值守安装，应答文件 {}（{device}）", media::ANSWERS),
            ));
            Answers::parse(&text?).map_err(|error| anyhow!("{}: {error}", media::ANSWERS))?
        }
        None => interview::ask(consoles, &disks, own.as_deref()),
    };
    let choice = plan::choose(&answers, &disks, &image, own.as_deref()).map_err(|refused| {
        let words = refused.words();
        consoles.say(&both("", format!("拒绝：{}", words.zh)));
        anyhow!("{}", words.en)
    })?;
    interview::plan(consoles, &choice, &disks);
    if !unattended && !interview::confirmed(consoles) {
        bail!("it was not confirmed: nothing was written");
    }
    work::install(consoles, &answers, &choice, &disks, &image)?;
    Ok(answers.finish)
}
