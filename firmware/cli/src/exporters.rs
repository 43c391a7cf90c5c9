//! Commands about exporters: what they send, what SNMP says of them, their logs, and their settings.

use api::analyzer::{DeviceQuery, InterfacesQuery, LogsQuery, Scope};
use api::collector::{ExporterQuery, ExportersQuery, ProbeRequest};
use api::supervisor::{ApplyAnswer, SettingsQuery};
use model::LinkId;
use settings::{Exporter, Language, Secret, Settings, SnmpCredentials, SnmpPolling};

use crate::commands::Action;
use crate::grammar::Parsed;
use crate::kinds;
use crate::lang::say;
use crate::secret;
use crate::session::{Format, Session, from, limit, option};
use crate::show::Show;

/// A poll a minute, of the usual port.
const SNMP_PORT: u16 = 161;
const SNMP_INTERVAL_S: u32 = 60;

impl Session {
    /// Commands that show something.
    pub(crate) fn about_exporters(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let show = Show(self.language);
        match parsed.action {
            Action::ShowExporters => self.print(format, self.ask(ExportersQuery {})?, |e| show.exporters(e)),
            Action::ShowPending => self.print(format, self.ask(ExportersQuery {})?, |e| show.pending(e)),
            Action::ShowExporter => {
                let link = self.named(parsed)?;
                self.print(format, self.ask(ExporterQuery { link })?, |e| show.exporter(e))
            }
            Action::ShowInterfaces => {
                let exporter = match self.scope(parsed)? {
                    Some(Scope::Link(link)) => Some(link),
                    _ => None,
                };
                let settings = self.ask(SettingsQuery::default())?.settings;
                let answer = self.ask(InterfacesQuery { exporter })?;
                self.print(format, answer, |all| show.interfaces(all, &settings))
            }
            Action::ShowDevice => {
                let exporter = self.named(parsed)?;
                self.print(format, self.ask(DeviceQuery { exporter })?, |d| show.device(d))
            }
            Action::ShowLogs => {
                let exporters = match self.scope(parsed)? {
                    Some(Scope::Link(link)) => vec![link],
                    _ => Vec::new(),
                };
                let query = LogsQuery {
                    from: from(parsed, 86_400),
                    to: None,
                    exporters,
                    host: option(parsed, "host").map(str::to_owned),
                    severity: option(parsed, "severity").and_then(kinds::one_of),
                    keywords: words(option(parsed, "keyword").unwrap_or_default()),
                    limit: limit(parsed, 20),
                    ..LogsQuery::default()
                };
                self.print(format, self.ask(query)?, |l| show.logs(l))
            }
            Action::TestSnmp => {
                let link = self.named(parsed)?;
                self.print(format, self.ask(ProbeRequest { link })?, |p| show.probe(p))
            }
            _ => self.print(format, self.ask(SettingsQuery::default())?, |s| show.collection(s)),
        }
    }

    /// The links that `exporter` names: of one, or of `all`; `None` where it is not there.
    pub(crate) fn scope(&self, parsed: &Parsed) -> Result<Option<Scope>, String> {
        match option(parsed, "exporter") {
            None => Ok(None),
            Some("all") => Ok(Some(Scope::Exporters)),
            Some(name) => self.link(name).map(|link| Some(Scope::Link(link))),
        }
    }

    fn named(&self, parsed: &Parsed) -> Result<LinkId, String> {
        self.link(parsed.values.first().map(String::as_str).unwrap_or_default())
    }

