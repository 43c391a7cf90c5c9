//! Does what a command line says.

use api::FailureKind;
use api::analyzer::{LinksQuery, RecordsQuery, Scope, TopQuery};
use api::client::CallError;
use api::supervisor::{
    ApplyAnswer, ApplyRequest, ConfirmRequest, FactoryResetRequest, PowerAction, PowerRequest, RESET_WORD,
    RestartRequest, Restartable, SettingsAnswer, SettingsQuery, SetupQuery, StatusQuery,
};
use model::{Dimension, HomeNetworks, Timestamp};
use serde::Serialize;
use settings::{Ipv4Config, Ipv6Config, Language, Port, PortDirection, Settings};

use crate::ask::{Appliance, explain};
use crate::commands::Action;
use crate::grammar::{Grammar, Parsed, split};
use crate::kinds;
use crate::lang::say;
use crate::secret;
use crate::show::Show;

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What a line came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Text to print.
    Said(String),
    /// Help to print; the words before the question mark stay on the line.
    Helped(String),
    /// The end.
    Left,
}

/// Someone at a command line.
pub(crate) struct Session {
    pub(crate) appliance: Appliance,
    pub(crate) language: Language,
    /// Whether all commands are offered; else those before the first set-up.
    pub(crate) set_up: bool,
    /// Whether someone is there to be asked.
    pub(crate) interactive: bool,
}

impl Session {
    /// The commands that are offered.
    pub(crate) fn grammar(&self) -> Grammar {
        Grammar::new(self.language, self.set_up)
    }

    /// Reads and does one line.
    ///
    /// # Errors
    /// In the session's language: what is wrong and what to try.
    pub(crate) fn line(&mut self, line: &str) -> Result<Outcome, String> {
        self.words(split(line, self.language)?, Format::Text)
    }

    /// Does what words say.
    ///
    /// # Errors
    /// As [`Session::line`].
    pub(crate) fn words(&mut self, mut words: Vec<String>, mut format: Format) -> Result<Outcome, String> {
        if take_end(&mut words, &["|", "json"])
            || take_end(&mut words, &["--format", "json"])
            || take_end(&mut words, &["--format=json"])
        {
            format = Format::Json;
        } else if !take_end(&mut words, &["--format", "text"]) {
            take_end(&mut words, &["--format=text"]);
        }
        if words.is_empty() {
            return Ok(Outcome::Said(String::new()));
        }
        let grammar = self.grammar();
        if let Some(last) = words.last_mut()
            && last.ends_with('?')
        {
            last.pop();
            // `sh?` asks about the word itself, `show ?` about the next one.
            if last.is_empty() {
                words.pop();
                return grammar.help(&words).map(Outcome::Helped);
            }
            let typed = words.pop().unwrap_or_default();
            return Ok(Outcome::Helped(offers(&grammar, &words, &typed)));
        }
        let parsed = grammar.parse(&words)?;
        self.act(&parsed, format)
    }

