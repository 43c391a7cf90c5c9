//! How well servers answered and streams arrived.

use model::{App, Found, Key, KeyValue, QualitySums, SeriesRow, Sums, TopRow};

use super::Show;
use super::answer::{Answered, time, zone};
use crate::amounts::{bytes, delay, or_dash, share};
use crate::columns::Align::{self, Left, Right};
use crate::columns::Table;

/// What a ranking of servers is grouped by.
pub(crate) const SERVERS: [Key; 4] = [Key::DstIp, Key::DstPort, Key::Protocol, Key::App];
/// What a ranking of streams is grouped by.
pub(crate) const STREAMS: [Key; 5] = [Key::SrcIp, Key::SrcPort, Key::DstIp, Key::DstPort, Key::App];

impl Show {
    /// The answer to a question about quality as a table; what was not measured is a dash.
    pub(crate) fn quality(self, answered: Answered<'_>, streams: bool) -> String {
        match &answered.answer.found {
            Found::Top { rows, groups, .. } if !rows.is_empty() => self.served(answered, rows, *groups, streams),
            Found::Series { at, series, .. } if !series.is_empty() => self.quality_series(answered, at, series),
            _ => self.nothing_measured(),
        }
    }

    fn nothing_measured(self) -> String {
        self.say(
            "Nothing was measured. Connect times need the TCP handshake, response times both directions, loss and jitter\n\
             RTP, on a capture port; exporters' records have no quality.\n",
            "没有测得数据。建连时延需要看到 TCP 握手，响应时间需要双向报文，丢包与抖动需要 RTP，且须由采集口看到；网元导出的流记录不含质量。\n",
        )
        .to_owned()
    }

    fn served(self, answered: Answered<'_>, rows: &[TopRow], groups: u64, streams: bool) -> String {
        let mut head = match streams {
            true => vec![
                (self.say("Sender", "发送方"), Left),
                (self.say("Receiver", "接收方"), Left),
            ],
            false => vec![
                (self.say("Server", "服务端"), Left),
                (self.say("Protocol", "协议"), Left),
            ],
        };
        head.push((self.say("Application", "应用"), Left));
        head.extend(if streams {
            self.stream_columns()
        } else {
            self.server_columns()
        });
        let mut table = Table::new(&head);
        for row in rows {
            let values = &row.values;
            let end = |at: usize| endpoint(values.get(at), values.get(at + 1));
            let (mut cells, app) = match streams {
                true => (vec![end(0), end(2)], values.get(4)),
                false => {
                    let protocol = values.get(2).map(|value| answered.labels.value(Key::Protocol, value));
                    (vec![end(0), protocol.unwrap_or_default()], values.get(3))
                }
            };
            cells.push(match app {
                Some(KeyValue::App(App::UNKNOWN)) | None => self.say("unknown", "未知").to_owned(),
                Some(KeyValue::App(app)) => self.app_called(*app, answered.labels.app(*app)),
                Some(other) => answered.labels.value(Key::App, other),
            });
            cells.extend(cells_of(&row.sums, row.quality.as_deref(), streams));
            table.row(cells);
        }
        let mut text = table.render();
        if u64::try_from(rows.len()).is_ok_and(|shown| shown < groups) {
            let more = self.say(
                "There are more: raise `limit`, or order by response, connect or retransmissions.",
                "还有更多：请增大 limit，或按 response、connect、retransmissions 排序。",
            );
            text.push_str(&format!("{more} ({groups})\n"));
        }
        text
    }

    fn quality_series(self, answered: Answered<'_>, at: &[model::Timestamp], series: &[SeriesRow]) -> String {
        let title = format!("{} ({})", self.say("Start", "开始"), zone(answered.zone_s));
        let mut head = vec![(title.as_str(), Left)];
        head.extend(self.server_columns());
        head.extend(self.stream_columns().into_iter().skip(2));
        let mut table = Table::new(&head);
        let Some(row) = series.first() else {
            return self.nothing_measured();
        };
        for ((start, sums), quality) in at.iter().zip(&row.points).zip(&row.quality) {
            let mut cells = vec![time(*start, answered.zone_s, false)];
            cells.extend(cells_of(sums, Some(quality), false));
            cells.extend(cells_of(sums, Some(quality), true).into_iter().skip(2));
            table.row(cells);
        }
        table.render()
    }

