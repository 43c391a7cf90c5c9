//! Files, printers and directories of local networks.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, begins_any, contains, datagram, either, element, first_line, header, le16, le32, octet,
    on_port, parsed, stream, text,
};

const SMB: App = App::named("smb");
const NETBIOS: App = App::named("netbios");
const NFS: App = App::named("nfs");
const RPCBIND: App = App::named("rpcbind");
const LDAP: App = App::named("ldap");
const KERBEROS: App = App::named("kerberos");
const MSRPC: App = App::named("msrpc");
const PROFINET: App = App::named("profinet");
const AFP: App = App::named("afp");
const AFS: App = App::named("afs");
const RSYNC: App = App::named("rsync");
const ISCSI: App = App::named("iscsi");
const LUSTRE: App = App::named("lustre");
const CEPH: App = App::named("ceph");
const BJNP: App = App::named("bjnp");
const LPD: App = App::named("lpd");
const SSDP: App = App::named("ssdp");
const SLP: App = App::named("slp");
const WSD: App = App::named("wsd");
const XDMCP: App = App::named("xdmcp");
const DROPBOX: App = App::named("dropbox");
const SYNCTHING: App = App::named("syncthing");
const MUNIN: App = App::named("munin");
const CHECK_MK: App = App::named("check-mk");
const ZABBIX: App = App::named("zabbix");
const JAVA_RMI: App = App::named("java-rmi");
const GIT: App = App::named("git");
const SVN: App = App::named("svn");
const WHOIS: App = App::named("whois");
const FINGER: App = App::named("finger");
const NNTP: App = App::named("nntp");
const IRC: App = App::named("irc");

