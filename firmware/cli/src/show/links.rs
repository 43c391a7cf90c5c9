//! What capture ports carry, side by side.

use api::analyzer::LinkNow;
use api::collector::{PortStatus, Timestamps};
use model::{LinkCounters, MalformedKind, SizeClass};
use serde::Serialize;

use super::Show;
use crate::amounts::{bit_rate, bytes, or_dash, scaled, share};
use crate::columns::Align::{Left, Right};
use crate::columns::Table;

/// A capture port with what it carried in so many seconds.
#[derive(Serialize)]
pub(crate) struct PortDetail {
    /// The link.
    pub(crate) link: LinkNow,
    /// Sums over the seconds; `None`: nothing is known.
    pub(crate) counters: Option<LinkCounters>,
    /// Seconds of the counters.
    pub(crate) seconds: u64,
    /// How its capture is; `None` where the collector does not answer or does not know it.
    pub(crate) status: Option<PortStatus>,
}

impl PortDetail {
    fn count(&self, of: impl FnOnce(&LinkCounters) -> Option<u64>) -> String {
        or_dash(self.counters.as_ref().and_then(of), |n| n.to_string())
    }

    fn bits(&self, of: impl FnOnce(&LinkCounters) -> u64) -> String {
        let seconds = u32::try_from(self.seconds).unwrap_or(u32::MAX);
        or_dash(self.counters.as_ref(), |c| bit_rate(of(c), seconds))
    }

    /// Frames a second, and their share of all.
    fn part(&self, of: impl FnOnce(&LinkCounters) -> Option<u64>) -> String {
        let counters = self.counters.as_ref().filter(|_| self.seconds > 0);
        or_dash(counters.and_then(|c| Some((c, of(c)?))), |(c, frames)| {
            let rate = scaled(frames / self.seconds.max(1), "pps");
            format!("{rate} ({})", share(frames, c.frames.total.packets))
        })
    }

    fn usage(&self) -> String {
        let known = self.counters.as_ref().zip(self.link.info.capacity_bps);
        or_dash(known.filter(|_| self.seconds > 0), |(c, capacity)| {
            let bits = c.frames.total.bytes.saturating_mul(8) / self.seconds.max(1);
            share(bits, capacity)
        })
    }
}

impl Show {
    /// A row a fact, a column a port.
    pub(crate) fn links_detail(self, ports: &[PortDetail]) -> String {
        if ports.is_empty() {
            return self.say("There is no capture port.\n", "没有采集口。\n").to_owned();
        }
        let mut head = vec![(String::new(), Left)];
        for port in ports {
            let info = &port.link.info;
            let name = if info.label.is_empty() { &info.name } else { &info.label };
            head.push((name.clone(), Right));
        }
        let head: Vec<_> = head.iter().map(|(name, align)| (name.as_str(), *align)).collect();
        let mut table = Table::new(&head);
        let mut row = |name: &str, cell: &dyn Fn(&PortDetail) -> String| {
            table.row(std::iter::once(name.to_owned()).chain(ports.iter().map(cell)));
        };
        row(self.say("Port", "端口"), &|p| p.link.info.name.clone());
        row(self.say("State", "状态"), &|p| self.up(p.link.info.up).to_owned());
        row(self.say("Capacity", "容量"), &|p| {
            or_dash(p.link.info.capacity_bps, |c| scaled(c, "bit/s"))
        });
        row(self.say("Seconds counted", "统计秒数"), &|p| p.seconds.to_string());
        row(self.say("Total", "总流量"), &|p| p.bits(|c| c.frames.total.bytes));
        row(self.say("In", "流入"), &|p| p.bits(|c| c.frames.inbound.bytes));
        row(self.say("Out", "流出"), &|p| p.bits(|c| c.frames.outbound.bytes));
        row(self.say("Use", "利用率"), &PortDetail::usage);
        row(self.say("Frames", "帧数"), &|p| {
            p.part(|c| Some(c.frames.total.packets))
        });
        row(self.say("Unicast", "单播"), &|p| p.part(LinkCounters::unicast));
        row(self.say("Multicast", "组播"), &|p| p.part(|c| c.multicast));
        row(self.say("Broadcast", "广播"), &|p| p.part(|c| c.broadcast));
        row(self.say("Not IP", "非 IP"), &|p| p.part(|c| c.non_ip));
        self.rows_of_sizes(&mut row);
        self.rows_of_losses(&mut row);
        for kind in MalformedKind::ALL {
            let of = |c: &LinkCounters| c.malformed_of(kind);
            if ports
                .iter()
                .any(|p| p.counters.as_ref().and_then(of).is_some_and(|n| n > 0))
            {
                row(&format!("  {}", self.malformed(kind)), &|p| p.count(of));
            }
        }
        self.rows_of_capture(&mut row);
        let mut text = table.render();
        text.push_str(&self.rings(ports));
        for port in ports {
            if let Some(trouble) = port.status.as_ref().and_then(|status| status.trouble.as_ref()) {
                text.push_str(&format!("  ! {}: {trouble}\n", port.link.info.name));
            }
        }
        text
    }

