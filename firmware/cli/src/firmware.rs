//! Firmware: what is installed, and updates.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use api::firmware::{
    BundlePlace, CancelRequest, Confirmation, FetchRequest, FirmwareQuery, FirmwareStatus, Health, HistoryEvent,
    InstallRequest, OutcomeKind, Reason, ReasonKind, RebootRequest, ReceiveRequest, Stick, SticksRequest, Update,
    VerifyRequest,
};

use settings::Language;

use crate::amounts::time;
use crate::columns::pairs;
use crate::commands::Action;
use crate::grammar::Parsed;
use crate::lang::say;
use crate::session::{Format, Session, option, user};
use crate::when;

/// Octets that are copied at a time.
const PART: usize = 1 << 20;
/// Lines of the history that are shown.
const HISTORY: usize = 20;
/// How often it is asked how far a bundle is.
const POLL: std::time::Duration = std::time::Duration::from_secs(1);

impl Session {
    /// Shows the firmware, or updates it.
    pub(crate) fn about_firmware(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let status = match parsed.action {
            Action::ShowSticks => {
                let status = self.ask(SticksRequest { user: user() })?;
                return self.print(format, status, |status| {
                    sticks(self.language, &status.sticks, status.plugged)
                });
            }
            Action::FetchFirmware => self.fetch_firmware(parsed)?,
            Action::ReceiveFirmware => self.receive_firmware()?,
            Action::VerifyFirmware => self.ask(VerifyRequest { user: user() })?,
            Action::InstallFirmware | Action::InstallAnyway => self.install_firmware(parsed)?,
            Action::CancelFirmware => self.ask(CancelRequest { user: user() })?,
            Action::RestartFirmware => {
                let asked = option(parsed, "at");
                let now = crate::offline::now();
                let at = asked.and_then(|word| when::asked(word, now, 0));
                self.ask(RebootRequest { at, user: user() })?
            }
            _ => self.ask(FirmwareQuery {})?,
        };
        self.print(format, status, |status| shown(self.language, status))
    }

    /// Keeps what comes on the standard input, and lets it be checked.
    fn receive_firmware(&self) -> Result<FirmwareStatus, String> {
        let mut input = std::io::stdin();
        if input.is_terminal() {
            let hint = (
                "send the bundle on the standard input: ssh admin@BOX firmware receive < BUNDLE",
                "请从标准输入发送升级包：ssh admin@设备 firmware receive < 升级包",
            );
            return Err(say(self.language, hint).to_owned());
        }
        let place = self.ask(ReceiveRequest {
            octets: None,
            user: user(),
        })?;
        let kept = keep(&mut input, &place.path, place.most);
        if let Err(e) = kept {
            let _ = self.ask(CancelRequest { user: user() });
            return Err(format!(
                "{}: {e}",
                say(self.language, ("the bundle cannot be kept", "无法保存升级包"))
            ));
        }
        self.ask(VerifyRequest { user: user() })
    }

    /// Has the box get a bundle and waits until it is checked. When this program ends, the box goes on.
    fn fetch_firmware(&self, parsed: &Parsed) -> Result<FirmwareStatus, String> {
        let words = parsed.values.iter();
        let place = words.rev().find_map(|word| BundlePlace::parse(word));
        let Some(from) = place else {
            let none = (
                "name a bundle: https://HOST/PATH or usb:NAME",
                "请指定升级包：https://主机/路径 或 usb:文件名",
            );
            return Err(say(self.language, none).to_owned());
        };
        if matches!(from, BundlePlace::Stick { .. }) {
            self.ask(SticksRequest { user: user() })?;
        }
        let mut status = self.ask(FetchRequest { from, user: user() })?;
        let shows = std::io::stderr().is_terminal();
        while let Update::Receiving { from: Some(_), .. } = &status.update {
            if shows {
                eprint!("\r\x1b[K{}", update(self.language, &status.update));
            }
            std::thread::sleep(POLL);
            status = self.ask(FirmwareQuery {})?;
        }
        if shows {
            eprintln!();
        }
        match (&status.update, &status.unfetched) {
            (_, Some(problem)) => Err(problem.clone()),
            (Update::Verified { .. }, None) => Ok(status),
            _ => Err(say(self.language, ("it was taken back", "已取消")).to_owned()),
        }
    }

