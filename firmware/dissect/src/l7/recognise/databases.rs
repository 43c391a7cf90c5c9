//! Databases, caches and queues.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, begins_any, contains, either, first_line, header, le32, octet, on_port, pattern, stream, text,
};

const MYSQL: App = App::named("mysql");
const POSTGRESQL: App = App::named("postgresql");
const ORACLE: App = App::named("oracle");
const MSSQL: App = App::named("mssql");
const REDIS: App = App::named("redis");
const MONGODB: App = App::named("mongodb");
const CASSANDRA: App = App::named("cassandra");
const MEMCACHED: App = App::named("memcached");
const ELASTICSEARCH: App = App::named("elasticsearch");
const DB2: App = App::named("db2");
const HANA: App = App::named("sap-hana");
const NEO4J: App = App::named("neo4j");
const ZOOKEEPER: App = App::named("zookeeper");
const KAFKA: App = App::named("kafka");
const AMQP: App = App::named("amqp");
const MQTT: App = App::named("mqtt");
const STOMP: App = App::named("stomp");
const OPENWIRE: App = App::named("openwire");
const NATS: App = App::named("nats");
const CLICKHOUSE: App = App::named("clickhouse");

/// The server's greeting (protocol 10) with its version, or a refusal.
pub(super) fn mysql(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(MYSQL, sample, |data| {
        let is_refusal =
            le32(data, 0)? >> 24 == 0 && octet(data, 4)? == 0xff && on_port(sample, &[3306]) && be16(data, 5).is_some();
        Some(is_refusal || mysql_version(data)?.is_some())
    });
    if let Verdict::Is(..) = verdict {
        for (side, other) in [(sample.server, sample.client), (sample.client, sample.server)] {
            if let Some(Some(version)) = mysql_version(side) {
                l7.details.set(DetailKey::Version, text(version));
                // HandshakeResponse41: the user's name after 32 octets.
                let user = other.get(36..).map(first_line).unwrap_or_default();
                l7.details.set(DetailKey::User, user);
            }
        }
    }
    verdict
}

/// The version of a greeting.
fn mysql_version(data: &[u8]) -> Option<Option<&[u8]>> {
    let length = le32(data, 0)? & 0x00ff_ffff;
    let is_head = octet(data, 3)? == 0 && (20..1_024).contains(&length);
    if !is_head || octet(data, 4)? != 10 {
        return Some(None);
    }
    let version = data.get(5..69.min(data.len()))?;
    let end = version.iter().position(|octet| *octet == 0)?;
    let version = version.get(..end)?;
    let is_version = version.first().is_some_and(u8::is_ascii_digit)
        && version.contains(&b'.')
        && version.iter().all(u8::is_ascii_graphic);
    Some(is_version.then_some(version))
}

/// The startup message of version 3, or the requests for TLS, GSSAPI and cancelling.
pub(super) fn postgresql(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(POSTGRESQL, sample, |data| {
        let (length, code) = (be32(data, 0)?, be32(data, 4)?);
        Some(match code {
            0x0003_0000..=0x0003_0002 => {
                (9..10_000).contains(&length)
                    && (data.get(8) == Some(&0) || contains(data.get(8..40.min(data.len()))?, b"user\0"))
            }
            80_877_103 | 80_877_104 => length == 8,
            80_877_102 => length == 16,
            _ => false,
        })
    });
    if let Verdict::Is(..) = verdict {
        let mut words = sample.client.get(8..).unwrap_or_default().split(|octet| *octet == 0);
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            match key {
                b"user" => l7.details.set(DetailKey::User, text(value)),
                b"application_name" => l7.details.set(DetailKey::Agent, text(value)),
                _ => {}
            }
        }
    }
    verdict
}

