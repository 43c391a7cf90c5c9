//! What may stand somewhere in a filter.

use std::ops::Range;

use model::DetailKey;

use crate::countries;
use crate::error::place;
use crate::names::{NameKind, Names};
use crate::parse::{Field, Parser, TEXT_MAX, Want};
use crate::token::{Kind, in_word, tokens};
use crate::values::{CONFIDENCES, DIRECTIONS, DSCPS, END_REASONS, FLAGS, Named, PROTOCOLS};
use crate::words::{ROWS, Word, row_of};
use crate::{End, InterfaceTerm, Quantity, Sign};

/// The most that [`complete`] gives.
const COMPLETIONS_MAX: usize = 50;

/// What may stand somewhere in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The characters that it replaces: empty where nothing was begun.
    pub at: Range<u32>,
    /// The text.
    pub text: String,
    /// What it is, in English.
    pub english: String,
    /// What it is, in Chinese.
    pub chinese: String,
}

/// A text that may be meant.
struct Candidate {
    text: String,
    /// What else it is found by.
    keys: Vec<String>,
    english: String,
    chinese: String,
}

/// What may stand at the cursor, which is before the character of this number: words of the language, names and values
/// that begin with what was begun there, then those that contain it; at most 50. None where the text before it is wrong.
#[must_use]
pub fn complete(text: &str, cursor: u32, names: &Names) -> Vec<Completion> {
    let text: Vec<char> = text.chars().take(TEXT_MAX).collect();
    let cursor = usize::try_from(cursor).unwrap_or(usize::MAX).min(text.len());
    let mut cut = tokens(&text);
    // What touches the cursor is being written.
    let written = cut.tokens.iter().position(|token| {
        let text = token.kind == Kind::Quoted || (token.kind == Kind::Word && token.text.starts_with(in_word));
        text && token.at.start < cursor && cursor <= token.at.end
    });
    let before = cut.tokens.iter().take_while(|token| token.at.end <= cursor).count();
    let mut keep = written.unwrap_or(before);
    let mut at = cursor..cursor;
    let mut begun = String::new();
    if let Some(token) = written.and_then(|place| cut.tokens.get(place)) {
        at = token.at.clone();
        begun = text.get(at.start..cursor).unwrap_or(&[]).iter().collect();
        // An interface's name may be in pieces that touch each other.
        let mut start = at.start;
        while let Some(piece) = keep.checked_sub(1).and_then(|place| cut.tokens.get(place))
            && piece.at.end == start
            && (piece.kind == Kind::Quoted || piece.text.ends_with(':'))
            && matches!(piece.kind, Kind::Word | Kind::Quoted)
        {
            start = piece.at.start;
            keep -= 1;
        }
        at.start = start;
        begun = text
            .get(at.start..at.start.max(cursor))
            .map_or(begun, |all| all.iter().collect());
    }
    cut.tokens.truncate(keep);
    if cut.unclosed.is_some_and(|start| start >= at.start) {
        cut.unclosed = None;
    }
    let mut parser = Parser::new(&text, &cut, names, false);
    // What could stand at the end is known, whether the text before it was whole or not.
    let read = parser.filter(&cut);
    if read.is_err_and(|error| !error.unfinished()) {
        return Vec::new();
    }
    let mut candidates = Vec::new();
    for want in &parser.wanted {
        offer(*want, names, &mut candidates);
    }
    // What touches the end of a word would become a part of it.
    let touches = cut
        .tokens
        .last()
        .is_some_and(|last| last.at.end == at.start && last.text.ends_with(in_word));
    candidates.retain(|one| !(touches && one.text.starts_with(in_word)));
    let begun: String = begun.chars().filter(|c| !matches!(c, '"' | '“' | '”' | '\\')).collect();
    let begun = begun.to_lowercase().replace('_', "-");
    choose(candidates, &begun, place(at.start)..place(at.end))
}