/// MS-SMB2 section 2.2.1, MS-CIFS section 2.2.3.1: behind a NetBIOS session header, or without it.
pub(super) fn smb(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(SMB, sample, |data| {
        let message = match octet(data, 0)? {
            0 => data.get(4..)?,
            0x81 => return after_session_request(data),
            0x82 if data.len() >= 8 => data.get(4..)?,
            _ => return Some(false),
        };
        begins_any(message, &[b"\xffSMB", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB"])
    });
    if let Verdict::Is(..) = verdict {
        let dialect = [sample.server, sample.client].into_iter().find_map(smb_dialect);
        l7.details.set(DetailKey::Version, dialect.unwrap_or_default());
    }
    verdict
}

/// A session request of NetBIOS (RFC 1002, section 4.3.2), and SMB behind it.
fn after_session_request(data: &[u8]) -> Option<bool> {
    let message = data.get(4 + usize::from(be16(data, 2)?)..)?;
    begins_any(message.get(4..)?, &[b"\xffSMB", b"\xfeSMB"])
}

/// The dialect of a negotiation's response, or the family.
fn smb_dialect(data: &[u8]) -> Option<&'static str> {
    let message = data.get(4..)?;
    if begins(message, b"\xffSMB")? {
        return Some("1");
    }
    let is_response = begins(message, b"\xfeSMB")? && le16(message, 12)? == 0 && le32(message, 16)? & 1 == 1;
    is_response
        .then(|| le16(message, 68))
        .flatten()
        .and_then(|dialect| match dialect {
            0x0202 => Some("2.0.2"),
            0x0210 => Some("2.1"),
            0x0300 => Some("3.0"),
            0x0302 => Some("3.0.2"),
            0x0311 => Some("3.1.1"),
            _ => None,
        })
}

/// RFC 1002: names on port 137, datagrams on 138.
pub(super) fn netbios(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    if sample.transport == 6 {
        return stream(NETBIOS, sample, |data| {
            let is_request =
                octet(data, 0)? == 0x81 && octet(data, 1)? <= 1 && be16(data, 2)? == 68 && octet(data, 4)? == 32;
            Some(is_request && on_port(sample, &[139]))
        });
    }
    let name_service = |data: &[u8]| {
        let counts = [4, 6, 8, 10].map(|at| be16(data, at));
        let is_count = counts.iter().all(|count| count.is_some_and(|count| count <= 32));
        // A name of 32 letters A–P, half an octet each.
        let name = data.get(13..45)?;
        Some(is_count && octet(data, 12)? == 32 && name.iter().all(|octet| (b'A'..=b'P').contains(octet)))
    };
    let datagrams =
        |data: &[u8]| Some((0x10..=0x16).contains(&octet(data, 0)?) && be32(data, 4).is_some() && data.len() >= 14);
    match on_port(sample, &[137]) {
        true => {
            if let Some(name) = sample.client.get(13..43) {
                let letters = name.chunks(2).filter_map(|pair| {
                    Some((pair.first()?.checked_sub(b'A')? & 15) << 4 | pair.get(1)?.checked_sub(b'A')? & 15)
                });
                let letters: Vec<u8> = letters.collect();
                let name = text(&letters).trim();
                if name.chars().all(|c| c.is_ascii_graphic()) {
                    l7.details.set(DetailKey::User, name);
                }
            }
            datagram(NETBIOS, sample, name_service)
        }
        false if on_port(sample, &[138]) => datagram(NETBIOS, sample, datagrams),
        false => Verdict::No,
    }
}

/// The program of an ONC RPC call (RFC 5531, section 9), or `Some(None)` for what is none.
fn rpc_program(data: &[u8], is_stream: bool) -> Option<Option<u32>> {
    let data = if is_stream {
        match octet(data, 0)? & 0x80 {
            0 => return Some(None),
            _ => data.get(4..)?,
        }
    } else {
        data
    };
    let (kind, version, program) = (be32(data, 4)?, be32(data, 8)?, be32(data, 12)?);
    Some((kind == 0 && version == 2 && be32(data, 16)? <= 32 && be32(data, 20)? <= 64).then_some(program))
}

fn rpc_of(app: App, sample: &Sample<'_>, programs: &[u32]) -> Verdict {
    let look = |data: &[u8]| {
        Some(rpc_program(data, sample.transport == 6)?.is_some_and(|program| programs.contains(&program)))
    };
    let verdict = either(app, sample, look);
    if verdict != Verdict::No {
        return verdict;
    }
    // Without the call: an accepted or denied reply on the protocol's port.
    let is_reply = |data: &[u8]| {
        let at = if sample.transport == 6 { 4 } else { 0 };
        be32(data, at + 4) == Some(1) && be32(data, at + 8).is_some_and(|status| status <= 1)
    };
    let port = if app == NFS { 2049 } else { 111 };
    match on_port(sample, &[port]) && (is_reply(sample.client) || is_reply(sample.server)) {
        true => parsed(app),
        false => Verdict::No,
    }
}

/// ONC RPC of the file service and of its neighbours: mount, lock manager, status, quotas, access lists.
pub(super) fn nfs(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    rpc_of(NFS, sample, &[100_003, 100_005, 100_011, 100_021, 100_024, 100_227])
}

/// ONC RPC's port mapper.
pub(super) fn rpcbind(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    rpc_of(RPCBIND, sample, &[100_000])
}

/// RFC 4511, section 4.1.1: a sequence of a message's number and an operation.
pub(super) fn ldap(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let operation = |data: &[u8]| {
        let message = element(data).filter(|e| e.tag == 0x30)?;
        let id = element(message.content).filter(|e| e.tag == 2 && (1..=4).contains(&e.length))?;
        octet(id.rest, 0)
    };
    let verdict = either(LDAP, sample, |data| {
        if !begins(data, &[0x30])? || octet(data, 1)? < 5 {
            return Some(false);
        }
        match octet(data, 2)? {
            0x81..=0x84 | 2 => {}
            _ if octet(data, 1)? & 0x80 != 0 => {}
            _ => return Some(false),
        }
        if data.len() < 12 && sample.transport == 6 {
            return None;
        }
        let is_operation = |tag: u8| matches!(tag, 0x60 | 0x61 | 0x42 | 0x63..=0x79 | 0x4a);
        Some(operation(data).is_some_and(is_operation))
    });
    if let Verdict::Is(..) = verdict
        && let Some(bind) = element(sample.client)
            .and_then(|e| element(e.content))
            .and_then(|id| element(id.rest))
            .filter(|e| e.tag == 0x60)
        && let Some(name) = element(bind.content)
            .and_then(|version| element(version.rest))
            .filter(|e| e.tag == 4)
    {
        l7.details.set(DetailKey::User, text(name.content));
    }
    verdict
}

/// RFC 4120, section 5.10: a message of an application tag whose first field is the version 5.
pub(super) fn kerberos(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let message = |data: &[u8]| {
        let outer = element(data)?;
        let is_kind = matches!(outer.tag, 0x6a..=0x6f | 0x74..=0x76 | 0x7e);
        let sequence = element(outer.content).filter(|e| e.tag == 0x30)?;
        let field = element(sequence.content).filter(|e| matches!(e.tag, 0xa0 | 0xa1))?;
        let number = element(field.content).filter(|e| e.tag == 2 && e.length == 1)?;
        Some(is_kind && number.content == [5])
    };
    either(KERBEROS, sample, |data| match sample.transport {
        17 => message(data),
        _ if octet(data, 0)? != 0 || octet(data, 1)? > 16 => Some(false),
        _ if !matches!(octet(data, 4)?, 0x6a..=0x6f | 0x74..=0x76 | 0x7e) => Some(false),
        _ if data.len() < 40 => None,
        _ => Some(message(data.get(4..)?).unwrap_or(false)),
    })
}

/// DCE/RPC 1.1, chapter 12: version 5 of connections, version 4 of datagrams.
pub(super) fn msrpc(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 => stream(MSRPC, sample, |data| {
            let is_head = begins(data, &[5])? && octet(data, 1)? <= 1 && octet(data, 2)? <= 19;
            let (little, length) = (octet(data, 4)? & 0xf0 == 0x10, data.get(8..10)?);
            let length = if little { le16(length, 0)? } else { be16(length, 0)? };
            Some(is_head && octet(data, 5)? == 0 && be16(data, 6)? == 0 && (16..=5_840).contains(&length))
        }),
        _ => Verdict::No,
    }
}