/// Transparent network substrate: a packet's length and type; connects name a service.
pub(super) fn oracle(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(ORACLE, sample, |data| {
        let (length, kind) = (be16(data, 0)?, octet(data, 4)?);
        let is_head =
            be16(data, 2)? == 0 && octet(data, 5)? <= 0x20 && be16(data, 6)? == 0 && (8..=8_192).contains(&length);
        let version = be16(data, 8)?;
        Some(
            is_head
                && match kind {
                    1 => (300..=320).contains(&version) && be16(data, 24)? <= length,
                    2 => (300..=320).contains(&version) && on_port(sample, &[1521, 1522, 1525, 1526]),
                    _ => false,
                },
        )
    });
    if let Verdict::Is(..) = verdict {
        let connect = sample.client.get(26..).unwrap_or_default();
        let field = |name: &[u8]| {
            let at = connect.windows(name.len()).position(|w| w.eq_ignore_ascii_case(name))? + name.len();
            let rest = connect.get(at..)?;
            let end = rest.iter().position(|octet| *octet == b')')?;
            Some(text(rest.get(..end)?))
        };
        l7.details.set(
            DetailKey::Path,
            field(b"SERVICE_NAME=").or_else(|| field(b"SID=")).unwrap_or_default(),
        );
        l7.details.set(DetailKey::User, field(b"USER=").unwrap_or_default());
        l7.details.set(DetailKey::Agent, field(b"PROGRAM=").unwrap_or_default());
    }
    verdict
}

/// MS-TDS section 2.2.3: a packet of a known type whose length and status are sound; version 5.0's login too.
pub(super) fn mssql(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if sample.transport == 17 {
        return mssql_browser(sample);
    }
    stream(MSSQL, sample, |data| {
        let (kind, status, length) = (octet(data, 0)?, octet(data, 1)?, usize::from(be16(data, 2)?));
        let is_head = matches!(kind, 1..=4 | 6 | 7 | 14 | 15..=18) && status <= 0x1f && octet(data, 7)? == 0;
        if !is_head || !(8..=32_767).contains(&length) {
            return Some(false);
        }
        let is_known = on_port(sample, &[1433, 1434]) && matches!(kind, 1 | 2 | 3 | 4 | 6 | 7 | 14 | 15);
        Some(match kind {
            // PRELOGIN: options that begin with the version and end with 0xff.
            18 => octet(data, 8)? == 0 && data.get(9..64.min(data.len()))?.contains(&0xff),
            // LOGIN7: its own length.
            16 => usize::try_from(le32(data, 8)?).ok()? + 8 <= 65_536 && le32(data, 12)? & 0x7000_0000 == 0x7000_0000,
            // Later packets of a session: batch, call, response; whole in what is there.
            1 | 3 | 4 if length == data.len() && length > 12 => {
                octet(data, 4).is_some() && be16(data, 4)? < 0x400 && octet(data, 6)? <= 2
            }
            _ => is_known && length <= data.len(),
        })
    })
}

/// MS-SQLR: one octet asks for the instances.
fn mssql_browser(sample: &Sample<'_>) -> Verdict {
    if !on_port(sample, &[1434]) {
        return Verdict::No;
    }
    either(MSSQL, sample, |data| {
        Some(
            matches!(octet(data, 0)?, 2..=4 | 15) && data.len() < 64
                || begins(data, &[5])? && contains(data, b"ServerName;"),
        )
    })
}

/// RESP: an array of bulk strings asks; a simple string, an error, a number or a string answers.
pub(super) fn redis(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let count = |data: &[u8], mark: u8| {
        if octet(data, 0)? != mark {
            return Some(None);
        }
        let end = data.iter().take(12).position(|octet| *octet == b'\r');
        let Some(end) = end else {
            return if data.len() < 12 { None } else { Some(None) };
        };
        let digits = text(data.get(1..end)?);
        Some((digits.parse::<i32>().is_ok() && data.get(end + 1) == Some(&b'\n')).then_some(end + 2))
    };
    let command = |data: &[u8]| {
        let Some(at) = count(data, b'*')? else {
            return Some(false);
        };
        let Some(word) = count(data.get(at..)?, b'$')? else {
            return Some(false);
        };
        Some(data.get(at + word)?.is_ascii_alphabetic())
    };
    stream(REDIS, sample, |data| {
        let is_reply = on_port(sample, &[6379, 26_379])
            && begins_any(
                data,
                &[
                    b"+OK\r\n",
                    b"+PONG\r\n",
                    b"-NOAUTH",
                    b"-ERR ",
                    b"-DENIED",
                    b"+QUEUED",
                    b"$-1\r\n",
                ],
            )?;
        Some(is_reply || command(data)?)
    })
}