    fn act(&mut self, parsed: &Parsed, format: Format) -> Result<Outcome, String> {
        let show = Show(self.language);
        let text = match parsed.action {
            Action::ShowVersion => self.print(format, self.ask(StatusQuery {})?, |s| show.version(s))?,
            Action::ShowSystem => self.print(format, self.ask(StatusQuery {})?, |s| show.system(s))?,
            Action::ShowServices => self.print(format, self.ask(StatusQuery {})?, |s| show.services(s))?,
            Action::ShowPorts => self.print(format, self.ask(SettingsQuery::default())?, |s| show.ports(s))?,
            Action::ShowSettings => self.print(format, self.ask(SettingsQuery::default())?, |s| show.settings(s))?,
            Action::ShowLinks => self.print(format, self.ask(LinksQuery {})?, |l| show.links(l))?,
            Action::ShowLinksDetail => self.show_links_detail(parsed, format)?,
            Action::ShowHost => self.show_host(parsed, format)?,
            Action::ShowApplog => self.show_applog(parsed, format)?,
            Action::ShowSignatures => self.show_signatures(format)?,
            Action::AddSignature | Action::ClearSignatures | Action::ImportSignatures => {
                let answer = self.set_signatures(parsed)?;
                self.print(format, answer, |_| self.done())?
            }
            Action::ShowTop => {
                let query = top_query(parsed, self.scope(parsed)?.unwrap_or_default());
                let by = query.by;
                self.print(format, self.ask(query)?, |top| show.top(by, top, &self.objects()))?
            }
            Action::ShowFlows => {
                let query = records_query(parsed, self.scope(parsed)?);
                self.print(format, self.ask(query)?, |r| show.flows(r, &self.objects()))?
            }
            Action::ShowExporters
            | Action::ShowExporter
            | Action::ShowPending
            | Action::ShowInterfaces
            | Action::ShowDevice
            | Action::ShowLogs
            | Action::ShowCollection
            | Action::TestSnmp => self.about_exporters(parsed, format)?,
            Action::SetExporter
            | Action::DeleteExporter
            | Action::SetCommunity
            | Action::SetSnmpUser
            | Action::DeleteSnmp => {
                let answer = self.set_exporters(parsed)?;
                self.print(format, answer, |_| self.done())?
            }
            Action::ShowApplications | Action::ShowBusinesses | Action::ShowGroups | Action::ShowRetention => {
                self.show_objects(parsed, format)?
            }
            Action::SetApplication
            | Action::AddToApplication
            | Action::SetBusiness
            | Action::AddToBusiness
            | Action::SetIpGroup
            | Action::SetInterfaceGroup
            | Action::SetLinkGroup
            | Action::RenameObject
            | Action::DeleteObject
            | Action::SetRetention
            | Action::SetFull => {
                let answer = self.set_objects(parsed)?;
                self.print(format, answer, |_| self.done())?
            }
            Action::ShowCapture => {
                self.print(format, self.ask(api::collector::StatusQuery {})?, |c| show.capture(c))?
            }
            Action::ShowStorage => self.show_storage(format)?,
            Action::ShowMetrics | Action::SetMetricsToken | Action::SetMetricsOff => {
                self.about_metrics(parsed, format)?
            }
            Action::ShowHardware
            | Action::ShowSensors
            | Action::ShowHardwareEvents
            | Action::ShowDisks
            | Action::LocateBay
            | Action::LocateBayOff
            | Action::TestDisk => self.about_hardware(parsed, format)?,
            Action::ShowAlarms | Action::AcknowledgeAlarm => self.about_alarms(parsed, format)?,
            Action::ShowFirmware
            | Action::ShowSticks
            | Action::FetchFirmware
            | Action::ReceiveFirmware
            | Action::VerifyFirmware
            | Action::InstallFirmware
            | Action::InstallAnyway
            | Action::CancelFirmware
            | Action::RestartFirmware => self.about_firmware(parsed, format)?,
            Action::ShowTopBy
            | Action::ShowRecords
            | Action::ShowSeries
            | Action::ShowTotals
            | Action::ShowQuality
            | Action::ShowStreams
            | Action::ShowQualitySeries => self.ask_records(parsed, format)?,
            Action::Restart => {
                let request = RestartRequest {
                    program: restartable(parsed),
                    user: user(),
                };
                self.print(format, self.ask(request)?, |_| self.done())?
            }
            Action::Confirm => {
                let user = user();
                self.print(format, self.ask(ConfirmRequest { user })?, |_| self.done())?
            }
            Action::Password => self.change_password()?,
            Action::Reboot => self.power(PowerAction::Reboot)?,
            Action::PowerOff => self.power(PowerAction::PowerOff)?,
            Action::FactoryReset => self.factory_reset(parsed)?,
            Action::Help => self.grammar().help(&[])?,
            Action::Exit => return Ok(Outcome::Left),
            _ => {
                let answer = self.set(parsed)?;
                self.print(format, answer, |a| match a.confirm_until {
                    Some(until) => show.unconfirmed(until),
                    None => self.done(),
                })?
            }
        };
        Ok(Outcome::Said(text))
    }