    fn link(&self, name: &str) -> Result<LinkId, String> {
        let settings = self.ask(SettingsQuery::default())?.settings;
        number_of(&settings, name)
            .map(LinkId::of_exporter)
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> String {
        match self.language {
            Language::English => format!("there is no exporter {name:?}: see `show exporters`"),
            Language::Chinese => format!("没有网元 {name:?}：请查看 show exporters"),
        }
    }

    /// Commands that change exporters or credentials.
    pub(crate) fn set_exporters(&self, parsed: &Parsed) -> Result<ApplyAnswer, String> {
        let name = parsed.values.first().map(String::as_str).unwrap_or_default();
        match parsed.action {
            Action::SetExporter => self.apply(|answer| {
                set_exporter(&mut answer.settings, parsed, name);
                Ok(())
            }),
            Action::DeleteExporter => self.apply(|answer| {
                let number = number_of(&answer.settings, name).ok_or_else(|| self.unknown(name))?;
                answer.settings.exporters.remove(&number);
                Ok(())
            }),
            Action::DeleteSnmp => self.apply(|answer| match answer.settings.snmp.remove(name) {
                Some(_) => Ok(()),
                None => Err(match self.language {
                    Language::English => format!("there are no SNMP credentials {name:?}: see `show collection`"),
                    Language::Chinese => format!("没有 SNMP 凭据 {name:?}：请查看 show collection"),
                }),
            }),
            _ => {
                let credentials = self.credentials(parsed)?;
                self.apply(|answer| {
                    answer.settings.snmp.insert(name.to_owned(), credentials.clone());
                    Ok(())
                })
            }
        }
    }

    /// Credentials as the command says; their secrets are asked for without showing them.
    fn credentials(&self, parsed: &Parsed) -> Result<SnmpCredentials, String> {
        let value = |place: usize| parsed.values.get(place).cloned().unwrap_or_default();
        if parsed.action == Action::SetCommunity {
            let community = self.secret(("Community: ", "团体名："))?;
            return Ok(match value(1).as_str() {
                "v1" => SnmpCredentials::V1 { community },
                _ => SnmpCredentials::V2c { community },
            });
        }
        let authentication = option(parsed, "auth").and_then(kinds::one_of);
        let privacy = option(parsed, "privacy").and_then(kinds::one_of);
        Ok(SnmpCredentials::V3 {
            user: value(2),
            authentication: match authentication {
                Some(how) => Some((how, self.secret(("Authentication password: ", "认证密码："))?)),
                None => None,
            },
            privacy: match privacy {
                Some(how) => Some((how, self.secret(("Encryption password: ", "加密密码："))?)),
                None => None,
            },
        })
    }

    /// Asks for a secret; a script writes it on standard input, a line each.
    fn secret(&self, prompt: crate::lang::Text) -> Result<Secret, String> {
        let shown = if self.interactive {
            say(self.language, prompt)
        } else {
            ""
        };
        let typed = secret::password(shown).map_err(|e| e.to_string())?;
        match typed.filter(|text| !text.is_empty()) {
            Some(text) => Ok(Secret::new(text)),
            None => Err(say(self.language, ("nothing was changed", "未修改")).to_owned()),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The number of the exporter with this name, or else with this address.
pub(crate) fn number_of(settings: &Settings, name: &str) -> Option<u32> {
    let by_name = settings.exporters.iter().find(|(_, exporter)| exporter.name == name);
    let by_address = || {
        let address = name.parse().ok()?;
        let mut all = settings.exporters.iter();
        all.find(|(_, exporter)| exporter.addresses.contains(&address))
    };
    by_name.or_else(by_address).map(|(number, _)| *number)
}

/// Registers an exporter, or changes the one of that name; what the command does not name stays.
fn set_exporter(settings: &mut Settings, parsed: &Parsed, name: &str) {
    let known = settings.exporters.iter().find(|(_, exporter)| exporter.name == name);
    let number = match known {
        Some((number, _)) => *number,
        None => settings.next_exporter_number(),
    };
    let exporter = settings.exporters.entry(number).or_insert_with(|| Exporter {
        name: name.to_owned(),
        addresses: Vec::new(),
        enabled: true,
        sampling: None,
        utc_offset_min: 0,
        snmp: None,
        interfaces: Default::default(),
    });
    if let Some(addresses) = parsed.values.get(1).and_then(|text| kinds::addresses(text)) {
        exporter.addresses = addresses;
    }
    if let Some(rate) = option(parsed, "sampling").and_then(kinds::rate) {
        exporter.sampling = rate;
    }
    match option(parsed, "snmp") {
        None => {}
        Some("off") => exporter.snmp = None,
        Some(credentials) => match &mut exporter.snmp {
            Some(polling) => credentials.clone_into(&mut polling.credentials),
            none => {
                *none = Some(SnmpPolling {
                    credentials: credentials.to_owned(),
                    port: SNMP_PORT,
                    interval_s: SNMP_INTERVAL_S,
                });
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Grammar, split};

    fn set(settings: &mut Settings, line: &str) {
        let grammar = Grammar::new(Language::English, true);
        let parsed = grammar.parse(&split(line, Language::English).unwrap()).unwrap();
        set_exporter(settings, &parsed, &parsed.values[0]);
    }

    #[test]
    fn an_exporter_is_registered_and_then_changed_in_what_is_named() {
        let mut settings = Settings::default();
        settings.snmp.insert(
            "core".into(),
            SnmpCredentials::V2c {
                community: Secret::new("public"),
            },
        );
        set(
            &mut settings,
            "set exporter core-1 address 192.0.2.1,2001:db8::1 snmp core",
        );
        set(&mut settings, "set exporter core-1 address 192.0.2.2 sampling 1000");
        set(&mut settings, "set exporter \"edge 2\" address 192.0.2.3");
        settings.check().unwrap();
        let first = &settings.exporters[&1];
        assert_eq!(first.addresses, ["192.0.2.2".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(
            (first.sampling, first.snmp.as_ref().unwrap().interval_s),
            (Some(1_000), 60)
        );
        assert_eq!(number_of(&settings, "192.0.2.3"), Some(2));
        set(
            &mut settings,
            "set exporter core-1 address 192.0.2.2 sampling auto snmp off",
        );
        assert_eq!(
            (settings.exporters[&1].sampling, &settings.exporters[&1].snmp),
            (None, &None)
        );
    }
}