/// The header of 16 octets: a length, numbers, and a known operation.
pub(super) fn mongodb(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(MONGODB, sample, |data| {
        let (length, answers, code) = (le32(data, 0)?, le32(data, 8)?, le32(data, 12)?);
        let is_head = (16..48 << 20).contains(&length);
        let flags = le32(data, 16)?;
        Some(
            is_head
                && match code {
                    1 => flags <= 0x0f && le32(data, 32)? <= 1_000_000,
                    2001..=2003 | 2005..=2007 => answers == 0 && flags <= 0xff,
                    2004 => answers == 0 && flags <= 0xff && contains(data.get(20..148.min(data.len()))?, b"."),
                    2010 | 2011 => true,
                    2012 => flags <= 2013,
                    2013 => flags & 0xfffe_fffc == 0 && octet(data, 20)? <= 1,
                    _ => false,
                },
        )
    })
}

/// Native protocol, section 2: a version, flags, an opcode and a length.
pub(super) fn cassandra(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(CASSANDRA, sample, |data| {
        let (version, flags, code) = (octet(data, 0)?, octet(data, 1)?, octet(data, 4)?);
        let length = be32(data, 5)?;
        let is_start = match code {
            1 => version & 0x80 == 0 && contains(data.get(9..)?, b"CQL_VERSION"),
            5 => version & 0x80 == 0 && length == 0 && data.len() == 9,
            6 => version & 0x80 != 0 && contains(data.get(9..)?, b"CQL_VERSION"),
            _ => false,
        };
        Some((1..=5).contains(&(version & 0x7f)) && flags <= 0x1f && is_start)
    });
    if let (Verdict::Is(..), Some(version)) = (verdict, octet(sample.client, 0)) {
        l7.details.set(DetailKey::Version, &(version & 0x7f).to_string());
    }
    verdict
}

/// Text commands and their answers, binary requests, and the header of datagrams.
pub(super) fn memcached(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let words: &[&[u8]] = &[
        b"get ",
        b"gets ",
        b"set ",
        b"add ",
        b"replace ",
        b"delete ",
        b"incr ",
        b"stats",
        b"version\r\n",
        b"flush_all",
        b"STAT ",
        b"VALUE ",
        b"STORED\r\n",
        b"NOT_STORED\r\n",
        b"VERSION ",
        b"END\r\n",
    ];
    let is_text = |data: &[u8]| {
        Some(
            begins_any(data, words)?
                && data.contains(&b'\n')
                && (on_port(sample, &[11_211]) || begins_any(data, &[b"STAT pid ", b"stats\r\n", b"VALUE "])?),
        )
    };
    let is_binary = |data: &[u8]| {
        Some(
            matches!(octet(data, 0)?, 0x80 | 0x81)
                && octet(data, 1)? <= 0x41
                && octet(data, 5)? == 0
                && on_port(sample, &[11_211])
                && be32(data, 20).is_some(),
        )
    };
    either(MEMCACHED, sample, |data| match sample.transport {
        // A request number, a sequence number, a count of datagrams, zero.
        17 => Some(
            be16(data, 2)? < be16(data, 4)?.max(1)
                && be16(data, 6)? == 0
                && (is_text(data.get(8..)?) == Some(true) || is_binary(data.get(8..)?) == Some(true)),
        ),
        _ if matches!(octet(data, 0)?, 0x80 | 0x81) => is_binary(data),
        _ => is_text(data),
    })
}

