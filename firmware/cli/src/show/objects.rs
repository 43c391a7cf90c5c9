//! What people named, and how much is kept.

use std::collections::BTreeMap;

use api::supervisor::SettingsAnswer;
use model::{Application, Business, Endpoint, InterfaceId, LinkId};
use settings::{KeptClass, Language, Retention};

use super::{Show, protocol};
use crate::columns::Align::{Left, Right};
use crate::columns::Table;

impl Show {
    /// Applications that were defined: a line for each place that they are served at.
    pub(crate) fn applications(self, all: &BTreeMap<u32, Application>) -> String {
        if all.is_empty() {
            let none = "No application is defined: `set application NAME protocol tcp ports PORTS` does that.\n";
            let chinese = "还没有自定义应用：请用 set application 名称 protocol tcp ports 端口 定义。\n";
            return self.say(none, chinese).to_owned();
        }
        let rows = all.values().map(|one| (one.name.as_str(), one.endpoints.as_slice()));
        self.endpoints(self.say("Application", "应用"), rows)
    }

    /// Businesses, likewise.
    pub(crate) fn businesses(self, all: &BTreeMap<u32, Business>) -> String {
        if all.is_empty() {
            let none = "No business is defined: `set business NAME addresses RANGES` does that.\n";
            let chinese = "还没有定义业务：请用 set business 名称 addresses 地址 定义。\n";
            return self.say(none, chinese).to_owned();
        }
        let rows = all.values().map(|one| (one.name.as_str(), one.endpoints.as_slice()));
        self.endpoints(self.say("Business", "业务"), rows)
    }

    fn endpoints<'a>(self, head: &str, rows: impl Iterator<Item = (&'a str, &'a [Endpoint])>) -> String {
        let mut table = Table::new(&[
            (head, Left),
            (self.say("Protocol", "协议"), Left),
            (self.say("Ports", "端口"), Left),
            (self.say("Addresses", "地址"), Left),
        ]);
        for (name, endpoints) in rows {
            for (place, endpoint) in endpoints.iter().enumerate() {
                let any = || self.say("any", "任意").to_owned();
                table.row([
                    if place == 0 { name.to_owned() } else { String::new() },
                    endpoint.protocol.map_or_else(any, protocol),
                    some(&endpoint.ports).unwrap_or_else(any),
                    some(&endpoint.addresses).unwrap_or_else(any),
                ]);
            }
        }
        table.render()
    }

    /// All groups.
    pub(crate) fn groups(self, answer: &SettingsAnswer) -> String {
        let objects = &answer.settings.objects;
        let mut table = Table::new(&[
            (self.say("Group", "组"), Left),
            (self.say("Of", "类型"), Left),
            (self.say("Members", "成员"), Left),
        ]);
        let addresses = self.say("addresses", "IP");
        for one in objects.ip_groups.values() {
            let members = some(&one.addresses).unwrap_or_default();
            table.row([one.name.clone(), addresses.to_owned(), members]);
        }
        for one in objects.interface_groups.values() {
            let members: Vec<String> = one.interfaces.iter().map(|i| interface(answer, *i)).collect();
            let of = self.say("interfaces", "接口").to_owned();
            table.row([one.name.clone(), of, members.join(" ")]);
        }
        for one in objects.link_groups.values() {
            let members: Vec<String> = one.links.iter().map(|l| link(answer, *l)).collect();
            let of = self.say("links", "链路").to_owned();
            table.row([one.name.clone(), of, members.join(" ")]);
        }
        let none =
            objects.ip_groups.is_empty() && objects.interface_groups.is_empty() && objects.link_groups.is_empty();
        if none {
            let text = "No group is defined: `set group NAME addresses RANGES` does that.\n";
            return self
                .say(text, "还没有定义组：请用 set group 名称 addresses 地址 定义。\n")
                .to_owned();
        }
        table.render()
    }

    /// How long what is kept.
    pub(crate) fn retention(self, retention: &Retention) -> String {
        let mut table = Table::new(&[
            (self.say("What", "数据"), Left),
            (self.say("For", "保留"), Right),
            (self.say("At most", "最多"), Right),
        ]);
        for class in KeptClass::ALL {
            let limit = retention.of(class);
            let (what, unit) = match class {
                KeptClass::Records => (self.say("flow records", "流记录"), self.say("days", "天")),
                KeptClass::Seconds => (self.say("seconds", "秒级统计"), self.say("hours", "小时")),
                KeptClass::Minutes => (self.say("minutes", "分钟级统计"), self.say("days", "天")),
                KeptClass::Rollups => (self.say("hours and days", "小时和天级统计"), self.say("days", "天")),
                KeptClass::Logs => (self.say("logs", "日志"), self.say("days", "天")),
                KeptClass::Transactions => (self.say("application logs", "应用日志"), self.say("days", "天")),
                KeptClass::Packets => (self.say("packets", "数据包"), self.say("days", "天")),
            };
            let most = limit.gb.map(|gb| format!("{gb} GB"));
            table.row([
                what.to_owned(),
                format!("{} {unit}", limit.age),
                most.unwrap_or_else(|| self.say("the disk's room", "磁盘容量").to_owned()),
            ]);
        }
        let full = retention.full_percent;
        let note = match self.0 {
            Language::English => format!("The oldest goes first, from {full} % of the disk on.\n"),
            Language::Chinese => format!("磁盘用量达到 {full} % 后，先删除最旧的数据。\n"),
        };
        table.render() + &note
    }
}