    pub(crate) fn done(&self) -> String {
        say(self.language, ("Done.\n", "完成。\n")).to_owned()
    }

    pub(crate) fn ask<C: api::Call>(&self, call: C) -> Result<C::Answer, String> {
        self.appliance.ask(call).map_err(|e| explain(&e, self.language))
    }

    pub(crate) fn print<T: Serialize>(
        &self,
        format: Format,
        answer: T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<String, String> {
        match format {
            Format::Text => Ok(text(&answer)),
            Format::Json => serde_json::to_string_pretty(&answer)
                .map(|json| json + "\n")
                .map_err(|e| e.to_string()),
        }
    }

    fn set(&mut self, parsed: &Parsed) -> Result<ApplyAnswer, String> {
        let language = self.language;
        let answer = self.apply(|answer| {
            if let Some(name) = port_of(parsed)
                && !answer.ports.iter().any(|port| port.name == name && port.link.is_some())
            {
                return Err(match language {
                    Language::English => format!("{name} is not a capture port: see `show ports`"),
                    Language::Chinese => format!("{name} 不是采集口：请查看 show ports"),
                });
            }
            change(&mut answer.settings, parsed);
            Ok(())
        })?;
        if parsed.action == Action::SetLanguage {
            self.language = parsed
                .values
                .first()
                .and_then(|v| crate::lang::parse(v))
                .unwrap_or_default();
        }
        Ok(answer)
    }

    /// Reads the settings, changes them, applies them; once more where someone else was faster.
    pub(crate) fn apply(
        &self,
        edit: impl Fn(&mut SettingsAnswer) -> Result<(), String>,
    ) -> Result<ApplyAnswer, String> {
        let mut again = true;
        loop {
            let mut answer = self.ask(SettingsQuery::default())?;
            edit(&mut answer)?;
            let request = ApplyRequest {
                settings: answer.settings,
                user: user(),
            };
            match self.appliance.ask(request) {
                Ok(answer) => return Ok(answer),
                Err(CallError::Failed(failure)) if failure.kind == FailureKind::Conflict && again => again = false,
                Err(e) => return Err(explain(&e, self.language)),
            }
        }
    }

    fn power(&self, action: PowerAction) -> Result<String, String> {
        if self.interactive {
            let question = match action {
                PowerAction::Reboot => ("Restart the box now? Type yes: ", "现在重启设备？输入 yes 确认："),
                PowerAction::PowerOff => ("Shut the box down now? Type yes: ", "现在关闭设备？输入 yes 确认："),
            };
            let typed = secret::line(say(self.language, question)).map_err(|e| e.to_string())?;
            if !typed.is_some_and(|t| t.trim().eq_ignore_ascii_case("yes")) {
                return Ok(say(self.language, ("Nothing was done.\n", "未执行。\n")).to_owned());
            }
        }
        self.ask(PowerRequest { action, user: user() })?;
        let text = match action {
            PowerAction::Reboot => ("The box restarts.\n", "设备正在重启。\n"),
            PowerAction::PowerOff => ("The box shuts down.\n", "设备正在关闭。\n"),
        };
        Ok(say(self.language, text).to_owned())
    }

    fn factory_reset(&self, parsed: &Parsed) -> Result<String, String> {
        let nothing = || say(self.language, ("Nothing was done.\n", "未执行。\n")).to_owned();
        let word = match parsed.values.first() {
            Some(word) => word.clone(),
            None if self.interactive => {
                let question = (
                    "All records, settings, accounts, keys and logs are wiped, and the box restarts. The firmware stays.\nType ERASE: ",
                    "将清除所有记录、设置、帐户、密钥和日志，然后重启；固件保留。\n输入 ERASE 确认：",
                );
                let typed = secret::line(say(self.language, question)).map_err(|e| e.to_string())?;
                match typed
                    .map(|typed| typed.trim().to_owned())
                    .filter(|typed| typed == RESET_WORD)
                {
                    Some(word) => word,
                    None => return Ok(nothing()),
                }
            }
            None => {
                let hint = (
                    "to wipe all data without a question: factory-reset confirm ERASE",
                    "若要不经询问清除所有数据：factory-reset confirm ERASE",
                );
                return Err(say(self.language, hint).to_owned());
            }
        };
        self.ask(FactoryResetRequest { word, user: user() })?;
        let text = (
            "The box restarts and is then as it came from the factory.\n",
            "设备正在重启，之后恢复为出厂状态。\n",
        );
        Ok(say(self.language, text).to_owned())
    }

    fn change_password(&self) -> Result<String, String> {
        if !self.interactive {
            let text = (
                "the password is asked for: log in and type `password`",
                "修改密码需要交互：请登录后输入 password",
            );
            return Err(say(self.language, text).to_owned());
        }
        let cancelled = || say(self.language, ("nothing was changed", "未修改")).to_owned();
        let read = |text| {
            secret::password(say(self.language, text))
                .map_err(|e| e.to_string())?
                .ok_or_else(cancelled)
        };
        let current = read(("Current password: ", "当前密码："))?;
        let new = read(("New password: ", "新密码："))?;
        let again = read(("New password again: ", "再次输入新密码："))?;
        if new != again {
            return Err(say(
                self.language,
                (
                    "the new passwords differ: nothing was changed",
                    "两次输入的新密码不一致，未修改",
                ),
            )
            .to_owned());
        }
        let request = api::supervisor::ChangePasswordRequest {
            user: "admin".to_owned(),
            current,
            new,
            source: ssh_source(),
        };
        self.ask(request)?;
        Ok(self.done())
    }

    /// Whether the first set-up is done.
    pub(crate) fn is_set_up(&self) -> Result<bool, String> {
        Ok(self.ask(SetupQuery {})?.done)
    }
}

/// Words that start as `typed` does.
fn offers(grammar: &Grammar, words: &[String], typed: &str) -> String {
    let expected = grammar
        .expected(words)
        .into_iter()
        .filter_map(|expected| match expected {
            crate::grammar::Expected::Word(word) if crate::grammar::is_start(typed, word) => Some(word),
            _ => None,
        });
    let mut text = expected.collect::<Vec<_>>().join("  ");
    text.push('\n');
    text
}

fn take_end(words: &mut Vec<String>, end: &[&str]) -> bool {
    let found = words.len() >= end.len() && words.iter().rev().zip(end.iter().rev()).all(|(word, end)| word == end);
    if found {
        words.truncate(words.len() - end.len());
    }
    found
}

/// An option's text.
pub(crate) fn option<'a>(parsed: &'a Parsed, option: &str) -> Option<&'a str> {
    let given = parsed.options.iter().find(|(name, _)| *name == option);
    given.map(|(_, text)| text.as_str())
}

