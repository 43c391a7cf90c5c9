//! The state of collector and analyzer.

use api::analyzer::{AnalyzerStatus, RemovedWhy, Storage};
use api::collector::CollectorStatus;
use model::MalformedKind;

use super::Show;
use crate::amounts::{bytes, or_dash, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// What the collector sees, loses and keeps.
    pub(crate) fn capture(self, status: &CollectorStatus) -> String {
        let analyzer = match &status.analyzer {
            Ok(()) => self.say("connected", "已连接").to_owned(),
            Err(why) => format!("{}: {why}", self.say("not connected", "未连接")),
        };
        let mut text = pairs(&[
            (self.say("Since", "启动时间"), time(status.started)),
            (
                self.say("Flows now", "当前流数"),
                format!("{} / {}", status.flows, status.flows_max),
            ),
            (self.say("Records made", "已生成记录"), status.records.to_string()),
            (
                self.say("Not yet on disk", "待确认记录"),
                status.unacknowledged.to_string(),
            ),
            (self.say("Spooled", "本地缓存"), bytes(status.spooled_bytes)),
            (self.say("Analyzer", "分析器"), analyzer),
            (
                self.say("Lost from exporters", "网元导出丢失"),
                status.drops.export.to_string(),
            ),
            (
                self.say("Dropped on sockets", "接收缓冲区丢弃"),
                status.drops.socket.to_string(),
            ),
        ]);
        let mut ports = Table::new(&[
            (self.say("Link", "链路"), Right),
            (self.say("Port", "端口"), Left),
            (self.say("Frames", "帧数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("Broadcast", "广播"), Right),
            (self.say("Multicast", "组播"), Right),
            (self.say("Not IP", "非 IP"), Right),
            (self.say("Malformed", "畸形"), Right),
            (self.say("Lost in ring", "环丢包"), Right),
            (self.say("Lost in NIC", "网卡丢包"), Right),
            (self.say("NIC errors", "网卡错误"), Right),
            (self.say("Records lost", "丢失记录"), Right),
        ]);
        let mut notes = String::new();
        let count = |known: Option<u64>| or_dash(known, |n| n.to_string());
        for port in &status.ports {
            let counters = &port.counters;
            ports.row([
                port.info.id.to_string(),
                port.info.name.clone(),
                counters.frames.total.packets.to_string(),
                bytes(counters.frames.total.bytes),
                count(counters.broadcast),
                count(counters.multicast),
                count(counters.non_ip),
                count(counters.malformed_all()),
                counters.drops.ring.to_string(),
                counters.drops.nic.to_string(),
                counters.drops.nic_errors.to_string(),
                counters.drops.records.to_string(),
            ]);
            for kind in MalformedKind::ALL {
                let count = counters.malformed_of(kind).unwrap_or(0);
                if count > 0 {
                    notes.push_str(&format!("  {}: {} {}\n", port.info.name, self.malformed(kind), count));
                }
            }
            if let Some(trouble) = &port.trouble {
                notes.push_str(&format!("  ! {}: {trouble}\n", port.info.name));
            }
        }
        text.push('\n');
        text.push_str(&ports.render());
        text.push_str(&notes);
        text
    }

    pub(super) fn malformed(self, kind: MalformedKind) -> &'static str {
        match kind {
            MalformedKind::LinkHeader => self.say("link header cut off", "链路层头截断"),
            MalformedKind::IpHeader => self.say("bad IP header", "IP 头错误"),
            MalformedKind::IpVersion => self.say("wrong IP version", "IP 版本错误"),
            MalformedKind::IpLength => self.say("wrong IP length", "IP 长度错误"),
            MalformedKind::ExtensionHeader => self.say("bad IPv6 extension header", "IPv6 扩展头错误"),
            MalformedKind::TransportHeader => self.say("transport header cut off", "传输层头截断"),
            MalformedKind::Arp => self.say("bad ARP message", "ARP 报文错误"),
            MalformedKind::Encapsulation => self.say("bad encapsulation", "封装错误"),
        }
    }

    /// What the analyzer keeps.
    pub(crate) fn storage(self, status: &AnalyzerStatus) -> String {
        let mut text = pairs(&[
            (self.say("Since", "启动时间"), time(status.started)),
            (self.say("Collectors", "采集器"), status.collectors.to_string()),
            (self.say("Records stored", "已存记录"), status.records.to_string()),
            (self.say("Blocks stored", "已存数据块"), status.blocks.to_string()),
            (self.say("Sent twice", "重复批次"), status.duplicates.to_string()),
            (self.say("Refused", "拒收批次"), status.refused.to_string()),
            (self.say("Put off", "推迟批次"), status.deferred.to_string()),
            (
                self.say("Oldest window", "最早统计窗"),
                or_dash(status.oldest_window, time),
            ),
            (
                self.say("Newest window", "最新统计窗"),
                or_dash(status.newest_window, time),
            ),
            (self.say("On disk", "占用磁盘"), bytes(status.disk_bytes)),
        ]);
        for file in &status.damaged_files {
            text.push_str(&format!(
                "  ! {}: {file}\n",
                self.say("damaged, set aside", "已损坏并隔离")
            ));
        }
        if let Some(trouble) = &status.trouble {
            text.push_str(&format!("  ! {trouble}\n"));
        }
        text
    }

    /// What is kept of each class, for how long, and what goes next.
    pub(crate) fn kept(self, storage: &Storage) -> String {
        let free = format!("{} / {}", bytes(storage.free_bytes), bytes(storage.disk_bytes));
        let mut text = String::from("\n");
        text.push_str(&pairs(&[
            (self.say("Disk free", "磁盘可用"), free),
            (
                self.say("Oldest is removed at", "开始清理的占用率"),
                format!("{} %", storage.full_percent),
            ),
            (
                self.say("Hours not indexed yet", "尚未建立索引的小时"),
                storage.hours_open.to_string(),
            ),
            (
                self.say("Countries", "国家库"),
                or_dash(storage.countries.as_ref(), |c| format!("{} ({})", c.name, c.ranges)),
            ),
        ]));
        let mut table = Table::new(&[
            (self.say("Kept", "数据"), Left),
            (self.say("For", "保留期限"), Right),
            (self.say("At most", "最大容量"), Right),
            (self.say("Takes", "占用"), Right),
            (self.say("A day", "每天"), Right),
            (self.say("Records", "记录数"), Right),
            (self.say("Oldest", "最早"), Left),
            (self.say("Newest", "最新"), Left),
            (self.say("Goes next", "下一步清理"), Left),
        ]);
        for class in &storage.classes {
            let unit = match class.class {
                settings::KeptClass::Seconds => "h",
                _ => "d",
            };
            let next = class.next.as_ref().map(|next| {
                let when = or_dash(class.next_at, time);
                format!("{next} {when} {}", or_dash(class.next_why, |w| self.why(w).to_owned()))
            });
            table.row([
                self.class(class.class).to_owned(),
                format!("{} {unit}", class.limit.age),
                or_dash(class.limit.gb, |gb| format!("{gb} GB")),
                bytes(class.bytes),
                or_dash(class.bytes_per_day, bytes),
                or_dash(class.records, |n| n.to_string()),
                or_dash(class.oldest, time),
                or_dash(class.newest, time),
                or_dash(next, |n| n),
            ]);
        }
        text.push('\n');
        text.push_str(&table.render());
        let mut removed = Table::new(&[
            (self.say("Removed at", "清理时间"), Left),
            (self.say("What", "内容"), Left),
            (self.say("Size", "大小"), Right),
            (self.say("Why", "原因"), Left),
        ]);
        for gone in storage.removed.iter().take(10) {
            removed.row([
                time(gone.at),
                gone.what.clone(),
                bytes(gone.bytes),
                self.why(gone.why).to_owned(),
            ]);
        }
        if !storage.removed.is_empty() {
            text.push('\n');
            text.push_str(&removed.render());
        }
        text
    }

    fn class(self, class: settings::KeptClass) -> &'static str {
        use settings::KeptClass::{Logs, Minutes, Packets, Records, Rollups, Seconds, Transactions};
        match class {
            Records => self.say("flow records", "流记录"),
            Seconds => self.say("windows of a second", "秒级统计"),
            Minutes => self.say("windows of a minute", "分钟级统计"),
            Rollups => self.say("rollups and index", "汇总和索引"),
            Logs => self.say("logs", "日志"),
            Transactions => self.say("application logs", "应用日志"),
            Packets => self.say("packets", "报文"),
        }
    }

    const fn why_text(why: RemovedWhy) -> crate::lang::Text {
        match why {
            RemovedWhy::Age => ("too old", "超过保留期限"),
            RemovedWhy::Size => ("takes too much room", "超过最大容量"),
            RemovedWhy::DiskFull => ("the disk is full", "磁盘已满"),
        }
    }

    fn why(self, why: RemovedWhy) -> &'static str {
        crate::lang::say(self.0, Self::why_text(why))
    }
}
