//! Commands about what people name (applications, businesses, groups) and about how much is kept.

use api::analyzer::InterfacesQuery;
use api::supervisor::{ApplyAnswer, SettingsAnswer, SettingsQuery};
use model::{
    Application, Business, Endpoint, InterfaceGroup, InterfaceId, IpGroup, LinkGroup, LinkId, ObjectKind, Objects,
};
use serde_json::json;
use settings::{KeptClass, Language, Settings};

use crate::commands::Action;
use crate::exporters::number_of;
use crate::grammar::Parsed;
use crate::kinds;
use crate::session::{Format, Session, option};
use crate::show::Show;

/// What is wrong with a command, in both languages.
type Wrong = (String, String);

impl Session {
    /// Commands that show something.
    pub(crate) fn show_objects(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let show = Show(self.language);
        let answer = self.ask(SettingsQuery::default())?;
        let (settings, objects) = (&answer.settings, &answer.settings.objects);
        match parsed.action {
            Action::ShowApplications => {
                let all = &objects.applications;
                self.print(format, all, |all| show.applications(all))
            }
            Action::ShowBusinesses => {
                let all = &objects.businesses;
                self.print(format, all, |all| show.businesses(all))
            }
            Action::ShowRetention => self.print(format, &settings.retention, |r| show.retention(r)),
            _ => {
                let groups = json!({
                    "ip_groups": objects.ip_groups,
                    "interface_groups": objects.interface_groups,
                    "link_groups": objects.link_groups,
                });
                self.print(format, groups, |_| show.groups(&answer))
            }
        }
    }

    /// What people named, for the names of applications; nothing where the settings cannot be read.
    pub(crate) fn objects(&self) -> Objects {
        let answer = self.ask(SettingsQuery::default());
        answer.map(|answer| answer.settings.objects).unwrap_or_default()
    }

    /// Commands that change something.
    pub(crate) fn set_objects(&self, parsed: &Parsed) -> Result<ApplyAnswer, String> {
        self.apply(|answer| {
            let named = |exporter, name: &str| self.interface_named(exporter, name);
            edit(answer, parsed, &named).map_err(|(english, chinese)| match self.language {
                Language::English => english,
                Language::Chinese => chinese,
            })
        })
    }

    /// The ifIndex of an exporter's interface by what the exporter, SNMP or people call it.
    fn interface_named(&self, exporter: LinkId, name: &str) -> Option<u32> {
        let exporter = Some(exporter);
        let all = self.ask(InterfacesQuery { exporter }).ok()?;
        let of = |facts: &model::InterfaceFacts| [&facts.label, &facts.name, &facts.description].map(String::clone);
        let found = all.iter().find(|one| of(&one.facts).iter().any(|n| n == name));
        found.map(|one| one.facts.index)
    }
}

/// Changes the settings as a command says. The grammar has checked each value, the supervisor checks the whole. `named`
/// finds interfaces by their names.
fn edit(
    answer: &mut SettingsAnswer,
    parsed: &Parsed,
    named: &dyn Fn(LinkId, &str) -> Option<u32>,
) -> Result<(), Wrong> {
    let value = |place: usize| parsed.values.get(place).map(String::as_str).unwrap_or_default();
    let members = parsed.values.get(1..).unwrap_or_default();
    match parsed.action {
        Action::SetApplication | Action::AddToApplication => {
            let number = number(&answer.settings, ObjectKind::Applications, value(0));
            let objects = &mut answer.settings.objects;
            let application = objects.applications.entry(number).or_insert_with(|| Application {
                name: value(0).to_owned(),
                endpoints: Vec::new(),
            });
            put(&mut application.endpoints, parsed, Action::AddToApplication);
        }
        Action::SetBusiness | Action::AddToBusiness => {
            let number = number(&answer.settings, ObjectKind::Businesses, value(0));
            let objects = &mut answer.settings.objects;
            let business = objects.businesses.entry(number).or_insert_with(|| Business {
                name: value(0).to_owned(),
                endpoints: Vec::new(),
            });
            put(&mut business.endpoints, parsed, Action::AddToBusiness);
        }
        Action::SetIpGroup => {
            let number = number(&answer.settings, ObjectKind::IpGroups, value(0));
            let groups = &mut answer.settings.objects.ip_groups;
            let group = groups.entry(number).or_insert_with(|| IpGroup {
                name: value(0).to_owned(),
                addresses: Vec::new(),
            });
            group.addresses = kinds::ranges(value(1)).unwrap_or_default();
        }
        Action::SetInterfaceGroup => {
            let all = members.iter().map(|member| interface(&answer.settings, member, named));
            let interfaces = all.collect::<Result<_, _>>()?;
            let number = number(&answer.settings, ObjectKind::InterfaceGroups, value(0));
            let groups = &mut answer.settings.objects.interface_groups;
            let group = groups.entry(number).or_insert_with(|| InterfaceGroup {
                name: value(0).to_owned(),
                interfaces: Vec::new(),
            });
            group.interfaces = interfaces;
        }
        Action::SetLinkGroup => {
            let all = members.iter().map(|member| link(answer, member));
            let links = all.collect::<Result<_, _>>()?;
            let number = number(&answer.settings, ObjectKind::LinkGroups, value(0));
            let groups = &mut answer.settings.objects.link_groups;
            let group = groups.entry(number).or_insert_with(|| LinkGroup {
                name: value(0).to_owned(),
                links: Vec::new(),
            });
            group.links = links;
        }
        Action::RenameObject => {
            let (kind, number) = existing(&answer.settings, value(0), value(1))?;
            rename(&mut answer.settings.objects, kind, number, value(2));
        }
        Action::DeleteObject => {
            let (kind, number) = existing(&answer.settings, value(0), value(1))?;
            answer.settings.objects.remove(kind, number);
        }
        Action::SetRetention => {
            let class = KeptClass::ALL.into_iter().find(|class| class.field() == value(0));
            if let Some(class) = class {
                let limit = answer.settings.retention.of_mut(class);
                if let Some(age) = option(parsed, "age").and_then(|text| text.parse().ok()) {
                    limit.age = age;
                }
                if let Some(gb) = option(parsed, "gb").and_then(kinds::gigabytes) {
                    limit.gb = gb;
                }
            }
        }
        _ => {
            if let Ok(percent) = value(0).parse() {
                answer.settings.retention.full_percent = percent;
            }
        }
    }
    Ok(())
}