/// The candidates that what was begun leads to, the nearest first.
fn choose(candidates: Vec<Candidate>, begun: &str, at: Range<u32>) -> Vec<Completion> {
    let mut found: Vec<((usize, usize), Candidate)> = Vec::new();
    // A Latin letter is within too many.
    let within = begun.len() > 1;
    for one in candidates {
        let keys = || one.keys.iter().map(|key| key.to_lowercase());
        let text = one.text.to_lowercase();
        let rank = if text.trim_start_matches('"').starts_with(begun) {
            (0, 0)
        } else if let Some(length) = keys()
            .filter(|key| key.starts_with(begun))
            .map(|key| key.chars().count())
            .min()
        {
            (1, length)
        } else if within && keys().chain([text.clone()]).any(|key| key.contains(begun)) {
            (2, 0)
        } else {
            continue;
        };
        if text != begun && !found.iter().any(|(_, other)| other.text == one.text) {
            found.push((rank, one));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.truncate(COMPLETIONS_MAX);
    let made = found.into_iter().map(|(_, one)| Completion {
        at: at.clone(),
        text: one.text,
        english: one.english,
        chinese: one.chinese,
    });
    made.collect()
}

fn offer(want: Want, names: &Names, to: &mut Vec<Candidate>) {
    match want {
        Want::Test => {
            // Words that only other tools' users know are understood, and not offered.
            let rows = ROWS
                .iter()
                .filter(|row| row.word.begins() && !matches!(row.word, Word::PortOf(..)));
            for row in rows {
                let (english, chinese, example) = (row.english, row.chinese, row.example);
                to.push(Candidate {
                    keys: row.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
                    ..plain(
                        row.name,
                        &format!("{english}: {example}"),
                        &format!("{chinese}：{example}"),
                    )
                });
            }
            to.push(plain("(", "a group of tests", "一组条件"));
        }
        Want::Join => [Word::And, Word::Or].into_iter().for_each(|one| to.extend(word(one))),
        Want::Close => to.push(plain(")", "ends the group", "结束分组")),
        Want::Side => {
            for one in [
                Word::Port(End::Any),
                Word::Group(End::Any),
                Word::Country(End::Any),
                Word::As(End::Any),
                Word::Mac(End::Any),
            ] {
                to.extend(word(one));
            }
        }
        Want::Word(one) => to.extend(word(one)),
        Want::Sign => {
            for sign in [
                Sign::Greater,
                Sign::GreaterOrEqual,
                Sign::Less,
                Sign::LessOrEqual,
                Sign::Equal,
                Sign::NotEqual,
            ] {
                to.extend(word(Word::Sign(sign)));
            }
        }
        Want::Amount(quantity) => amounts(quantity, to),
        Want::Value(field) => values(field, names, to),
    }
}

fn plain(text: &str, english: &str, chinese: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        keys: Vec::new(),
        english: english.to_owned(),
        chinese: chinese.to_owned(),
    }
}

fn word(word: Word) -> Option<Candidate> {
    let row = row_of(word)?;
    Some(Candidate {
        keys: row.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..plain(row.name, row.english, row.chinese)
    })
}

fn amounts(quantity: Quantity, to: &mut Vec<Candidate>) {
    let all: &[(&str, &str, &str)] = match quantity {
        _ if quantity.is_quality() && quantity.is_time() => &[
            ("1ms", "a millisecond", "1 毫秒"),
            ("10ms", "ten milliseconds", "10 毫秒"),
            ("30ms", "thirty milliseconds", "30 毫秒"),
            ("100ms", "a tenth of a second", "100 毫秒"),
            ("500ms", "half a second", "500 毫秒"),
            ("1s", "a second", "1 秒"),
        ],
        _ if quantity.is_quality() => &[
            ("0", "none", "零"),
            ("10", "ten", "十"),
            ("100", "a hundred", "一百"),
            ("1k", "a thousand", "一千"),
        ],
        Quantity::Duration => &[
            ("500ms", "half a second", "500 毫秒"),
            ("1s", "a second", "1 秒"),
            ("10s", "ten seconds", "10 秒"),
            ("1m", "a minute", "1 分钟"),
            ("10m", "ten minutes", "10 分钟"),
            ("1h", "an hour", "1 小时"),
        ],
        Quantity::BytesPerPacket => &[
            ("64", "the smallest frames", "最小帧"),
            ("512", "medium packets", "中等包长"),
            ("1400", "full packets", "满载数据包"),
        ],
        _ => &[
            ("100", "a hundred", "一百"),
            ("1k", "a thousand", "一千"),
            ("10k", "ten thousand", "一万"),
            ("1M", "a million", "一百万"),
            ("10M", "ten million", "一千万"),
            ("1G", "a thousand million", "十亿"),
        ],
    };
    to.extend(all.iter().map(|(text, english, chinese)| plain(text, english, chinese)));
}

fn table<T>(all: &[Named<T>], to: &mut Vec<Candidate>) {
    to.extend(all.iter().map(|one| Candidate {
        keys: one.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..plain(one.name, one.english, one.chinese)
    }));
}

fn list(all: &[(&str, &str, &str)], to: &mut Vec<Candidate>) {
    to.extend(all.iter().map(|(text, english, chinese)| plain(text, english, chinese)));
}

fn values(field: Field, names: &Names, to: &mut Vec<Candidate>) {
    match field {
        Field::Address => list(
            &[
                ("10.0.0.0/8", "private addresses (RFC 1918)", "私有地址（RFC 1918）"),
                ("172.16.0.0/12", "private addresses (RFC 1918)", "私有地址（RFC 1918）"),
                ("192.168.0.0/16", "private addresses (RFC 1918)", "私有地址（RFC 1918）"),
                ("224.0.0.0/4", "multicast", "组播地址"),
                (
                    "fc00::/7",
                    "unique local IPv6 addresses (RFC 4193)",
                    "IPv6 唯一本地地址（RFC 4193）",
                ),
                ("fe80::/10", "link-local IPv6 addresses", "IPv6 链路本地地址"),
                ("ff00::/8", "IPv6 multicast", "IPv6 组播地址"),
            ],
            to,
        ),
        Field::Port => list(
            &[
                ("443", "HTTPS, QUIC", "HTTPS、QUIC"),
                ("80", "HTTP", "HTTP"),
                ("53", "DNS", "DNS"),
                ("22", "SSH", "SSH"),
                ("25", "SMTP", "SMTP"),
                ("123", "NTP", "NTP"),
                ("161", "SNMP", "SNMP"),
                ("389", "LDAP", "LDAP"),
                ("445", "SMB", "SMB"),
                ("1433", "SQL Server", "SQL Server"),
                ("1521", "Oracle", "Oracle"),
                ("3306", "MySQL", "MySQL"),
                ("3389", "RDP", "远程桌面"),
                ("0-1023", "well-known ports", "知名端口"),
                ("1024-65535", "other ports", "其他端口"),
            ],
            to,
        ),
        Field::Protocol => table(PROTOCOLS, to),
        Field::Name(kind) => all_names(kind, names, to),
        Field::Interface => interfaces(names, to),
        Field::Direction => table(DIRECTIONS, to),
        Field::Flags => {
            for (letter, name, _) in FLAGS {
                let upper = name.to_uppercase();
                to.push(Candidate {
                    keys: vec![(*name).to_owned()],
                    ..plain(
                        &letter.to_string(),
                        &format!("{upper} is set"),
                        &format!("{upper} 已置位"),
                    )
                });
            }
            list(
                &[
                    ("SA", "SYN and ACK are set", "SYN 与 ACK 都已置位"),
                    (
                        "S/SA",
                        "SYN is set, ACK is not: never answered",
                        "SYN 已置位而 ACK 没有：没有应答",
                    ),
                    ("R/RF", "reset, not finished", "被复位而非正常结束"),
                    ("0/FSRPAUEC", "no flag at all", "没有任何标志"),
                ],
                to,
            );
        }
        Field::Vlan | Field::Mac | Field::As => {}
        Field::Dscp => table(DSCPS, to),
        Field::Country => to.extend(countries::ROWS.iter().map(|(code, english, chinese)| Candidate {
            keys: vec![(*english).to_owned(), (*chinese).to_owned()],
            ..plain(code, english, chinese)
        })),
        Field::Icmp => list(
            &[
                ("8", "ICMP echo request", "ICMP 回显请求"),
                ("0", "ICMP echo reply", "ICMP 回显应答"),
                ("3", "ICMP destination unreachable", "ICMP 目的不可达"),
                ("3/3", "ICMP port unreachable", "ICMP 端口不可达"),
                ("3/4", "ICMP fragmentation needed", "ICMP 需要分片"),
                ("5", "ICMP redirect", "ICMP 重定向"),
                ("11", "ICMP time exceeded", "ICMP 超时"),
                ("128", "ICMPv6 echo request", "ICMPv6 回显请求"),
                ("129", "ICMPv6 echo reply", "ICMPv6 回显应答"),
                ("135", "ICMPv6 neighbour solicitation", "ICMPv6 邻居请求"),
            ],
            to,
        ),
        Field::EndReason => table(END_REASONS, to),
        Field::Confidence => table(CONFIDENCES, to),
        Field::Domain => {}
        Field::Detail(key) => list(details(key), to),
    }
}

/// What flows often say of themselves.
const fn details(key: DetailKey) -> &'static [(&'static str, &'static str, &'static str)] {
    match key {
        DetailKey::Alpn => &[
            ("h2", "HTTP/2", "HTTP/2"),
            ("http/1.1", "HTTP/1.1", "HTTP/1.1"),
            ("h3", "HTTP/3", "HTTP/3"),
            ("dot", "DNS over TLS", "DNS over TLS"),
        ],
        DetailKey::TlsVersion => &[
            ("\"TLS 1.3\"", "the newest version", "最新版本"),
            ("\"TLS 1.2\"", "the version before", "上一版本"),
            ("\"TLS 1.1\"", "deprecated (RFC 8996)", "已弃用（RFC 8996）"),
            ("\"TLS 1.0\"", "deprecated (RFC 8996)", "已弃用（RFC 8996）"),
        ],
        DetailKey::DnsType => &[
            ("A", "IPv4 addresses", "IPv4 地址"),
            ("AAAA", "IPv6 addresses", "IPv6 地址"),
            ("HTTPS", "services of a name", "服务绑定"),
            ("PTR", "names of addresses", "地址反查"),
            ("TXT", "texts", "文本"),
            ("\"ANY\"", "all there is", "全部记录"),
        ],
        DetailKey::DnsCode => &[
            ("NOERROR", "answered", "正常应答"),
            ("NXDOMAIN", "there is no such name", "域名不存在"),
            ("SERVFAIL", "the server failed", "服务器失败"),
            ("REFUSED", "the server refused", "服务器拒绝"),
        ],
        DetailKey::Method => &[
            ("GET", "asks", "获取"),
            ("POST", "sends", "提交"),
            ("CONNECT", "asks a proxy", "请求代理"),
        ],
        DetailKey::Status => &[
            ("200", "OK", "成功"),
            ("404", "not found", "未找到"),
            ("5*", "the server failed", "服务器错误"),
        ],
        _ => &[],
    }
}

fn all_names(kind: NameKind, names: &Names, to: &mut Vec<Candidate>) {
    let (_, chinese) = kind.said();
    for name in names.of(kind) {
        to.push(Candidate {
            keys: vec![name.to_owned()],
            ..plain(&kind.print(name).to_string(), kind.noun(), chinese)
        });
    }
}

fn interfaces(names: &Names, to: &mut Vec<Candidate>) {
    for one in &names.interfaces {
        let number = one.index.to_string();
        let known = if one.name.is_empty() { &number } else { &one.name };
        let term = InterfaceTerm {
            exporter: Some(one.exporter.clone()),
            interface: known.clone(),
        };
        let (exporter, index) = (&one.exporter, one.index);
        to.push(Candidate {
            keys: vec![
                format!("{exporter}:{known}"),
                one.name.clone(),
                format!("{exporter}:{index}"),
            ],
            ..plain(
                &term.to_string(),
                &format!("interface {index} of {exporter}"),
                &format!("{exporter} 的接口 {index}"),
            )
        });
    }
}