pub(crate) fn limit(parsed: &Parsed, default: u32) -> u32 {
    option(parsed, "limit")
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The time that is `last` ago.
pub(crate) fn from(parsed: &Parsed, default_s: u32) -> Timestamp {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_secs(now.as_secs().saturating_sub(u64::from(
        option(parsed, "last").and_then(kinds::seconds).unwrap_or(default_s),
    )))
}

fn restartable(parsed: &Parsed) -> Restartable {
    match parsed.values.first().map(String::as_str) {
        Some("collector") => Restartable::Collector,
        Some("analyzer") => Restartable::Analyzer,
        Some("hwmon") => Restartable::Hwmon,
        _ => Restartable::Console,
    }
}

fn top_query(parsed: &Parsed, scope: Scope) -> TopQuery {
    let by = match parsed.values.first().map(String::as_str) {
        Some("protocols") => Dimension::Protocol,
        Some("apps") => Dimension::App,
        Some("conversations") => Dimension::Conversation,
        _ => Dimension::Host,
    };
    TopQuery {
        by,
        scope,
        // Of exporters come minutes, and late ones.
        from: from(parsed, if scope == Scope::Ports { 60 } else { 600 }),
        to: None,
        limit: limit(parsed, 10),
    }
}

fn records_query(parsed: &Parsed, scope: Option<Scope>) -> RecordsQuery {
    RecordsQuery {
        from: from(parsed, 300),
        to: None,
        limit: limit(parsed, 20),
        scope,
        interface: None,
    }
}

fn port_of(parsed: &Parsed) -> Option<&str> {
    use Action::{
        SetCollectionPort, SetPortCapacity, SetPortCapacityAutomatic, SetPortDirection, SetPortLabel, SetPortRings,
        SetPortRingsAutomatic,
    };
    let about_port = matches!(
        parsed.action,
        SetPortDirection
            | SetPortCapacity
            | SetPortCapacityAutomatic
            | SetPortLabel
            | SetPortRings
            | SetPortRingsAutomatic
            | SetCollectionPort
    );
    about_port.then(|| parsed.values.first().map(String::as_str)).flatten()
}

/// Changes settings as a `set` command says. The grammar has checked each value, the supervisor checks the whole.
fn change(settings: &mut Settings, parsed: &Parsed) {
    let value = |place: usize| parsed.values.get(place).map(String::as_str).unwrap_or_default();
    let option = |name: &str| {
        parsed
            .options
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, text)| text.as_str())
    };
    let host = |text: &str| {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        (address.to_owned(), prefix.parse::<u8>().unwrap_or(0))
    };
    let port = |settings: &mut Settings, edit: &dyn Fn(&mut Port)| {
        let port = settings.ports.entry(value(0).to_owned()).or_default();
        edit(port);
        if *port == Port::default() {
            settings.ports.remove(value(0));
        }
    };
    match parsed.action {
        Action::SetHostname => value(0).clone_into(&mut settings.hostname),
        Action::SetLanguage => settings.language = crate::lang::parse(value(0)).unwrap_or_default(),
        Action::AddSshKey => settings.ssh_keys.push(parsed.values.join(" ")),
        Action::ClearSshKeys => settings.ssh_keys.clear(),
        Action::SetHomeNetworks => {
            settings.home_networks = HomeNetworks::new(parsed.values.iter().filter_map(|v| v.parse().ok()).collect());
        }
        Action::SetIpv4Dhcp => settings.management.ipv4 = Ipv4Config::Dhcp,
        Action::SetIpv4Static => {
            let (address, prefix) = host(value(0));
            if let Ok(address) = address.parse() {
                let gateway = option("gateway").and_then(|g| g.parse().ok());
                settings.management.ipv4 = Ipv4Config::Static {
                    address,
                    prefix,
                    gateway,
                };
            }
        }
        Action::SetIpv6Mode => {
            settings.management.ipv6 = if value(0) == "off" {
                Ipv6Config::Off
            } else {
                Ipv6Config::Auto
            };
        }
        Action::SetIpv6Static => {
            let (address, prefix) = host(value(0));
            if let Ok(address) = address.parse() {
                let gateway = option("gateway").and_then(|g| g.parse().ok());
                settings.management.ipv6 = Ipv6Config::Static {
                    address,
                    prefix,
                    gateway,
                };
            }
        }
        Action::SetCollectionPort => settings.collection.port = Some(value(0).to_owned()),
        Action::SetCollectionPortManagement => settings.collection.port = None,
        Action::SetDiscovery => settings.collection.discovery = value(0) == "on",
        Action::SetDns => settings.management.dns = parsed.values.iter().filter_map(|v| v.parse().ok()).collect(),
        Action::SetDnsAutomatic => settings.management.dns.clear(),
        Action::SetVlan => settings.management.vlan = value(0).parse().ok(),
        Action::SetVlanOff => settings.management.vlan = None,
        Action::SetPortDirection => port(settings, &|port| {
            port.direction = match value(1) {
                "in" => PortDirection::In,
                "out" => PortDirection::Out,
                _ => PortDirection::HomeNetworks,
            };
        }),
        Action::SetPortCapacity => port(settings, &|port| port.capacity_bps = kinds::speed(value(1))),
        Action::SetPortCapacityAutomatic => port(settings, &|port| port.capacity_bps = None),
        Action::SetPortRings => port(settings, &|port| port.rings = value(1).parse().ok()),
        Action::SetPortRingsAutomatic => port(settings, &|port| port.rings = None),
        Action::SetApplicationLogs => settings.application_logs = value(0) == "on",
        Action::SetPortLabel => {
            let label = parsed.values.get(1..).unwrap_or_default().join(" ");
            port(settings, &|port| label.trim().clone_into(&mut port.label));
        }
        _ => {}
    }
}