/// DCE/RPC's datagrams with an object of PROFINET IO.
pub(super) fn profinet(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(PROFINET, sample, |data| {
        let is_head = octet(data, 0)? == 4 && octet(data, 1)? <= 10 && octet(data, 4)? & 0xef == 0;
        // DEA0000x-6C97-11D1-8271: object or interface identifier, either octet order.
        let is_object = contains(data.get(8..40)?, &[0x97, 0x6c, 0xd1, 0x11, 0x82, 0x71])
            || contains(data.get(8..40)?, &[0x6c, 0x97, 0x11, 0xd1, 0x82, 0x71]);
        Some(is_head && is_object && data.len() >= 80)
    })
}

/// Apple's data stream interface: a request or reply of a known command.
pub(super) fn afp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(AFP, sample, |data| {
        let (flags, command) = (octet(data, 0)?, octet(data, 1)?);
        let (id, error, length, reserved) = (be16(data, 2)?, be32(data, 4)?, be32(data, 8)?, be32(data, 12)?);
        let is_status = flags == 0 && command == 3 && error == 0 && reserved == 0 && length <= 2;
        let is_open = flags == 0 && command == 4 && error == 0 && id <= 1 && reserved == 0 && length <= 64;
        let is_known = on_port(sample, &[548]) && flags <= 1 && matches!(command, 1..=8) && reserved == 0;
        Some(is_status || is_open || is_known)
    })
}

/// Rx: an epoch, a connection, a kind of packet and a service.
pub(super) fn afs(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(AFS, sample, |data| {
        let (kind, flags, service) = (octet(data, 20)?, octet(data, 21)?, be16(data, 26)?);
        let is_port = (7000..=7032).contains(&sample.dst_port) || (7000..=7032).contains(&sample.src_port);
        Some(
            is_port
                && (1..=13).contains(&kind)
                && flags & 0xc0 == 0
                && octet(data, 23)? <= 4
                && service < 2_000
                && data.len() >= 28,
        )
    })
}

/// `@RSYNCD: ` and a version.
pub(super) fn rsync(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(RSYNC, sample, |data| begins(data, b"@RSYNCD: "));
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Version,
            first_line(sample.client).trim_start_matches("@RSYNCD: "),
        );
    }
    verdict
}

/// RFC 7143, section 11.12: a login request or response.
pub(super) fn iscsi(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(ISCSI, sample, |data| {
        let (code, length) = (octet(data, 0)?, be32(data, 4)?);
        let is_login =
            matches!(code, 0x43 | 0x03) && octet(data, 2)? == 0 && octet(data, 3)? == 0 && octet(data, 4)? == 0;
        Some(is_login && length & 0x00ff_ffff <= 8_192 && contains(data.get(48..)?, b"Initiator"))
    });
    if let Verdict::Is(..) = verdict
        && let Some(at) = sample.client.windows(14).position(|window| window == b"InitiatorName=")
    {
        l7.details.set(
            DetailKey::Agent,
            first_line(sample.client.get(at + 14..).unwrap_or_default()),
        );
    }
    verdict
}

