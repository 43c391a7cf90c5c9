//! The questions that every engine is asked, in the language of each, and answers in one form.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// A key that records are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    SrcIp,
    DstPort,
    App,
}

/// Who is asked in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sql {
    DuckDb,
    Chdb,
}

impl Key {
    const fn ours(self) -> &'static str {
        match self {
            Self::SrcIp => "src_ip",
            Self::DstPort => "dst_port",
            Self::App => "app",
        }
    }

    /// What it is grouped by. Parquet has no numbers of 128 bits: an address is two.
    const fn sql(self, who: Sql) -> &'static str {
        match (self, who) {
            (Self::SrcIp, Sql::DuckDb) => "src_hi, src_lo",
            (Self::SrcIp, Sql::Chdb) => "src_ip",
            // Of protocols without ports there is no port, not port 0.
            (Self::DstPort, _) => "dst_port, protocol IN (6, 17, 132) AS ported",
            (Self::App, _) => "app",
        }
    }

    const fn nfdump(self) -> Option<&'static str> {
        match self {
            Self::SrcIp => Some("srcip"),
            Self::DstPort => Some("dstport"),
            Self::App => None,
        }
    }
}

/// A condition in every language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub(super) ours: &'static str,
    pub(super) nfdump: &'static str,
    pub(super) duckdb: &'static str,
    pub(super) chdb: &'static str,
}

/// All records.
pub(super) const ALL: Condition = Condition {
    ours: "",
    nfdump: "any",
    duckdb: "true",
    chdb: "true",
};

/// A question about all records of the span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) condition: Condition,
    /// None: the sum of all that match.
    pub(super) by: &'static [Key],
}

/// Groups that are asked for.
const GROUPS: usize = 20;

pub(super) const FILTERS: [Question; 3] = [
    Question {
        name: "proto tcp and dst port 443 and bytes > 10000",
        condition: Condition {
            ours: "proto tcp and dport 443 and bytes > 10000",
            nfdump: "proto tcp and dst port 443 and bytes > 10000",
            duckdb: "protocol = 6 AND dst_port = 443 AND bytes > 10000",
            chdb: "protocol = 6 AND dst_port = 443 AND bytes > 10000",
        },
        by: &[],
    },
    Question {
        name: "src net 10.1.0.0/16 and dst port 53",
        condition: Condition {
            ours: "src 10.1.0.0/16 and dport 53",
            nfdump: "src net 10.1.0.0/16 and dst port 53",
            duckdb: "src_hi = 0 AND src_lo BETWEEN 281470849581056 AND 281470849646591 AND dst_port = 53",
            chdb: "src_ip BETWEEN 281470849581056 AND 281470849646591 AND dst_port = 53",
        },
        by: &[],
    },
    Question {
        name: "packets > 100 or dst port 22",
        condition: Condition {
            ours: "packets > 100 or dport 22",
            nfdump: "packets > 100 or dst port 22",
            duckdb: "packets > 100 OR dst_port = 22",
            chdb: "packets > 100 OR dst_port = 22",
        },
        by: &[],
    },
];

pub(super) const TOPS: [Question; 5] = [
    Question {
        name: "TopN src_ip",
        condition: ALL,
        by: &[Key::SrcIp],
    },
    Question {
        name: "TopN src_ip, dst_port of all",
        condition: ALL,
        by: &[Key::SrcIp, Key::DstPort],
    },
    Question {
        name: "TopN src_ip, dst_port of dst_port 1-1023",
        condition: Condition {
            ours: "dport 1-1023",
            nfdump: "dst port > 0 and dst port < 1024",
            duckdb: "dst_port BETWEEN 1 AND 1023",
            chdb: "dst_port BETWEEN 1 AND 1023",
        },
        by: &[Key::SrcIp, Key::DstPort],
    },
    Question {
        name: "TopN app",
        condition: ALL,
        by: &[Key::App],
    },
    Question {
        name: "TopN src_ip of proto udp",
        condition: Condition {
            ours: "proto udp",
            nfdump: "proto udp",
            duckdb: "protocol = 17",
            chdb: "protocol = 17",
        },
        by: &[Key::SrcIp],
    },
];

/// A group's values, its records, packets and octets.
pub(super) type Group = (Vec<u128>, [u64; 3]);

impl Question {
    /// The question as `model::Query` reads it.
    pub(super) fn ours(&self, (from_s, to_s): (u64, u64)) -> Value {
        let by: Vec<_> = self.by.iter().map(|key| key.ours()).collect();
        let ask = if by.is_empty() {
            json!({"totals": {}})
        } else {
            json!({"top": {"by": by, "measure": "bytes", "limit": GROUPS}})
        };
        json!({
            "from": from_s * 1_000_000_000,
            "to": to_s * 1_000_000_000,
            "filter": self.condition.ours,
            "ask": ask,
            "timeout_ms": 600_000,
        })
    }