    fn install_firmware(&self, parsed: &Parsed) -> Result<FirmwareStatus, String> {
        if parsed.values.iter().any(|word| BundlePlace::parse(word).is_some()) {
            self.fetch_firmware(parsed)?;
        }
        let Update::Verified { bundle } = self.ask(FirmwareQuery {})?.update else {
            let none = (
                "no bundle was checked: send one with `firmware receive`, or from the console",
                "没有已校验的升级包：请用 firmware receive 或在控制台上传",
            );
            return Err(say(self.language, none).to_owned());
        };
        let anyway = matches!(parsed.action, Action::InstallAnyway);
        self.ask(InstallRequest {
            manifest: bundle.manifest,
            confirmed: if anyway { bundle.confirmations } else { Vec::new() },
            user: user(),
        })
    }
}

fn keep(input: &mut impl std::io::Read, path: &str, most: u64) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o640))?;
    let mut part = vec![0; PART];
    let mut input = input.take(most.saturating_add(1));
    let mut kept = 0;
    loop {
        let read = input.read(&mut part)?;
        if read == 0 {
            return file.sync_all();
        }
        kept += read as u64;
        if kept > most {
            return Err(std::io::Error::other(format!(
                "it is larger than the {most} octets that there is room for"
            )));
        }
        file.write_all(part.get(..read).unwrap_or_default())?;
    }
}

/// The firmware's state for people.
fn shown(language: Language, status: &FirmwareStatus) -> String {
    let words = |text| say(language, text).to_owned();
    let mut rows: Vec<(String, String)> = vec![(words(("Version", "版本")), status.version.clone())];
    for slot in &status.slots {
        let name = format!("{} {}", words(("Slot", "分区")), slot.slot.name().to_uppercase());
        let version = slot.version.clone().unwrap_or_else(|| words(("unknown", "未知")));
        let state = if status.running == Some(slot.slot) {
            words(("runs", "正在运行"))
        } else if slot.generation.is_none() {
            words(("cannot be started", "不可启动"))
        } else {
            words(("ready", "可启动"))
        };
        rows.push((name, format!("{version}, {state}")));
    }
    let secure = match status.secure_boot {
        Some(true) => words(("on", "已启用")),
        Some(false) => words(("off", "未启用")),
        None => words(("unknown", "未知")),
    };
    rows.push((words(("Secure Boot", "安全启动")), secure));
    let floor = status.floor.clone().unwrap_or_else(|| words(("none", "无")));
    rows.push((words(("Lowest version", "最低可安装版本")), floor));
    rows.push((words(("Health", "健康检查")), health(language, &status.health)));
    rows.push((words(("Update", "升级")), update(language, &status.update)));
    if let Some(problem) = &status.unfetched {
        rows.push((words(("No bundle came", "未能获取升级包")), problem.clone()));
    }
    if status.plugged > 0 {
        rows.push((words(("USB sticks", "U 盘")), plugged(language, status)));
    }
    if let Some(trouble) = &status.trouble {
        rows.push((words(("Trouble", "故障")), trouble.clone()));
    }
    if let Some(last) = &status.last {
        let text = format!("{} {}: {}", time(last.at), last.version, ended(language, &last.result));
        rows.push((words(("Last update", "上次升级")), text));
    }
    let boots = &status.boots;
    let counts = match language {
        Language::English => format!(
            "{} ({} in order, {} power failures, {} by the watchdog, {} after the kernel failed)",
            boots.total, boots.ordered, boots.power, boots.watchdog, boots.panic
        ),
        Language::Chinese => format!(
            "{}（正常 {}，断电 {}，看门狗 {}，内核故障 {}）",
            boots.total, boots.ordered, boots.power, boots.watchdog, boots.panic
        ),
    };
    rows.push((words(("Starts", "启动次数")), counts));
    let rows: Vec<(&str, String)> = rows
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let mut text = pairs(&rows);
    if !status.history.is_empty() {
        text.push_str(&format!("\n{}\n", words(("History", "历史记录"))));
        for entry in status.history.iter().take(HISTORY) {
            let by = if entry.user.is_empty() {
                String::new()
            } else {
                format!(" ({})", entry.user)
            };
            let event = event(language, &entry.event);
            text.push_str(&format!("{}  {}  {event}{by}\n", time(entry.at), entry.version));
        }
    }
    text
}