/// LNet's connection requests on its port, and its messages.
pub(super) fn lustre(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(LUSTRE, sample, |data| {
        let is_request = matches!(be32(data, 0)?, 0x0071_ceac | 0x6369_7245 | 0x4572_6963);
        let is_message = matches!(le32(data, 0)?, 0xc0 | 0xc1)
            && le32(data, 4)? == 0
            && be64_is_zero(data, 8)?
            && on_port(sample, &[988]);
        Some(is_request || is_message)
    })
}

fn be64_is_zero(data: &[u8], at: usize) -> Option<bool> {
    super::octets::be64(data, at).map(|number| number == 0)
}

/// `ceph v2` or `ceph v0`.
pub(super) fn ceph(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(CEPH, sample, |data| begins(data, b"ceph v"))
}

/// Canon's printer discovery.
pub(super) fn bjnp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(BJNP, sample, |data| {
        begins_any(data, &[b"BJNP", b"BJNB", b"MFNP", b"BNJP"])
    })
}

/// RFC 1179, section 5: a command octet, a queue's name, a line end.
pub(super) fn lpd(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[515]) {
        return Verdict::No;
    }
    stream(LPD, sample, |data| {
        let end = data.iter().position(|octet| *octet == b'\n')?;
        let name = data.get(1..end)?;
        Some((1..=5).contains(&octet(data, 0)?) && !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
    })
}

/// HTTP over datagrams: searches, announcements and answers of UPnP.
pub(super) fn ssdp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(SSDP, sample, |data| {
        let is_answer =
            begins(data, b"HTTP/1.1 200 OK")? && (header(data, "st").is_some() || header(data, "usn").is_some());
        Some(is_answer || begins_any(data, &[b"M-SEARCH * HTTP/1", b"NOTIFY * HTTP/1"])?)
    });
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Agent,
            header(sample.client, "user-agent").unwrap_or_default(),
        );
        l7.details.set(
            DetailKey::Server,
            [sample.client, sample.server]
                .into_iter()
                .find_map(|side| header(side, "server"))
                .unwrap_or_default(),
        );
    }
    verdict
}

/// RFC 2608, section 8: version 2, a function and a length; version 1 of RFC 2165.
pub(super) fn slp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[427]) {
        return Verdict::No;
    }
    either(SLP, sample, |data| {
        let (version, function) = (octet(data, 0)?, octet(data, 1)?);
        Some(match version {
            1 => (1..=10).contains(&function) && data.len() >= 12,
            2 => (1..=11).contains(&function) && data.len() >= 14 && be16(data, 12).is_some(),
            _ => false,
        })
    })
}

/// SOAP over UDP on its port.
pub(super) fn wsd(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[3702]) {
        return Verdict::No;
    }
    either(WSD, sample, |data| {
        begins_any(data, &[b"<?xml", b"<soap", b"<s:Env", b"<SOAP"])
    })
}

/// A version, a code and a length that is the datagram's.
pub(super) fn xdmcp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[177]) {
        return Verdict::No;
    }
    datagram(XDMCP, sample, |data| {
        Some(be16(data, 0)? == 1 && (1..=14).contains(&be16(data, 2)?) && usize::from(be16(data, 4)?) + 6 == data.len())
    })
}

/// The announcements of Dropbox to its local network.
pub(super) fn dropbox(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(DROPBOX, sample, |data| {
        let is_announcement =
            octet(data, 0)? == b'{' && contains(data, b"\"host_int\":") && contains(data, b"\"namespaces\"");
        Some(is_announcement || on_port(sample, &[17_500]) && contains(data, b"host_int"))
    })
}

/// Local discovery's magic numbers, and the blocks' of a relay.
pub(super) fn syncthing(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(SYNCTHING, sample, |data| {
        Some(matches!(be32(data, 0)?, 0x2ea7_d90b | 0x9d79_bc40 | 0x9e79_bc40))
    })
}

/// The greeting of a Munin node.
pub(super) fn munin(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(MUNIN, sample, |data| begins(data, b"# munin node at "));
    if let Verdict::Is(..) = verdict {
        let greeting = [sample.server, sample.client]
            .map(first_line)
            .into_iter()
            .find(|line| line.starts_with("# munin"));
        l7.details
            .set(DetailKey::Server, greeting.unwrap_or_default().trim_start_matches("# "));
    }
    verdict
}