pub(crate) fn user() -> String {
    "admin".to_owned()
}

/// Where an SSH session comes from (`SSH_CONNECTION`: client address, client port, …).
fn ssh_source() -> Option<std::net::IpAddr> {
    std::env::var("SSH_CONNECTION").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(line: &str) -> Settings {
        let grammar = Grammar::new(Language::English, true);
        let parsed = grammar.parse(&split(line, Language::English).unwrap()).unwrap();
        let mut settings = Settings::default();
        change(&mut settings, &parsed);
        settings.check().unwrap();
        settings
    }

    #[test]
    fn set_commands_change_what_they_name() {
        let fixed = Ipv4Config::Static {
            address: [192, 0, 2, 10].into(),
            prefix: 24,
            gateway: Some([192, 0, 2, 1].into()),
        };
        assert_eq!(
            changed("set management ipv4 static 192.0.2.10/24 gateway 192.0.2.1")
                .management
                .ipv4,
            fixed
        );
        assert_eq!(changed("set management ipv6 off").management.ipv6, Ipv6Config::Off);
        assert_eq!(changed("set management dns 192.0.2.53 ::1").management.dns.len(), 2);
        assert_eq!(changed("set management vlan 100").management.vlan, Some(100));
        assert_eq!(changed("set management vlan off").management.vlan, None);
        assert_eq!(changed("set hostname probe-2").hostname, "probe-2");
        assert_eq!(changed("set language en").language, Language::English);
        assert_eq!(
            changed("set home-networks 192.0.2.0/24").home_networks.prefixes().len(),
            1
        );
        let port = |line: &str| changed(line).ports.get("enp0s3").cloned();
        assert_eq!(port("set port enp0s3 label core switch").unwrap().label, "core switch");
        assert_eq!(
            port("set port enp0s3 capacity 10G").unwrap().capacity_bps,
            Some(10_000_000_000)
        );
        assert_eq!(
            port("set port enp0s3 direction out").unwrap().direction,
            PortDirection::Out
        );
        assert_eq!(
            changed("set collection port enp0s4").collection.port.as_deref(),
            Some("enp0s4")
        );
        assert_eq!(changed("set collection port management").collection.port, None);
        assert!(changed("set discovery on").collection.discovery);
        assert_eq!(
            port("set port enp0s3 capacity automatic"),
            None,
            "a port with the defaults is not named"
        );
        assert_eq!(port("set port enp0s3 label \"\""), None);
        assert_eq!(port("set port enp0s3 rings 4").unwrap().rings, Some(4));
        assert_eq!(port("set port enp0s3 rings automatic"), None);
        assert!(!changed("set application-logs off").application_logs);
    }

    #[test]
    fn queries_have_defaults_and_bounds() {
        let grammar = Grammar::new(Language::English, true);
        let parse = |line: &str| grammar.parse(&split(line, Language::English).unwrap()).unwrap();
        let top = |line: &str| top_query(&parse(line), Scope::Ports);
        assert_eq!(top("show top apps limit 3").limit, 3);
        assert_eq!(top("show top conv").by, Dimension::Conversation);
        assert_eq!(records_query(&parse("show flows"), None).limit, 20);
        let mut words = split("show version | json", Language::English).unwrap();
        assert!(take_end(&mut words, &["|", "json"]));
        assert_eq!(words, ["show", "version"]);
    }
}