    pub(super) fn sql(&self, who: Sql) -> String {
        let condition = match who {
            Sql::DuckDb => self.condition.duckdb,
            Sql::Chdb => self.condition.chdb,
        };
        let sums = "count(*) AS flows, sum(packets) AS packets_sum, sum(bytes) AS bytes_sum";
        if self.by.is_empty() {
            return format!("SELECT {sums} FROM flows WHERE {condition}");
        }
        let grouped: Vec<_> = self.by.iter().map(|key| key.sql(who)).collect();
        let shown: Vec<_> = self
            .by
            .iter()
            .map(|key| match (key, who) {
                (Key::SrcIp, Sql::DuckDb) => "src_hi::UHUGEINT * 18446744073709551616 + src_lo",
                (Key::SrcIp, Sql::Chdb) => "src_ip",
                (Key::DstPort, _) => "dst_port",
                (Key::App, _) => "app",
            })
            .collect();
        let (grouped, shown) = (grouped.join(", "), shown.join(", "));
        let names = grouped.replace("protocol IN (6, 17, 132) AS ", "");
        format!(
            "SELECT {shown}, flows, packets_sum, bytes_sum FROM (SELECT {grouped}, {sums} FROM flows \
             WHERE {condition} GROUP BY {names} ORDER BY bytes_sum DESC, {names} LIMIT {GROUPS}) \
             ORDER BY bytes_sum DESC, {names}"
        )
    }

    /// nfdump's arguments behind those that name the files; `None` where it has no such key.
    pub(super) fn nfdump(&self) -> Option<Vec<String>> {
        let keys: Vec<_> = self.by.iter().map(|key| key.nfdump()).collect::<Option<_>>()?;
        let count = GROUPS.to_string();
        let args: Vec<&str> = match keys.as_slice() {
            [] => vec!["-N", "-o", "null"],
            [one] => {
                return Some(strings(&[
                    "-N",
                    "-o",
                    "csv",
                    "-n",
                    &count,
                    "-s",
                    &format!("{one}/bytes"),
                    self.condition.nfdump,
                ]));
            }
            more => {
                let keys = more.join(",");
                return Some(strings(&[
                    "-N",
                    "-o",
                    "csv",
                    "-n",
                    &count,
                    "-A",
                    &keys,
                    "-O",
                    "bytes",
                    self.condition.nfdump,
                ]));
            }
        };
        Some(strings(&[args.as_slice(), &[self.condition.nfdump]].concat()))
    }

    /// What [`Question::ours`] was answered with.
    pub(super) fn read_ours(&self, answer: &Value) -> Result<Vec<Group>> {
        for truth in ["complete", "exact"] {
            ensure!(
                answer.get(truth) == Some(&Value::Bool(true)),
                "the answer is not {truth}: {answer}"
            );
        }
        if self.by.is_empty() {
            let total = answer.pointer("/found/totals/total").context("no total")?;
            return Ok(vec![(Vec::new(), sums(total)?)]);
        }
        let rows = answer
            .pointer("/found/top/rows")
            .and_then(Value::as_array)
            .context("no rows")?;
        rows.iter()
            .map(|row| {
                let values = row.get("values").and_then(Value::as_array).context("no values")?;
                let values = values.iter().map(value).collect::<Result<_>>()?;
                Ok((values, sums(row.get("sums").context("no sums")?)?))
            })
            .collect()
    }

    /// What a peer answered in SQL.
    pub(super) fn read_sql(&self, rows: &Value) -> Result<Vec<Group>> {
        let rows = rows.as_array().context("no rows")?;
        rows.iter()
            .map(|row| {
                let cells: Vec<u128> = row
                    .as_array()
                    .context("no row")?
                    .iter()
                    .map(|cell| Ok(cell.to_string().trim_matches('"').parse()?))
                    .collect::<Result<_>>()?;
                let (keys, sums) = cells.split_at_checked(self.by.len()).context("a short row")?;
                let [flows, packets, bytes] = sums else {
                    bail!("a row of {} cells", cells.len())
                };
                Ok((
                    keys.to_vec(),
                    [u64::try_from(*flows)?, u64::try_from(*packets)?, u64::try_from(*bytes)?],
                ))
            })
            .collect()
    }