/// The transport protocol between nodes: `ES` and a length.
pub(super) fn elasticsearch(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(ELASTICSEARCH, sample, |data| {
        let is_head = begins(data, b"ES")? && be32(data, 2)? < 1 << 28;
        Some(is_head && octet(data, 14)? & 0xf0 == 0)
    })
}

/// DDM's header: a length, 0xd0, a format, and a code point of the exchange of attributes.
pub(super) fn db2(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(DB2, sample, |data| {
        let (length, inner) = (be16(data, 0)?, be16(data, 6)?);
        Some(
            octet(data, 2)? == 0xd0
                && octet(data, 3)? & 0x80 == 0
                && length >= 10
                && inner.checked_add(6) == Some(length)
                && (0x1000..=0x2500).contains(&be16(data, 8)?),
        )
    })
}

/// The initialisation request of the SQL protocol.
pub(super) fn hana(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(HANA, sample, |data| {
        Some(begins(data, b"\xff\xff\xff\xff\x04\x20\x00")? && data.len() >= 14)
    })
}

/// Bolt's preamble.
pub(super) fn neo4j(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(NEO4J, sample, |data| begins(data, b"\x60\x60\xb0\x17"))
}

/// Four letters ask; a connect request has a length, version 0 and a timeout.
pub(super) fn zookeeper(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[2181, 2182]) {
        return Verdict::No;
    }
    stream(ZOOKEEPER, sample, |data| {
        let is_word = begins_any(
            data,
            &[
                b"ruok",
                b"imok",
                b"stat",
                b"srvr",
                b"mntr",
                b"conf",
                b"Zookeeper version",
            ],
        )?;
        Some(is_word || matches!(be32(data, 0)?, 36..=64) && be32(data, 4)? == 0 && be32(data, 8).is_some())
    })
}

/// A request: a length, an API key and version, a number, and the client's name.
pub(super) fn kafka(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(KAFKA, sample, |data| {
        Some(kafka_client(data)?.is_some() && (on_port(sample, &[9092, 9093]) || matches!(be16(data, 4)?, 3 | 18)))
    });
    if let (Verdict::Is(..), Some(Some(name))) = (verdict, kafka_client(sample.client)) {
        l7.details.set(DetailKey::Agent, text(name));
    }
    verdict
}

/// What a request names.
fn kafka_client(data: &[u8]) -> Option<Option<&[u8]>> {
    let (length, key, version) = (be32(data, 0)?, be16(data, 4)?, be16(data, 6)?);
    let name = usize::from(be16(data, 12)?);
    let is_head = (12..100 << 20).contains(&length) && key <= 74 && version <= 20;
    if !is_head || !(1..=128).contains(&name) {
        return Some(None);
    }
    let name = data.get(14..14 + name)?;
    Some(name.iter().all(u8::is_ascii_graphic).then_some(name))
}

/// `AMQP` and a version, or a frame of its start.
pub(super) fn amqp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(AMQP, sample, |data| {
        let is_start =
            octet(data, 0)? == 1 && be16(data, 1) == Some(0) && be32(data, 7) == Some(0x000a_000a) && data.len() > 11;
        Some(is_start || begins(data, b"AMQP")? && octet(data, 4)? <= 3 && octet(data, 7)? <= 10)
    });
    if let (Verdict::Is(..), Some([major, minor, revision])) = (verdict, sample.client.get(5..8)) {
        l7.details
            .set(DetailKey::Version, &format!("{major}.{minor}.{revision}"));
    }
    verdict
}

