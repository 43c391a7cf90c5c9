//! What the `show` commands print.

mod alarms;
pub(crate) mod answer;
mod applog;
mod device;
mod exporters;
mod hardware;
pub(crate) mod host;
pub(crate) mod links;
mod objects;
mod programs;
pub(crate) mod quality;

use api::analyzer::{LinkNow, Records, Top};
use api::supervisor::{PortRole, SettingsAnswer, SystemStatus};
use model::{App, Dimension, Objects, TopKey};
use settings::{Ipv4Config, Ipv6Config, Language, PortDirection, Role};

use crate::amounts::{bit_rate, bytes, or_dash, percent, scaled, seconds_until, share, span, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};
use crate::lang::{Text, say};

/// Prints in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Show(pub(crate) Language);

impl Show {
    pub(crate) fn say(self, english: &'static str, chinese: &'static str) -> &'static str {
        say(self.0, (english, chinese))
    }

    fn role(self, role: Role) -> &'static str {
        match role {
            Role::Collector => self.say("collector", "采集器"),
            Role::Analyzer => self.say("analyzer", "分析器"),
            Role::Standalone => self.say("standalone", "一体机"),
        }
    }

    /// Version, name, role.
    pub(crate) fn version(self, status: &SystemStatus) -> String {
        pairs(&[
            (self.say("Product", "产品"), "Spanwatch 网镜".to_owned()),
            (self.say("Version", "版本"), status.version.clone()),
            (self.say("Name", "名称"), status.hostname.clone()),
            (self.say("Role", "角色"), self.role(status.role).to_owned()),
            (self.say("Kernel", "内核"), status.kernel.clone()),
            (self.say("Slot", "系统分区"), or_dash(status.slot.clone(), |s| s)),
            (self.say("Hardware", "硬件"), or_dash(status.hardware.clone(), |s| s)),
            (
                self.say("Serial number", "序列号"),
                or_dash(status.serial_number.clone(), |s| s),
            ),
        ])
    }

    /// The state of the box.
    pub(crate) fn system(self, status: &SystemStatus) -> String {
        let memory = or_dash(status.memory, |m| {
            let used = m.total.saturating_sub(m.available);
            let of = self.say("of", "/");
            let ours = m
                .ours
                .map(|ours| format!(" ({} {})", self.say("our programs", "本产品程序"), bytes(ours)));
            format!("{} {of} {}{}", bytes(used), bytes(m.total), ours.unwrap_or_default())
        });
        let load = or_dash(status.load, |[a, b, c]| format!("{a:.2} {b:.2} {c:.2}"));
        let clock = match status.clock_synchronised {
            Some(true) => self.say("synchronised", "已同步"),
            Some(false) => self.say("not synchronised", "未同步"),
            None => "-",
        };
        let mut text = pairs(&[
            (self.say("Name", "名称"), status.hostname.clone()),
            (self.say("Up for", "运行时间"), span(status.uptime_s)),
            (self.say("Clock", "时钟"), format!("{} ({clock})", time(status.now))),
            (
                self.say("Processor", "处理器"),
                format!("{} x {}", status.processors, status.processor.as_deref().unwrap_or("-")),
            ),
            (
                self.say("Processor use", "处理器使用率"),
                or_dash(status.cpu_used, percent),
            ),
            (self.say("Load", "负载"), load),
            (self.say("Memory used", "已用内存"), memory),
        ]);
        let mut disks = Table::new(&[
            (self.say("Disk", "磁盘"), Left),
            (self.say("Size", "容量"), Right),
            (self.say("Free", "可用"), Right),
            ("", Left),
        ]);
        for disk in &status.disks {
            let state = if disk.read_only {
                self.say("read-only", "只读")
            } else {
                ""
            };
            disks.row([
                disk.mount.clone(),
                bytes(disk.total),
                bytes(disk.available),
                state.to_owned(),
            ]);
        }
        text.push('\n');
        text.push_str(&disks.render());
        text.push('\n');
        if status.troubles.is_empty() {
            text.push_str(self.say("No troubles.\n", "没有告警。\n"));
        } else {
            text.push_str(self.say("Troubles:\n", "告警：\n"));
            for trouble in &status.troubles {
                text.push_str(&format!("  ! {trouble}\n"));
            }
        }
        text
    }

    /// Services.
    pub(crate) fn services(self, status: &SystemStatus) -> String {
        let mut table = Table::new(&[
            (self.say("Service", "服务"), Left),
            (self.say("State", "状态"), Left),
            (self.say("For", "持续时间"), Right),
            (self.say("Restarts", "重启次数"), Right),
            (self.say("Memory", "内存"), Right),
            (self.say("What it does", "说明"), Left),
        ]);
        for unit in &status.units {
            let state = match unit.state.as_str() {
                "active" => self.say("active", "运行"),
                "failed" => self.say("failed", "失败"),
                "inactive" => self.say("inactive", "未运行"),
                "activating" => self.say("starting", "正在启动"),
                other => other,
            };
            let since = unit.since.map(|at| span(status.now.nanos_since(at) / 1_000_000_000));
            table.row([
                unit.name.trim_end_matches(".service").to_owned(),
                format!("{state} ({})", unit.detail),
                or_dash(since, |s| s),
                unit.restarts.to_string(),
                or_dash(unit.memory, bytes),
                unit.description.clone(),
            ]);
        }
        table.render()
    }

    /// Network ports.
    pub(crate) fn ports(self, answer: &SettingsAnswer) -> String {
        let mut table = Table::new(&[
            (self.say("Port", "端口"), Left),
            (self.say("Use", "用途"), Left),
            (self.say("Link", "链路"), Right),
            (self.say("State", "状态"), Left),
            (self.say("Speed", "速率"), Right),
            (self.say("Hardware address", "MAC 地址"), Left),
            (self.say("Driver", "驱动"), Left),
            (self.say("Addresses", "地址"), Left),
        ]);
        for port in &answer.ports {
            let usage = match port.role {
                PortRole::Management => self.say("management", "管理"),
                PortRole::Capture => self.say("capture", "采集"),
                PortRole::Collection => self.say("exporters", "网元接收"),
            };
            let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            table.row([
                port.name.clone(),
                usage.to_owned(),
                or_dash(port.link, |n| n.to_string()),
                self.up(port.up).to_owned(),
                or_dash(port.speed_bps, |s| scaled(s, "bit/s")),
                dash(&port.mac),
                dash(&port.driver),
                port.addresses.join(" "),
            ]);
        }
        table.render()
    }

    fn up(self, up: bool) -> &'static str {
        if up {
            self.say("up", "已连接")
        } else {
            self.say("down", "未连接")
        }
    }

    /// Links with their newest second.
    pub(crate) fn links(self, links: &[LinkNow]) -> String {
        let mut table = Table::new(&[
            (self.say("Link", "链路"), Right),
            (self.say("Port", "端口"), Left),
            (self.say("Name", "名称"), Left),
            (self.say("State", "状态"), Left),
            (self.say("Capacity", "容量"), Right),
            (self.say("Total", "总流量"), Right),
            (self.say("In", "流入"), Right),
            (self.say("Out", "流出"), Right),
            (self.say("Frames/s", "帧/秒"), Right),
            (self.say("Use", "利用率"), Right),
            (self.say("Lost", "丢失"), Right),
        ]);
        for link in links.iter().filter(|link| !link.removed) {
            let rate = |get: fn(&model::Split) -> u64| {
                or_dash(link.second.as_ref(), |s| bit_rate(get(&s.frames), link.seconds))
            };
            let second = link.second.as_ref();
            let usage = second.zip(link.info.capacity_bps).map(|(s, capacity)| {
                let bits = s.frames.total.bytes.saturating_mul(8);
                share(bits / u64::from(link.seconds.max(1)), capacity)
            });
            let lost = second.map(|s| {
                let drops = s.drops;
                drops.ring + drops.nic + drops.nic_errors + drops.records + drops.export + drops.socket
            });
            table.row([
                link.info.id.to_string(),
                link.info.name.clone(),
                link.info.label.clone(),
                self.up(link.info.up).to_owned(),
                or_dash(link.info.capacity_bps, |c| scaled(c, "bit/s")),
                rate(|s| s.total.bytes),
                rate(|s| s.inbound.bytes),
                rate(|s| s.outbound.bytes),
                or_dash(second, |s| {
                    (s.frames.total.packets / u64::from(link.seconds.max(1))).to_string()
                }),
                or_dash(usage, |u| u),
                or_dash(lost, |l| l.to_string()),
            ]);
        }
        if links.is_empty() {
            self.say("No link has been seen yet.\n", "尚未发现链路。\n").to_owned()
        } else {
            table.render()
        }
    }

    /// A top-N table.
    pub(crate) fn top(self, by: Dimension, top: &Top, objects: &Objects) -> String {
        let name: Text = match by {
            Dimension::Host => ("Host", "主机"),
            Dimension::Protocol => ("Protocol", "协议"),
            Dimension::App => ("Application", "应用"),
            Dimension::Conversation => ("Conversation", "会话"),
        };
        // A conversation's out goes from its first address to its second.
        let (inbound, outbound): (Text, Text) = match by {
            Dimension::Host => (("Received", "接收"), ("Sent", "发送")),
            Dimension::Conversation => (("Back", "反向"), ("Forth", "正向")),
            Dimension::Protocol | Dimension::App => (("In", "流入"), ("Out", "流出")),
        };
        let mut table = Table::new(&[
            ("#", Right),
            (say(self.0, name), Left),
            (self.say("Octets", "字节"), Right),
            (self.say("Share", "占比"), Right),
            (self.say("Rate", "速率"), Right),
            (self.say("Packets", "包数"), Right),
            (say(self.0, inbound), Right),
            (say(self.0, outbound), Right),
        ]);
        let mut row = |number: String, name: String, split: &model::Split| {
            table.row([
                number,
                name,
                bytes(split.total.bytes),
                share(split.total.bytes, top.total.total.bytes),
                bit_rate(split.total.bytes, top.seconds),
                split.total.packets.to_string(),
                bytes(split.inbound.bytes),
                bytes(split.outbound.bytes),
            ]);
        };
        for (place, (key, split)) in top.table.rows.iter().enumerate() {
            row((place + 1).to_string(), self.key(key, objects), split);
        }
        if top.table.others != model::Split::default() {
            row(String::new(), self.say("others", "其他").to_owned(), &top.table.others);
        }
        row(String::new(), self.say("all", "合计").to_owned(), &top.total);
        let mut text = table.render();
        text.push_str(&format!("{} – {} ({} s)\n", time(top.from), time(top.to), top.seconds));
        if !top.exact {
            let note = (
                "Rows may miss some traffic of times when they were not among the heaviest.\n",
                "行数据可能缺少其未进入排行时段的部分流量。\n",
            );
            text.push_str(say(self.0, note));
        }
        text
    }

    fn key(self, key: &TopKey, objects: &Objects) -> String {
        match key {
            TopKey::Host(address) => address.to_string(),
            TopKey::Protocol(number) => protocol(*number),
            TopKey::EtherType(0x0806) => "ARP".to_owned(),
            TopKey::EtherType(number) => format!("EtherType 0x{number:04x}"),
            TopKey::App(App::UNKNOWN) => self.say("unknown", "未知").to_owned(),
            TopKey::App(app) => {
                let name = objects.app_name(*app).map_or_else(|| app.to_string(), str::to_owned);
                self.app_called(*app, name)
            }
            TopKey::Conversation(pair) => format!("{} - {}", pair.low(), pair.high()),
        }
    }

    /// An application as people call it: in Chinese 微信 for `wechat`.
    fn app_called(self, app: App, name: String) -> String {
        match self.0 {
            Language::Chinese => app.chinese_name().map_or(name, str::to_owned),
            Language::English => name,
        }
    }

    /// The same of the word that filters and logs say.
    fn app_word(self, word: &str) -> String {
        let app = App::by_name(word).unwrap_or_default();
        self.app_called(app, word.to_owned())
    }

    /// Flow records.
    pub(crate) fn flows(self, records: &Records, objects: &Objects) -> String {
        let mut table = Table::new(&[
            (self.say("Start", "开始"), Left),
            (self.say("Seconds", "时长"), Right),
            (self.say("Link", "链路"), Right),
            (self.say("From", "源"), Left),
            (self.say("To", "目的"), Left),
            (self.say("Protocol", "协议"), Left),
            (self.say("Application", "应用"), Left),
            (self.say("Packets", "包数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("Packets back", "反向包数"), Right),
            (self.say("Octets back", "反向字节"), Right),
        ]);
        for record in &records.records {
            let end = |ip: std::net::IpAddr, port: u16| match port {
                0 => ip.to_string(),
                port => std::net::SocketAddr::new(ip, port).to_string(),
            };
            let tenths = record.end.nanos_since(record.start) / 100_000_000;
            table.row([
                time(record.start),
                format!("{}.{}", tenths / 10, tenths % 10),
                record.link.to_string(),
                end(record.src_ip, record.src_port),
                end(record.dst_ip, record.dst_port),
                protocol(record.protocol),
                self.key(&TopKey::App(record.app), objects),
                record.packets.to_string(),
                bytes(record.bytes),
                record.packets_rev.to_string(),
                bytes(record.bytes_rev),
            ]);
        }
        let mut text = table.render();
        if records.records.is_empty() {
            text = self
                .say("No record in that time.\n", "该时间段没有流记录。\n")
                .to_owned();
        } else if records.more {
            text.push_str(self.say("There are more: raise `limit`.\n", "还有更多记录：请增大 limit。\n"));
        }
        text
    }

    /// The settings.
    pub(crate) fn settings(self, answer: &SettingsAnswer) -> String {
        let settings = &answer.settings;
        let automatic = || self.say("automatic", "自动").to_owned();
        let list = |items: Vec<String>| if items.is_empty() { automatic() } else { items.join(" ") };
        let gateway = |gateway: Option<String>| gateway.map(|g| format!(" gateway {g}")).unwrap_or_default();
        let ipv4 = match &settings.management.ipv4 {
            Ipv4Config::Dhcp => "dhcp".to_owned(),
            Ipv4Config::Static {
                address,
                prefix,
                gateway: g,
            } => {
                format!("static {address}/{prefix}{}", gateway(g.map(|g| g.to_string())))
            }
        };
        let ipv6 = match &settings.management.ipv6 {
            Ipv6Config::Auto => "auto".to_owned(),
            Ipv6Config::Off => "off".to_owned(),
            Ipv6Config::Static {
                address,
                prefix,
                gateway: g,
            } => {
                format!("static {address}/{prefix}{}", gateway(g.map(|g| g.to_string())))
            }
        };
        let language = match settings.language {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        };
        let mut text = pairs(&[
            ("hostname", settings.hostname.clone()),
            ("language", language.to_owned()),
            ("role", self.role(settings.role).to_owned()),
            (
                "home-networks",
                list(
                    settings
                        .home_networks
                        .prefixes()
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                ),
            ),
            ("management ipv4", ipv4),
            ("management ipv6", ipv6),
            (
                "management vlan",
                settings
                    .management
                    .vlan
                    .map_or_else(|| "-".to_owned(), |vlan| vlan.to_string()),
            ),
            (
                "management dns",
                list(settings.management.dns.iter().map(ToString::to_string).collect()),
            ),
            (
                "flow idle / active",
                format!("{} s / {} s", settings.flow.idle_s, settings.flow.active_s),
            ),
            (
                "application-logs",
                if settings.application_logs { "on" } else { "off" }.to_owned(),
            ),
            (
                "signatures",
                format!("{} ({})", settings.signatures.lines().count(), self.say("lines", "行")),
            ),
            ("revision", settings.revision.to_string()),
        ]);
        for (name, port) in &settings.ports {
            let direction = match port.direction {
                PortDirection::HomeNetworks => "home-networks",
                PortDirection::In => "in",
                PortDirection::Out => "out",
            };
            let capacity = port.capacity_bps.map_or_else(automatic, |c| scaled(c, "bit/s"));
            let rings = port.rings.map_or_else(automatic, |n| n.to_string());
            text.push_str(&format!(
                "port {name}  direction {direction}  capacity {capacity}  rings {rings}  label {:?}\n",
                port.label
            ));
        }
        for key in &settings.ssh_keys {
            text.push_str(&format!(
                "ssh-key {}\n",
                key.chars().filter(|c| !c.is_control()).collect::<String>()
            ));
        }
        if let Some(until) = answer.unconfirmed_until {
            text.push_str(&self.unconfirmed(until));
        }
        text
    }

    /// That a change waits for its confirmation.
    pub(crate) fn unconfirmed(self, until: model::Timestamp) -> String {
        let seconds = seconds_until(until);
        match self.0 {
            Language::English => format!(
                "The change of the management network is taken back in {seconds} s unless you type `confirm`.\n"
            ),
            Language::Chinese => format!("管理网络的更改将在 {seconds} 秒后撤销，输入 confirm 予以保留。\n"),
        }
    }
}

fn protocol(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6-in-IP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        other => return other.to_string(),
    };
    name.to_owned()
}