/// What there is, with commas between; `None` where there is nothing.
fn some<T: std::fmt::Display>(all: &[T]) -> Option<String> {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    (!all.is_empty()).then(|| all.join(","))
}

fn link(answer: &SettingsAnswer, link: LinkId) -> String {
    let exporter = link
        .exporter()
        .and_then(|number| answer.settings.exporters.get(&number));
    let port = || {
        let port = answer
            .ports
            .iter()
            .find(|port| port.link.map(u32::from) == Some(link.0));
        port.map(|port| port.name.clone())
    };
    let name = exporter.map(|exporter| exporter.name.clone()).or_else(port);
    name.unwrap_or_else(|| link.to_string())
}

fn interface(answer: &SettingsAnswer, interface: InterfaceId) -> String {
    format!("{}:{}", link(answer, interface.exporter), interface.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{App, InterfaceGroup, IpGroup, LinkGroup, TopKey};
    use settings::{Exporter, Settings};

    fn answer() -> SettingsAnswer {
        let mut settings = Settings::default();
        let exporter = Exporter {
            name: "core-1".to_owned(),
            addresses: vec![[192, 0, 2, 1].into()],
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: BTreeMap::new(),
        };
        settings.exporters.insert(1, exporter);
        let endpoint = |protocol, ports: &str, addresses: &str| Endpoint {
            protocol,
            ports: ports.split_whitespace().map(|text| text.parse().unwrap()).collect(),
            addresses: addresses.split_whitespace().map(|text| text.parse().unwrap()).collect(),
        };
        let objects = &mut settings.objects;
        let application = Application {
            name: "网银".to_owned(),
            endpoints: vec![
                endpoint(Some(6), "8000-8099 9000", "10.1.0.0/16"),
                endpoint(None, "", "fd00::9"),
            ],
        };
        objects.applications.insert(1, application);
        let business = Business {
            name: "ERP 系统".to_owned(),
            endpoints: vec![endpoint(Some(47), "", ""), endpoint(None, "443", "")],
        };
        objects.businesses.insert(2, business);
        let group = IpGroup {
            name: "总部".to_owned(),
            addresses: endpoint(None, "", "10.0.0.0/8 192.0.2.1-192.0.2.9").addresses,
        };
        objects.ip_groups.insert(3, group);
        let interface = |index| InterfaceId {
            exporter: LinkId::of_exporter(1),
            index,
        };
        let group = InterfaceGroup {
            name: "uplinks".to_owned(),
            interfaces: vec![interface(1), interface(17)],
        };
        objects.interface_groups.insert(4, group);
        let group = LinkGroup {
            name: "routers".to_owned(),
            links: vec![LinkId::of_exporter(1)],
        };
        objects.link_groups.insert(5, group);
        let group = LinkGroup {
            name: "taps".to_owned(),
            links: vec![LinkId(2)],
        };
        objects.link_groups.insert(6, group);
        settings.retention.records.gb = Some(2_000);
        SettingsAnswer {
            change: 1,
            settings,
            ports: Vec::new(),
            unconfirmed_until: None,
        }
    }

    #[test]
    fn applications_are_shown_by_the_names_of_today() {
        let (show, answer) = (Show(Language::English), answer());
        let key = |number| show.key(&TopKey::App(App::from_number(number)), &answer.settings.objects);
        assert_eq!(
            [key(0), key(1), key(0x8001), key(0x8009)],
            ["unknown", "dns", "网银", "app-32777"]
        );
    }

    #[test]
    fn objects_are_these() {
        let answer = answer();
        assert_eq!(answer.settings.check(), Ok(()));
        let none = SettingsAnswer {
            settings: Settings::default(),
            ..answer.clone()
        };
        let mut text = String::new();
        for language in [Language::English, Language::Chinese] {
            let show = Show(language);
            for answer in [&answer, &none] {
                let objects = &answer.settings.objects;
                text.push_str(&show.applications(&objects.applications));
                text.push_str(&show.businesses(&objects.businesses));
                text.push_str(&show.groups(answer));
                text.push_str(&show.retention(&answer.settings.retention));
            }
        }
        crate::tests::golden("golden/objects.txt", &text);
    }
}