/// The number of the object of a name, or one for a new object.
fn number(settings: &Settings, kind: ObjectKind, name: &str) -> u32 {
    let held = settings.objects.number_of(kind, name);
    held.unwrap_or_else(|| settings.next_object_number())
}

/// Puts the endpoint that the command names in place of all, or behind them.
fn put(endpoints: &mut Vec<Endpoint>, parsed: &Parsed, adding: Action) {
    if parsed.action != adding {
        endpoints.clear();
    }
    endpoints.push(Endpoint {
        protocol: option(parsed, "protocol").and_then(kinds::protocol).flatten(),
        ports: option(parsed, "ports").and_then(kinds::ports).unwrap_or_default(),
        addresses: option(parsed, "addresses").and_then(kinds::ranges).unwrap_or_default(),
    });
}

/// The kind that a command's word means, and the number of the object of a name.
fn existing(settings: &Settings, kind: &str, name: &str) -> Result<(ObjectKind, u32), Wrong> {
    let (kind, see, chinese) = match kind {
        "application" => (ObjectKind::Applications, "show applications", "应用"),
        "business" => (ObjectKind::Businesses, "show businesses", "业务"),
        "interface-group" => (ObjectKind::InterfaceGroups, "show groups", "接口组"),
        "link-group" => (ObjectKind::LinkGroups, "show groups", "链路组"),
        _ => (ObjectKind::IpGroups, "show groups", "IP 组"),
    };
    let found = settings.objects.number_of(kind, name).map(|number| (kind, number));
    found.ok_or_else(|| {
        (
            format!("there is no {} {name:?}: see `{see}`", kind.one()),
            format!("没有{chinese} {name:?}：请查看 {see}"),
        )
    })
}

fn rename(objects: &mut Objects, kind: ObjectKind, number: u32, to: &str) {
    let name = match kind {
        ObjectKind::Applications => objects.applications.get_mut(&number).map(|one| &mut one.name),
        ObjectKind::Businesses => objects.businesses.get_mut(&number).map(|one| &mut one.name),
        ObjectKind::IpGroups => objects.ip_groups.get_mut(&number).map(|one| &mut one.name),
        ObjectKind::InterfaceGroups => objects.interface_groups.get_mut(&number).map(|one| &mut one.name),
        ObjectKind::LinkGroups => objects.link_groups.get_mut(&number).map(|one| &mut one.name),
    };
    if let Some(name) = name {
        to.clone_into(name);
    }
}

/// An interface as it is typed: an exporter, a colon, and the interface's number or name.
fn interface(
    settings: &Settings,
    typed: &str,
    named: &dyn Fn(LinkId, &str) -> Option<u32>,
) -> Result<InterfaceId, Wrong> {
    // Names of interfaces have colons as well as addresses of exporters: the longest exporter that is there.
    let parts = typed
        .rmatch_indices(':')
        .map(|(at, _)| (&typed[..at], &typed[at + 1..]));
    let mut found = parts.filter_map(|(exporter, interface)| Some((number_of(settings, exporter)?, interface)));
    let Some((number, interface)) = found.next() else {
        return Err((
            format!("{typed:?} names no exporter: write EXPORTER:INTERFACE, and see `show exporters`"),
            format!("{typed:?} 中没有已登记的网元：请写作 网元:接口，并查看 show exporters"),
        ));
    };
    let exporter = LinkId::of_exporter(number);
    let index = interface.parse().ok().or_else(|| named(exporter, interface));
    let index = index.ok_or_else(|| {
        (
            format!("the exporter has no interface {interface:?}: see `show interfaces`"),
            format!("该网元没有接口 {interface:?}：请查看 show interfaces"),
        )
    })?;
    Ok(InterfaceId { exporter, index })
}

/// A capture port or an exporter as it is typed.
fn link(answer: &SettingsAnswer, typed: &str) -> Result<LinkId, Wrong> {
    let port = answer.ports.iter().find(|port| port.name == typed);
    let port = port.and_then(|port| port.link).map(|link| LinkId(u32::from(link)));
    let exporter = || number_of(&answer.settings, typed).map(LinkId::of_exporter);
    port.or_else(exporter).ok_or_else(|| {
        (
            format!("there is no capture port and no exporter {typed:?}: see `show links` and `show exporters`"),
            format!("没有采集口或网元 {typed:?}：请查看 show links 和 show exporters"),
        )
    })
}

#[cfg(test)]
mod tests;