    fn server_columns(self) -> Vec<(&'static str, Align)> {
        vec![
            (self.say("Flows", "流数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("Connect client", "建连（客户端侧）"), Right),
            (self.say("Connect server", "建连（服务端侧）"), Right),
            (self.say("Response", "平均响应"), Right),
            (self.say("Longest", "最大响应"), Right),
            (self.say("Retransmitted", "重传率"), Right),
            (self.say("Zero windows", "零窗口"), Right),
            (self.say("Resets", "复位"), Right),
        ]
    }

    fn stream_columns(self) -> Vec<(&'static str, Align)> {
        vec![
            (self.say("Flows", "流数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("RTP packets", "RTP 报文"), Right),
            (self.say("Lost", "丢包率"), Right),
            (self.say("Jitter", "最大抖动"), Right),
        ]
    }
}

/// An address with its port.
fn endpoint(address: Option<&KeyValue>, port: Option<&KeyValue>) -> String {
    match (address, port) {
        (Some(KeyValue::Address(address)), Some(KeyValue::Number(port))) => match u16::try_from(*port) {
            Ok(port) if port > 0 => std::net::SocketAddr::new(*address, port).to_string(),
            _ => address.to_string(),
        },
        (Some(KeyValue::Address(address)), _) => address.to_string(),
        _ => "-".to_owned(),
    }
}

fn cells_of(sums: &Sums, quality: Option<&QualitySums>, streams: bool) -> Vec<String> {
    let octets = sums.bytes.saturating_add(sums.bytes_rev);
    let mut cells = vec![sums.flows.to_string(), bytes(octets)];
    let both = |of: fn(&model::SideSums) -> u64| quality.map_or(0, |q| of(&q.forward).saturating_add(of(&q.reverse)));
    if streams {
        let (packets, lost) = (both(|s| s.rtp_packets), both(|s| s.rtp_lost));
        let jitter = quality.map_or(0, |q| q.forward.rtp_jitter_us.max(q.reverse.rtp_jitter_us));
        cells.extend(match packets {
            0 => ["-".to_owned(), "-".to_owned(), "-".to_owned()],
            packets => [
                packets.to_string(),
                share(lost, packets.saturating_add(lost)),
                delay(jitter),
            ],
        });
        return cells;
    }
    let mean = |of: fn(&QualitySums) -> Option<u64>| or_dash(quality.and_then(of), delay);
    let longest = quality.map(|q| q.response).filter(|r| r.count > 0).map(|r| r.max_us);
    let tcp = both(|s| s.tcp_packets);
    let of_tcp = |of: fn(&model::SideSums) -> u64| match tcp {
        0 => "-".to_owned(),
        _ => both(of).to_string(),
    };
    cells.extend([
        mean(|q| q.connect_client.mean_us()),
        mean(|q| q.connect_server.mean_us()),
        mean(|q| q.response.mean_us()),
        or_dash(longest, delay),
        share(both(|s| s.retransmitted), tcp),
        of_tcp(|s| s.zero_windows),
        of_tcp(|s| s.resets),
    ]);
    cells
}

#[cfg(test)]
mod tests {
    use api::labels::Labels;
    use model::{Answer, Ask, DelaySums, Measure, Query, Read, SideSums, Timestamp};
    use settings::Language;

    use super::*;

    fn sums(flows: u64) -> Sums {
        Sums {
            flows,
            packets: 90 * flows,
            bytes: 40_000 * flows,
            packets_rev: 10 * flows,
            bytes_rev: 2_000_000 * flows,
        }
    }

    fn measured() -> QualitySums {
        let delays = |count, total_us, max_us| DelaySums {
            count,
            total_us,
            max_us,
        };
        QualitySums {
            flows: 3,
            connect_client: delays(3, 900, 400),
            connect_server: delays(3, 75_000, 30_000),
            response: delays(10, 1_200_000, 900_000),
            forward: SideSums {
                tcp_packets: 270,
                retransmitted: 3,
                resets: 1,
                ..SideSums::default()
            },
            reverse: SideSums {
                tcp_packets: 30,
                zero_windows: 2,
                ..SideSums::default()
            },
        }
    }

    fn stream() -> QualitySums {
        QualitySums {
            flows: 1,
            forward: SideSums {
                rtp_packets: 980,
                rtp_lost: 20,
                rtp_jitter_us: 4_321,
                ..SideSums::default()
            },
            ..QualitySums::default()
        }
    }

    fn row(values: Vec<KeyValue>, flows: u64, quality: Option<QualitySums>) -> TopRow {
        TopRow {
            values,
            sums: sums(flows),
            p95_bps: None,
            before: None,
            quality: quality.map(Box::new),
        }
    }

    fn found() -> Vec<(bool, Found)> {
        let address = |text: &str| KeyValue::Address(text.parse().unwrap());
        let app = |name| KeyValue::App(App::by_name(name).unwrap());
        let number = KeyValue::Number;
        let top = |rows: Vec<TopRow>, groups| Found::Top {
            rows,
            total: sums(9),
            before: None,
            groups,
            quality: None,
        };
        let servers = vec![
            row(
                vec![address("192.0.2.1"), number(443), number(6), app("wechat")],
                3,
                Some(measured()),
            ),
            row(
                vec![address("2001:db8::53"), number(53), number(17), app("dns")],
                1,
                None,
            ),
        ];
        let streams = vec![row(
            vec![
                address("10.0.0.1"),
                number(40_000),
                address("192.0.2.9"),
                number(40_000),
                app("unknown"),
            ],
            1,
            Some(stream()),
        )];
        let series = SeriesRow {
            values: Vec::new(),
            rest: false,
            points: vec![sums(3), Sums::default()],
            before: Vec::new(),
            quality: vec![measured(), QualitySums::default()],
        };
        vec![
            (false, top(servers, 7)),
            (true, top(streams, 1)),
            (
                false,
                Found::Series {
                    step_s: 60,
                    at: vec![Timestamp::from_secs(1_795_255_200), Timestamp::from_secs(1_795_255_260)],
                    series: vec![series],
                },
            ),
            (false, top(Vec::new(), 0)),
        ]
    }

    #[test]
    fn quality_is_printed_as_these() {
        let query = Query {
            from: Timestamp::from_secs(1_795_255_200),
            to: None,
            scope: None,
            filter: String::new(),
            ask: Ask::Top {
                by: SERVERS.to_vec(),
                measure: Measure::Flows,
                limit: 10,
                ascending: false,
                compare: false,
                quality: true,
            },
            timeout_ms: 1_000,
        };
        let mut transcript = String::new();
        for language in [Language::English, Language::Chinese] {
            for (streams, found) in found() {
                let answer = Answer {
                    from: query.from,
                    to: query.from,
                    filter: String::new(),
                    found,
                    read: Read::default(),
                    complete: true,
                    exact: true,
                    notes: Vec::new(),
                };
                let answered = Answered {
                    query: &query,
                    answer: &answer,
                    labels: &Labels::default(),
                    zone_s: 0,
                };
                transcript.push_str(&Show(language).quality(answered, streams));
                transcript.push('\n');
            }
        }
        crate::tests::golden("golden/quality.txt", &transcript);
    }
}
