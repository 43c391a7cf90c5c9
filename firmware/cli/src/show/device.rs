//! What SNMP says of an exporter.

use api::analyzer::Device;
use model::{Gauge, GaugeKind, SystemFacts};

use super::Show;
use super::exporters::ago;
use crate::amounts::{bytes, or_dash, percent, share};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// System, sensors, storage, neighbours, and how long the other tables are.
    pub(crate) fn device(self, device: &Device) -> String {
        let facts = &device.facts;
        let mut text = match &facts.system {
            Some(system) => self.system_facts(system),
            None => self
                .say(
                    "Nothing is known of the device by SNMP yet.\n",
                    "还没有该设备的 SNMP 信息。\n",
                )
                .to_owned(),
        };
        let rows = |rows: Option<usize>| or_dash(rows, |n| n.to_string());
        text.push_str(&pairs(&[
            (self.say("Renewed", "更新于"), or_dash(device.at, ago)),
            (
                self.say("Interfaces", "接口"),
                rows(facts.interfaces.as_ref().map(Vec::len)),
            ),
            (
                self.say("Forwarding table", "MAC 转发表"),
                rows(facts.forwarding.as_ref().map(Vec::len)),
            ),
            (self.say("ARP table", "ARP 表"), rows(facts.arp.as_ref().map(Vec::len))),
        ]));
        if !device.gauges.is_empty() {
            let mut gauges = Table::new(&[
                (self.say("Reading", "读数"), Left),
                (self.say("Of", "对象"), Left),
                (self.say("Value", "数值"), Right),
                ("", Left),
            ]);
            for gauge in &device.gauges {
                let state = match gauge.ok {
                    Some(false) => self.say("! failed", "! 异常"),
                    Some(true) | None => "",
                };
                gauges.row([
                    self.gauge_kind(gauge.kind).to_owned(),
                    gauge.name.clone(),
                    value(gauge),
                    state.to_owned(),
                ]);
            }
            text.push('\n');
            text.push_str(&gauges.render());
        }
        if let Some(areas) = facts.storage.as_ref().filter(|areas| !areas.is_empty()) {
            let mut storage = Table::new(&[
                (self.say("Storage", "存储"), Left),
                (self.say("Size", "容量"), Right),
                (self.say("Used", "已用"), Right),
                (self.say("Share", "占比"), Right),
            ]);
            for area in areas {
                storage.row([
                    area.name.clone(),
                    bytes(area.total),
                    bytes(area.used),
                    share(area.used, area.total),
                ]);
            }
            text.push('\n');
            text.push_str(&storage.render());
        }
        if let Some(neighbours) = facts.neighbours.as_ref().filter(|all| !all.is_empty()) {
            let mut table = Table::new(&[
                (self.say("Own port", "本端接口"), Left),
                (self.say("Neighbour", "邻居"), Left),
                (self.say("Its port", "对端接口"), Left),
                (self.say("Management", "管理地址"), Left),
            ]);
            for one in neighbours {
                table.row([
                    one.local_port.clone(),
                    match one.system_name.as_str() {
                        "" => one.chassis.clone(),
                        name => name.to_owned(),
                    },
                    one.port.clone(),
                    or_dash(one.management, |address| address.to_string()),
                ]);
            }
            text.push('\n');
            text.push_str(&table.render());
        }
        text
    }

    pub(super) fn system_facts(self, system: &SystemFacts) -> String {
        let text = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                text.replace('\n', " ")
            }
        };
        pairs(&[
            (self.say("Name", "名称"), text(&system.name)),
            (self.say("Description", "描述"), text(&system.description)),
            (self.say("Location", "位置"), text(&system.location)),
            (self.say("Contact", "联系人"), text(&system.contact)),
            ("sysObjectID", text(&system.object_id)),
            (self.say("Up for", "运行时间"), or_dash(system.up_since, ago)),
        ])
    }

    fn gauge_kind(self, kind: GaugeKind) -> &'static str {
        match kind {
            GaugeKind::Cpu => self.say("processor", "处理器"),
            GaugeKind::Memory => self.say("memory", "内存"),
            GaugeKind::Storage => self.say("storage", "存储"),
            GaugeKind::Load => self.say("load average", "平均负载"),
            GaugeKind::Celsius => self.say("temperature", "温度"),
            GaugeKind::Rpm => self.say("fan", "风扇"),
            GaugeKind::Volts => self.say("voltage", "电压"),
            GaugeKind::Amperes => self.say("current", "电流"),
            GaugeKind::Watts => self.say("power", "功率"),
            GaugeKind::Humidity => self.say("humidity", "湿度"),
            GaugeKind::Dbm => self.say("optical power", "光功率"),
            GaugeKind::Hertz => self.say("frequency", "频率"),
            GaugeKind::Truth => self.say("state", "状态"),
            GaugeKind::Other => self.say("other", "其他"),
        }
    }
}

fn value(gauge: &Gauge) -> String {
    let unit = match gauge.kind {
        GaugeKind::Cpu | GaugeKind::Memory | GaugeKind::Storage | GaugeKind::Humidity => return percent(gauge.value),
        GaugeKind::Celsius => " °C",
        GaugeKind::Rpm => " rpm",
        GaugeKind::Volts => " V",
        GaugeKind::Amperes => " A",
        GaugeKind::Watts => " W",
        GaugeKind::Dbm => " dBm",
        GaugeKind::Hertz => " Hz",
        GaugeKind::Load | GaugeKind::Truth | GaugeKind::Other => "",
    };
    format!("{:.2}{unit}", gauge.value)
}