    fn rows_of_sizes(self, row: &mut impl FnMut(&str, &dyn Fn(&PortDetail) -> String)) {
        for class in SizeClass::ALL {
            let name = format!("{} {}", self.say("Octets", "帧长"), class.name());
            row(&name, &|p| p.part(|c| c.frames_of(class)));
        }
    }

    /// Errors by kind, and what was lost by cause.
    fn rows_of_losses(self, row: &mut impl FnMut(&str, &dyn Fn(&PortDetail) -> String)) {
        row(self.say("CRC errors", "CRC 错误"), &|p| p.count(|c| c.nic.crc));
        row(self.say("Alignment errors", "对齐错误"), &|p| {
            p.count(|c| c.nic.alignment)
        });
        row(self.say("Length errors", "长度错误"), &|p| {
            p.count(|c| c.nic.length)
        });
        row(self.say("Missed by the NIC", "网卡漏收"), &|p| {
            p.count(|c| c.nic.missed)
        });
        row(self.say("NIC had no buffer", "网卡无缓冲区"), &|p| {
            p.count(|c| c.nic.no_buffer)
        });
        row(self.say("NIC errors", "网卡错误"), &|p| {
            p.count(|c| Some(c.drops.nic_errors))
        });
        row(self.say("Lost in NIC", "网卡丢包"), &|p| {
            p.count(|c| Some(c.drops.nic))
        });
        row(self.say("Lost in ring", "环丢包"), &|p| {
            p.count(|c| Some(c.drops.ring))
        });
        row(self.say("Records lost in queue", "编码队列丢失记录"), &|p| {
            p.count(|c| Some(c.drops.queue))
        });
        row(self.say("Records lost in uplink", "上传丢失记录"), &|p| {
            p.count(|c| Some(c.drops.records))
        });
        row(self.say("Application logs lost", "丢失应用日志"), &|p| {
            p.count(|c| Some(c.drops.logs))
        });
        row(self.say("Flows ended early", "提前结束的流"), &|p| {
            p.count(|c| Some(c.drops.flow_cache_evictions))
        });
        row(self.say("Malformed", "畸形"), &|p| {
            p.count(LinkCounters::malformed_all)
        });
    }

    fn rows_of_capture(self, row: &mut impl FnMut(&str, &dyn Fn(&PortDetail) -> String)) {
        row(self.say("Rings", "采集环"), &|p| {
            or_dash(p.status.as_ref(), |status| status.rings.len().to_string())
        });
        row(self.say("Time stamps", "时间戳"), &|p| {
            or_dash(p.status.as_ref(), |status| {
                self.timestamps(status.timestamps).to_owned()
            })
        });
        row(self.say("Driver", "驱动"), &|p| {
            or_dash(p.status.as_ref().and_then(|s| s.driver.clone()), |driver| driver)
        });
        row("MTU", &|p| {
            or_dash(p.status.as_ref().and_then(|s| s.mtu), |mtu| mtu.to_string())
        });
    }

    fn timestamps(self, timestamps: Timestamps) -> &'static str {
        match timestamps {
            Timestamps::None => self.say("not capturing", "未采集"),
            Timestamps::Software => self.say("software", "软件"),
            Timestamps::Hardware => self.say("hardware", "硬件"),
        }
    }

    fn rings(self, ports: &[PortDetail]) -> String {
        let mut table = Table::new(&[
            (self.say("Port", "端口"), Left),
            (self.say("Ring", "采集环"), Right),
            (self.say("Processor", "处理器"), Right),
            (self.say("Frames", "帧数"), Right),
            (self.say("Dropped", "丢弃"), Right),
            (self.say("Times full", "满次数"), Right),
            (self.say("Flows now", "当前流数"), Right),
            (self.say("Memory", "内存"), Right),
        ]);
        let mut any = false;
        for port in ports {
            let rings = port.status.iter().flat_map(|status| &status.rings);
            for (place, ring) in rings.enumerate() {
                any = true;
                table.row([
                    port.link.info.name.clone(),
                    (place + 1).to_string(),
                    or_dash(ring.cpu, |cpu| cpu.to_string()),
                    ring.frames.to_string(),
                    ring.drops.to_string(),
                    ring.freezes.to_string(),
                    ring.flows.to_string(),
                    bytes(ring.memory_bytes),
                ]);
            }
        }
        if any {
            format!("\n{}", table.render())
        } else {
            String::new()
        }
    }
}