/// In a few words what is plugged in.
fn plugged(language: Language, status: &FirmwareStatus) -> String {
    if status.sticks.is_empty() {
        let unseen = (
            "plugged in: `show firmware usb` looks what is there",
            "已插入：执行 show firmware usb 查看内容",
        );
        return say(language, unseen).to_owned();
    }
    let bundles: Vec<String> = status
        .sticks
        .iter()
        .flat_map(|stick| {
            stick
                .bundles
                .iter()
                .map(|bundle| format!("usb:{}/{}", stick.partition, bundle.name))
        })
        .collect();
    if bundles.is_empty() {
        return say(language, ("no bundle on them", "其中没有升级包")).to_owned();
    }
    bundles.join(", ")
}

/// What is on the sticks.
fn sticks(language: Language, sticks: &[Stick], plugged: u32) -> String {
    if plugged == 0 {
        return format!("{}\n", say(language, ("no USB stick is plugged in", "没有插入 U 盘")));
    }
    let mut text = String::new();
    for stick in sticks {
        let kind = stick.filesystem.as_deref().unwrap_or("-");
        text.push_str(&format!("{}  {}  {kind}\n", stick.partition, stick.model));
        for bundle in &stick.bundles {
            text.push_str(&format!(
                "  usb:{}/{}  {:.1} MB\n",
                stick.partition,
                bundle.name,
                megabytes(bundle.octets)
            ));
        }
        for problem in &stick.problems {
            text.push_str(&format!("  {problem}\n"));
        }
        if stick.bundles.is_empty() {
            text.push_str(&format!("  {}\n", say(language, ("no bundle", "没有升级包"))));
        }
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(octets: u64) -> f64 {
    octets as f64 / 1e6
}

fn health(language: Language, health: &Health) -> String {
    match (health, language) {
        (Health::Unknown, _) => say(language, ("not known yet", "尚未知道")).to_owned(),
        (Health::Good, _) => say(language, ("good", "正常")).to_owned(),
        (Health::Proving { seconds }, Language::English) => format!("every probe succeeds for {seconds} of 60 s"),
        (Health::Proving { seconds }, Language::Chinese) => format!("所有检查已连续通过 {seconds} 秒（需 60 秒）"),
        (Health::Failing { problem }, Language::English) => format!("fails: {problem}"),
        (Health::Failing { problem }, Language::Chinese) => format!("未通过：{problem}"),
    }
}

fn update(language: Language, update: &Update) -> String {
    let english = language == Language::English;
    match update {
        Update::Idle => say(language, ("none", "无")).to_owned(),
        Update::Receiving {
            received,
            expected,
            from,
        } => {
            let so_far = megabytes(*received);
            let of = expected
                .map(|all| format!(" / {:.1}", megabytes(all)))
                .unwrap_or_default();
            let from = from.as_deref().unwrap_or_default();
            if english {
                format!("receiving {from} {so_far:.1}{of} MB")
            } else {
                format!("正在接收 {from} {so_far:.1}{of} MB")
            }
        }
        Update::Verified { bundle } => {
            let mut text = if english {
                format!("version {} was checked and may be installed", bundle.version)
            } else {
                format!("版本 {} 已通过校验，可以安装", bundle.version)
            };
            for confirmation in &bundle.confirmations {
                let why = match confirmation {
                    Confirmation::Downgrade => ("older than what runs", "低于当前版本"),
                    Confirmation::SameVersion => ("the version that runs", "与当前版本相同"),
                    Confirmation::RolledBackBefore => ("rolled back before", "曾经回退"),
                };
                text.push_str(if english { "; " } else { "；" });
                text.push_str(say(language, why));
            }
            if !bundle.confirmations.is_empty() {
                text.push_str(say(
                    language,
                    (": `firmware install anyway`", "：请用 firmware install anyway"),
                ));
            }
            text
        }
        Update::Installing { version, percent, step } if english => format!("installing {version}: {percent} % {step}"),
        Update::Installing { version, percent, .. } => format!("正在安装 {version}：{percent}%"),
        Update::Ready { version, at, .. } => {
            let at = at.map(time);
            match (english, at) {
                (true, None) => format!("{version} is installed: `firmware restart` runs it"),
                (true, Some(at)) => format!("{version} is installed: the box restarts at {at}"),
                (false, None) => format!("{version} 已安装：执行 firmware restart 后生效"),
                (false, Some(at)) => format!("{version} 已安装：设备将于 {at} 重启"),
            }
        }
        Update::Trying { version, attempt } if english => format!("{version} is on trial (start {attempt})"),
        Update::Trying { version, attempt } => format!("{version} 试运行中（第 {attempt} 次启动）"),
    }
}

fn event(language: Language, event: &HistoryEvent) -> String {
    let english = language == Language::English;
    match event {
        HistoryEvent::Began => say(language, ("installation began", "开始安装")).to_owned(),
        HistoryEvent::Installed { slot } if english => format!("installed in slot {}", slot.name().to_uppercase()),
        HistoryEvent::Installed { slot } => format!("已安装到分区 {}", slot.name().to_uppercase()),
        HistoryEvent::Started { attempt } if english => format!("started on trial ({attempt})"),
        HistoryEvent::Started { attempt } => format!("试运行启动（第 {attempt} 次）"),
        HistoryEvent::Ended { result } => ended(language, result),
        HistoryEvent::FloorRaised => {
            say(language, ("the lowest version was raised", "最低可安装版本已提高")).to_owned()
        }
        HistoryEvent::FactoryReset { count } if english => format!("factory reset (number {count} of this box)"),
        HistoryEvent::FactoryReset { count } => format!("恢复出厂设置（本机第 {count} 次）"),
        HistoryEvent::PasswordRecovered => say(
            language,
            (
                "administrator's password set in the recovery system",
                "在恢复系统中重设了管理员密码",
            ),
        )
        .to_owned(),
    }
}

fn ended(language: Language, result: &OutcomeKind) -> String {
    let separator = say(language, (": ", "："));
    match result {
        OutcomeKind::Good => say(language, ("good", "升级成功")).to_owned(),
        OutcomeKind::RolledBack { reason } => {
            let word = say(language, ("rolled back", "已回退"));
            format!("{word}{separator}{}", because(language, reason))
        }
        OutcomeKind::FellBack { reason } => {
            let word = say(
                language,
                (
                    "it no longer started, the other slot runs",
                    "无法启动，已切换到另一分区",
                ),
            );
            format!("{word}{separator}{}", because(language, reason))
        }
        OutcomeKind::Failed { message } => {
            format!(
                "{}{separator}{message}",
                say(language, ("could not be installed", "安装失败"))
            )
        }
        OutcomeKind::Interrupted => {
            let text = (
                "the installation was cut off, nothing changed",
                "安装被中断，系统未改变",
            );
            say(language, text).to_owned()
        }
        OutcomeKind::Cancelled => say(language, ("taken back", "已取消")).to_owned(),
    }
}

fn because(language: Language, reason: &Reason) -> String {
    let kind = match reason.kind {
        ReasonKind::DidNotStart => ("it did not start", "未能启动"),
        ReasonKind::Unhealthy => ("a service did not work", "服务未通过检查"),
        ReasonKind::Panic => ("the kernel failed", "内核故障"),
        ReasonKind::Watchdog => (
            "it hung, and the watchdog restarted the box",
            "系统无响应，由看门狗重启",
        ),
        ReasonKind::Interrupted => ("the power failed before it had proved itself", "试运行期间断电"),
    };
    let kind = say(language, kind);
    if reason.detail.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} ({})", reason.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::firmware::{Boots, HistoryEntry, Outcome, Slot, SlotStatus};
    use model::Timestamp;

    fn status() -> FirmwareStatus {
        let at = Timestamp::from_secs(1_700_000_000);
        let reason = Reason {
            kind: ReasonKind::Unhealthy,
            detail: "the analyzer does not answer".to_owned(),
        };
        let result = OutcomeKind::RolledBack { reason };
        FirmwareStatus {
            version: "1.2.0".to_owned(),
            running: Some(Slot::A),
            slots: vec![
                SlotStatus {
                    slot: Slot::A,
                    version: Some("1.2.0".to_owned()),
                    installed: None,
                    generation: Some(1),
                    tries_left: Some(3),
                },
                SlotStatus {
                    slot: Slot::B,
                    version: Some("1.3.0".to_owned()),
                    installed: Some(at),
                    generation: None,
                    tries_left: Some(0),
                },
            ],
            secure_boot: Some(true),
            floor: Some("1.0.0".to_owned()),
            update: Update::Idle,
            last: Some(Outcome {
                at,
                version: "1.3.0".to_owned(),
                result: result.clone(),
            }),
            history: vec![HistoryEntry {
                at,
                user: "admin".to_owned(),
                version: "1.3.0".to_owned(),
                event: HistoryEvent::Ended { result },
            }],
            boots: Boots {
                total: 3,
                ordered: 2,
                ..Boots::default()
            },
            health: Health::Good,
            room: 0,
            trouble: None,
            unfetched: None,
            plugged: 0,
            sticks: Vec::new(),
        }
    }

    #[test]
    fn a_rolled_back_update_says_why_in_both_languages() {
        for (language, words) in [
            (Language::English, "a service did not work"),
            (Language::Chinese, "服务未通过检查"),
        ] {
            let text = shown(language, &status());
            assert!(
                text.contains(words) && text.contains("the analyzer does not answer"),
                "{text}"
            );
            assert!(text.contains("1.2.0") && text.contains("1.0.0"), "{text}");
        }
    }

    #[test]
    fn what_must_be_confirmed_is_named_with_the_command() {
        let bundle = api::firmware::Bundle {
            version: "1.1.0".to_owned(),
            description: String::new(),
            compatible: String::new(),
            manifest: String::new(),
            confirmations: vec![Confirmation::Downgrade],
        };
        let text = update(Language::English, &Update::Verified { bundle });
        assert!(
            text.contains("older than what runs") && text.contains("firmware install anyway"),
            "{text}"
        );
    }

    #[test]
    fn sticks_are_shown_with_what_can_be_typed() {
        let mut status = status();
        assert!(sticks(Language::English, &[], 0).contains("no USB stick"));
        status.plugged = 1;
        assert!(shown(Language::Chinese, &status).contains("show firmware usb"));
        status.sticks = vec![Stick {
            partition: "sda1".to_owned(),
            model: "QEMU HARDDISK".to_owned(),
            octets: 64_000_000,
            filesystem: Some("exfat".to_owned()),
            bundles: vec![api::firmware::StickBundle {
                name: "new.raucb".to_owned(),
                octets: 61_500_000,
            }],
            problems: vec!["2 names are not shown".to_owned()],
        }];
        let text = sticks(Language::English, &status.sticks, 1);
        assert!(
            text.contains("usb:sda1/new.raucb  61.5 MB") && text.contains("2 names"),
            "{text}"
        );
        assert!(shown(Language::English, &status).contains("usb:sda1/new.raucb"));
    }

    #[test]
    fn what_is_sent_is_kept_as_far_as_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        keep(&mut &b"bundle"[..], &path("a"), 6).unwrap();
        assert_eq!(std::fs::read(path("a")).unwrap(), b"bundle");
        assert!(keep(&mut &b"bundle"[..], &path("b"), 5).is_err());
        assert!(
            keep(&mut &b"bundle"[..], &path("a"), 6).is_err(),
            "nothing is written over"
        );
    }
}
