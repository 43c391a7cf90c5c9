//! One host.

use api::analyzer::Logs;
use api::labels::Labels;
use model::{App, Key, KeyValue, Sums};
use serde::Serialize;

use super::Show;
use crate::amounts::{bytes, delay, or_dash, share};
use crate::columns::Align::{Left, Right};
use crate::columns::Table;
use crate::host::HostApp;

/// Names of an application that are shown; the others are counted.
const NAMES_SHOWN: usize = 3;

/// A host's applications and its last transactions.
#[derive(Debug, Serialize)]
pub(crate) struct HostDetail {
    /// The address.
    pub(crate) host: String,
    /// All of its records.
    pub(crate) total: Sums,
    /// The heaviest first.
    pub(crate) applications: Vec<HostApp>,
    /// As client or server, the newest first.
    pub(crate) transactions: Logs,
}

impl Show {
    /// A table of the applications, and one of the transactions.
    pub(crate) fn host(self, detail: &HostDetail, labels: &Labels) -> String {
        if detail.applications.is_empty() {
            let none = self.say(
                "No stored record of that time has this address.\n",
                "这段时间没有该地址的流记录。\n",
            );
            return none.to_owned();
        }
        let mut table = Table::new(&[
            (self.say("Application", "应用"), Left),
            (self.say("Flows", "流数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("Share", "占比"), Right),
            (self.say("Connect server", "建连（服务端侧）"), Right),
            (self.say("Response", "平均响应"), Right),
            (self.say("Retransmitted", "重传率"), Right),
            (self.say("Names", "名称"), Left),
        ]);
        let octets = |sums: &Sums| sums.bytes.saturating_add(sums.bytes_rev);
        for one in &detail.applications {
            let quality = one.quality.as_deref();
            let side =
                |of: fn(&model::SideSums) -> u64| quality.map_or(0, |q| of(&q.forward).saturating_add(of(&q.reverse)));
            table.row([
                match &one.app {
                    KeyValue::App(App::UNKNOWN) => self.say("unknown", "未知").to_owned(),
                    KeyValue::App(app) => self.app_called(*app, labels.app(*app)),
                    other => labels.value(Key::App, other),
                },
                one.sums.flows.to_string(),
                bytes(octets(&one.sums)),
                share(octets(&one.sums), octets(&detail.total)),
                or_dash(quality.and_then(|q| q.connect_server.mean_us()), delay),
                or_dash(quality.and_then(|q| q.response.mean_us()), delay),
                share(side(|s| s.retransmitted), side(|s| s.tcp_packets)),
                names(&one.names),
            ]);
        }
        let title = self.say("Last transactions", "最近事务");
        format!(
            "{}\n{title}\n{}",
            table.render(),
            self.applog(&detail.transactions, false)
        )
    }
}

fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>();
    match all.len() - shown.len() {
        0 if shown.is_empty() => "-".to_owned(),
        0 => shown.join(", "),
        more => format!("{} +{more}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use model::{DelaySums, QualitySums, SideSums};
    use settings::Language;

    use super::*;

    fn nothing() -> Logs {
        Logs {
            records: Vec::new(),
            next: None,
            read: 0,
            complete: true,
        }
    }

    #[test]
    fn a_host_is_printed_as_these() {
        let app = |name, flows, names: &[&str], quality: Option<QualitySums>| HostApp {
            app: KeyValue::App(App::by_name(name).unwrap()),
            sums: Sums {
                flows,
                packets: 10 * flows,
                bytes: 4_000 * flows,
                packets_rev: 20 * flows,
                bytes_rev: 16_000 * flows,
            },
            quality: quality.map(Box::new),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let measured = QualitySums {
            flows: 3,
            connect_server: DelaySums {
                count: 3,
                total_us: 75_000,
                max_us: 30_000,
            },
            response: DelaySums {
                count: 10,
                total_us: 1_200_000,
                max_us: 900_000,
            },
            forward: SideSums {
                tcp_packets: 300,
                retransmitted: 3,
                ..SideSums::default()
            },
            ..QualitySums::default()
        };
        let detail = HostDetail {
            host: "10.0.0.11".to_owned(),
            total: Sums {
                bytes: 20_000,
                bytes_rev: 80_000,
                ..Sums::default()
            },
            applications: vec![
                app(
                    "wechat",
                    4,
                    &["a.qq.com", "b.qq.com", "c.qq.com", "d.qq.com"],
                    Some(measured),
                ),
                app("dns", 1, &["example.com"], None),
                app("unknown", 0, &[], None),
            ],
            transactions: nothing(),
        };
        let mut transcript = String::new();
        for language in [Language::English, Language::Chinese] {
            transcript.push_str(&Show(language).host(&detail, &Labels::default()));
            let none = HostDetail {
                host: String::new(),
                total: Sums::default(),
                applications: Vec::new(),
                transactions: nothing(),
            };
            transcript.push_str(&Show(language).host(&none, &Labels::default()));
        }
        crate::tests::golden("golden/host.txt", &transcript);
    }
}