/// CONNECT (MQTT 3.1.1, section 3.1) or CONNACK; other packets on the port.
pub(super) fn mqtt(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let head = |data: &[u8]| {
        let mut length = 0_usize;
        for at in 1..=4 {
            let digit = octet(data, at)?;
            length |= usize::from(digit & 0x7f) << (7 * (at - 1));
            if digit & 0x80 == 0 {
                return Some((length, at + 1));
            }
        }
        Some((usize::MAX, 5))
    };
    if matches!((sample.client, sample.server), ([0xc0, 0], [0xd0, 0])) {
        return pattern(MQTT);
    }
    let verdict = stream(MQTT, sample, |data| {
        let kind = octet(data, 0)?;
        let (length, at) = head(data)?;
        let rest = data.get(at..)?;
        Some(match kind {
            0x10 => begins_any(rest, &[b"\x00\x04MQTT", b"\x00\x06MQIsdp"])?,
            0x20 => length <= 64 && octet(rest, 0)? <= 1 && length >= 2 && on_port(sample, &[1883]),
            0x30..=0x3f | 0x40 | 0x50 | 0x62 | 0x70 | 0x82 | 0x90 | 0xa2 | 0xb0 | 0xc0 | 0xd0 | 0xe0 => {
                on_port(sample, &[1883]) && at.checked_add(length) == Some(data.len())
            }
            _ => false,
        })
    });
    if let (Verdict::Is(..), Some(0x10), Some((_, at))) = (verdict, octet(sample.client, 0), head(sample.client)) {
        let connect = sample.client.get(at..).unwrap_or_default();
        let name = usize::from(be16(connect, 0).unwrap_or_default());
        let version = octet(connect, 2 + name).map(|level| match level {
            3 => "3.1",
            4 => "3.1.1",
            _ => "5",
        });
        l7.details.set(DetailKey::Version, version.unwrap_or_default());
        // The identifier follows the flags and the keep-alive; properties stand before it in version 5.
        let id_at = 2 + name + 4;
        if version != Some("5")
            && let Some(length) = be16(connect, id_at)
        {
            l7.details.set(
                DetailKey::Agent,
                connect
                    .get(id_at + 2..id_at + 2 + usize::from(length))
                    .map(text)
                    .unwrap_or_default(),
            );
        }
    }
    verdict
}

/// A command and a header line.
pub(super) fn stomp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(STOMP, sample, |data| {
        let is_connect = begins_any(
            data,
            &[
                b"CONNECT\n",
                b"CONNECT\r\n",
                b"STOMP\n",
                b"STOMP\r\n",
                b"CONNECTED\n",
                b"CONNECTED\r\n",
            ],
        )?;
        let is_frame = on_port(sample, &[61_613])
            && begins_any(
                data,
                &[
                    b"SEND\n",
                    b"SUBSCRIBE\n",
                    b"MESSAGE\n",
                    b"RECEIPT\n",
                    b"ERROR\n",
                    b"ACK\n",
                    b"DISCONNECT\n",
                ],
            )?;
        Some(is_connect || is_frame)
    });
    if let Verdict::Is(..) = verdict {
        l7.details
            .set(DetailKey::User, header(sample.client, "login").unwrap_or_default());
    }
    verdict
}

/// `ActiveMQ` in the first command.
pub(super) fn openwire(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(OPENWIRE, sample, |data| begins(data.get(4..)?, b"\x01ActiveMQ"))
}

/// `INFO {` of the server, `CONNECT {` of the client.
pub(super) fn nats(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(NATS, sample, |data| begins_any(data, &[b"INFO {\"", b"CONNECT {\""]))
}

/// The hello of the native protocol: number 0, then a name with its length.
pub(super) fn clickhouse(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(CLICKHOUSE, sample, |data| {
        let name = usize::from(octet(data, 1)?);
        let is_hello = octet(data, 0)? == 0 && (10..64).contains(&name);
        Some(is_hello && begins(data.get(2..)?, b"ClickHouse")?)
    });
    if let Verdict::Is(..) = verdict {
        let name = usize::from(octet(sample.client, 1).unwrap_or_default());
        l7.details.set(
            DetailKey::Agent,
            sample.client.get(2..2 + name).map(text).unwrap_or_default(),
        );
    }
    verdict
}