/// The first section of a Checkmk agent.
pub(super) fn check_mk(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(CHECK_MK, sample, |data| begins(data, b"<<<check_mk>>>"))
}

/// `ZBXD`.
pub(super) fn zabbix(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(ZABBIX, sample, |data| {
        begins_any(data, &[b"ZBXD\x01", b"ZBXD\x03", b"ZBXD\x05"])
    })
}

/// `JRMI` and a version.
pub(super) fn java_rmi(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(JAVA_RMI, sample, |data| {
        begins_any(data, &[b"JRMI\x00\x01", b"JRMI\x00\x02"])
    })
}

/// A length in hexadecimal digits, then the service.
pub(super) fn git(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(GIT, sample, |data| {
        begins_any(
            data.get(4..)?,
            &[b"git-upload-pack ", b"git-receive-pack ", b"git-upload-archive "],
        )
    });
    if let Verdict::Is(..) = verdict {
        l7.details
            .set(DetailKey::Path, first_line(sample.client.get(4..).unwrap_or_default()));
    }
    verdict
}

/// The greeting of a Subversion server.
pub(super) fn svn(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(SVN, sample, |data| {
        begins_any(data, &[b"( success ( ", b"( 2 ( edit-pipeline "])
    })
}

/// RFC 3912: one line asks, text answers; on its port.
pub(super) fn whois(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    line_asked(WHOIS, 43, sample, l7)
}

/// RFC 1288: one line asks, text answers; on its port.
pub(super) fn finger(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    line_asked(FINGER, 79, sample, l7)
}

fn line_asked(app: App, port: u16, sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    if !on_port(sample, &[port]) {
        return Verdict::No;
    }
    let verdict = stream(app, sample, |data| {
        let end = data.iter().position(|octet| *octet == b'\n');
        let line = data.get(..end.unwrap_or(data.len()))?;
        let is_text = line
            .iter()
            .all(|octet| *octet >= b' ' || matches!(octet, b'\r' | b'\t'));
        if is_text { end.map(|_| true) } else { Some(false) }
    });
    if let Verdict::Is(..) = verdict {
        l7.details.set(DetailKey::Path, first_line(sample.client));
    }
    verdict
}

/// RFC 3977: a greeting of 200 or 201, and a command of news readers.
pub(super) fn nntp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let greeting = |data: &[u8]| begins_any(data, &[b"200 ", b"201 "]);
    let command = |data: &[u8]| {
        begins_any(
            data,
            &[
                b"MODE READER",
                b"AUTHINFO ",
                b"GROUP ",
                b"LIST ACTIVE",
                b"XOVER ",
                b"CAPABILITIES\r\n",
                b"LIST\r\n",
            ],
        )
    };
    let is =
        |a: &[u8], b: &[u8]| greeting(a) == Some(true) && (command(b) == Some(true) || on_port(sample, &[119, 433]));
    if is(sample.client, sample.server) || is(sample.server, sample.client) {
        let greeting = if greeting(sample.client) == Some(true) {
            sample.client
        } else {
            sample.server
        };
        l7.details.set(DetailKey::Server, first_line(greeting));
        return parsed(NNTP);
    }
    stream(NNTP, sample, |data| match greeting(data) {
        Some(true) => None,
        other => other,
    })
}

/// RFC 2812: a client registers, or a server gives notice.
pub(super) fn irc(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(IRC, sample, |data| {
        if begins_any(data, &[b"NICK ", b"CAP LS", b"CAP REQ", b"NOTICE AUTH ", b"NOTICE * "])? {
            return Some(true);
        }
        let is_server = octet(data, 0)? == b':'
            && [
                &b" NOTICE "[..],
                b" 001 ",
                b" PRIVMSG ",
                b" 020 ",
                b" PONG ",
                b" JOIN ",
                b" 433 ",
            ]
            .iter()
            .any(|word| contains(data.get(..80).unwrap_or(data), word));
        let is_user = begins(data, b"USER ")? && contains(data, b" :") && contains(data, b"\n");
        let is_pass = begins(data, b"PASS ")? && contains(data, b"\nNICK ");
        Some(is_server || is_user || is_pass)
    });
    if let Verdict::Is(..) = verdict {
        let nick = text(sample.client)
            .split("NICK ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        l7.details.set(DetailKey::User, nick.unwrap_or_default());
    }
    verdict
}