    /// What nfdump printed.
    pub(super) fn read_nfdump(&self, text: &str) -> Result<Vec<Group>> {
        if self.by.is_empty() {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("Summary: "))
                .context("no summary")?;
            let number = |name: &str| -> Result<u64> {
                let field = line
                    .split(", ")
                    .find_map(|field| field.strip_prefix(name))
                    .context("no such sum")?;
                Ok(field.trim_start_matches(": ").parse()?)
            };
            return Ok(vec![(
                Vec::new(),
                [number("total flows")?, number("total packets")?, number("total bytes")?],
            )]);
        }
        let mut lines = text
            .lines()
            .map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
        let header = lines.next().context("nothing was printed")?;
        let lines = lines.take_while(|cells| cells.len() == header.len());
        lines.map(|cells| self.nfdump_row(&header, &cells)).collect()
    }

    fn nfdump_row(&self, header: &[&str], cells: &[&str]) -> Result<Group> {
        let cell = |name: &str| {
            let at = header.iter().position(|column| *column == name);
            at.and_then(|at| cells.get(at).copied())
                .with_context(|| format!("nfdump has no column {name}"))
        };
        let number = |name: &str| -> Result<u64> { Ok(cell(name)?.parse()?) };
        let statistic = self.by.len() == 1;
        let keys = self.by.iter().map(|key| match (key, statistic) {
            (Key::SrcIp, true) => address(cell("val")?),
            (Key::SrcIp, false) => address(cell("sa")?),
            (_, true) => Ok(cell("val")?.parse()?),
            (_, false) => Ok(cell("dp")?.parse()?),
        });
        let keys = keys.collect::<Result<_>>()?;
        let sums = if statistic {
            [number("fl")?, number("pkt")?, number("byt")?]
        } else {
            // An aggregated record does not say how many it is of.
            [0, number("ipkt")?, number("ibyt")?]
        };
        Ok((keys, sums))
    }
}

fn strings(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn sums(value: &Value) -> Result<[u64; 3]> {
    let number = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .with_context(|| format!("no {name}"))
    };
    // The records have one direction.
    ensure!(
        number("packets_rev")? == 0 && number("bytes_rev")? == 0,
        "something in reverse: {value}"
    );
    Ok([number("flows")?, number("packets")?, number("bytes")?])
}

/// A value of a group as a number: of an address the 128 bits that IPv6 has for it.
fn value(value: &Value) -> Result<u128> {
    if value == "none" {
        return Ok(0);
    }
    let (_, inner) = value
        .as_object()
        .and_then(|object| object.iter().next())
        .context("no value")?;
    match inner {
        Value::String(text) => address(text),
        number => Ok(number.to_string().parse()?),
    }
}

fn address(text: &str) -> Result<u128> {
    Ok(
        match IpAddr::from_str(text).with_context(|| format!("{text:?} is no address"))? {
            IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
            IpAddr::V6(six) => six.to_bits(),
        },
    )
}

/// Fails unless both have the same groups with the same sums. Where the last ones weigh the same, either may be there.
pub(super) fn ensure_same(ours: &[Group], theirs: &[Group]) -> Result<()> {
    let sorted = |groups: &[Group]| {
        let mut groups = groups.to_vec();
        groups.sort_by(|a, b| (b.1[2], &a.0).cmp(&(a.1[2], &b.0)));
        groups
    };
    let (ours, theirs) = (sorted(ours), sorted(theirs));
    ensure!(
        ours.len() == theirs.len(),
        "{} groups, and {} of the peer",
        ours.len(),
        theirs.len()
    );
    let last = ours.last().map_or(0, |group| group.1[2]);
    for (own, other) in ours.iter().zip(&theirs) {
        let tie = own.1[2] == last && ours.len() > 1;
        let flows = other.1[0] == 0 || own.1[0] == other.1[0];
        let same = own.0 == other.0 && flows && own.1[1..] == other.1[1..];
        ensure!(
            same || (tie && own.1[2] == other.1[2]),
            "{own:?}, and {other:?} of the peer"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_too_few_or_an_octet_too_many_is_noticed() {
        let group = |key: u128, bytes: u64| (vec![key], [1, 2, bytes]);
        let ours = [group(1, 30), group(2, 20), group(3, 10)];
        assert!(ensure_same(&ours, &ours).is_ok());
        assert!(ensure_same(&ours, &[group(1, 30), group(3, 10), group(2, 20)]).is_ok());
        // Another that weighs as much as the last.
        assert!(ensure_same(&ours, &[group(1, 30), group(2, 20), group(4, 10)]).is_ok());
        assert!(ensure_same(&ours, &[group(1, 30), group(4, 20), group(3, 10)]).is_err());
        assert!(ensure_same(&ours, &[group(1, 30), group(2, 21), group(3, 10)]).is_err());
        assert!(ensure_same(&ours, &ours[..2]).is_err());
        let mut packets = ours.to_vec();
        packets[0].1[1] = 3;
        assert!(ensure_same(&ours, &packets).is_err());
        let mut flows = ours.to_vec();
        flows[0].1[0] = 3;
        assert!(ensure_same(&ours, &flows).is_err());
    }
}
