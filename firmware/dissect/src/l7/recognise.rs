//! The recognisers of all protocols that have no reader of their own.
//!
//! Each is a function of a flow's first octets. Content decides: ports say who is asked first, and are required only of
//! protocols whose octets alone are too plain.

mod calls;
mod chats;
mod databases;
mod files;
mod games;
mod industry;
mod network;
mod octets;
mod peers;
mod remote;
#[cfg(test)]
mod tests;
mod tunnels;

use model::{App, L7};

use super::sample::{Recogniser, SCTP, Sample, TCP, UDP, Verdict};

const BOTH: u8 = TCP | UDP;

/// A line of the table.
const fn on(
    name: &'static str,
    transports: u8,
    ports: &'static [u16],
    check: fn(&Sample<'_>, &mut L7) -> Verdict,
) -> Recogniser {
    Recogniser {
        app: App::named(name),
        transports,
        ports,
        only: &[],
        streams: &[],
        datagrams: &[],
        check,
    }
}

impl Recogniser {
    /// On these ports alone.
    const fn only(self, ports: &'static [u16]) -> Self {
        Self { only: ports, ..self }
    }

    /// Of streams that begin with one of these octets.
    const fn streams(self, first: &'static [u8]) -> Self {
        Self { streams: first, ..self }
    }

    /// Of datagrams that begin with one of these octets.
    const fn datagrams(self, first: &'static [u8]) -> Self {
        Self {
            datagrams: first,
            ..self
        }
    }
}

/// The first octets of an Oracle connection: the high one of a length of at most 8,192.
const UP_TO_8192: &[u8] = &{
    let mut octets = [0; 0x21];
    let mut at = 0;
    while at < 0x21_u8 {
        octets[at as usize] = at;
        at += 1;
    }
    octets
};

/// What TLS on a server's port carries, where the port is registered for that: IMAP, LDAP …
pub(crate) fn behind_tls(port: u16) -> Option<App> {
    const PORTS: &[(u16, App)] = &[
        (465, App::named("smtp")),
        (563, App::named("nntp")),
        (636, App::named("ldap")),
        (853, App::named("dns-over-tls")),
        (990, App::named("ftp")),
        (992, App::named("telnet")),
        (993, App::named("imap")),
        (995, App::named("pop3")),
        (3269, App::named("ldap")),
        (5061, App::named("sip")),
        (5671, App::named("amqp")),
        (6514, App::named("syslog")),
        (6697, App::named("irc")),
        (8883, App::named("mqtt")),
    ];
    PORTS.iter().find(|(of, _)| *of == port).map(|(_, app)| *app)
}

/// All of them. Protocols with long marks come before those with short ones.
pub(crate) static ALL: &[Recogniser] = &[
    // Long marks: no other protocol begins so.
    on("smb", TCP, &[445, 139], files::smb).streams(b"\x00\x81\x82"),
    on("rsync", TCP, &[873], files::rsync).streams(b"@"),
    on("vnc", TCP, &[5900, 5901], remote::vnc).streams(b"R"),
    on("bgp", TCP, &[179], network::bgp).streams(b"\xff"),
    on("amqp", TCP, &[5672], databases::amqp).streams(b"\x01A"),
    on("pptp", TCP, &[1723], tunnels::pptp),
    on("postgresql", TCP, &[5432], databases::postgresql).streams(b"\0"),
    on("sip", BOTH, &[5060, 5061], calls::sip)
        .streams(b"\r\n\0IROBACSNMPUh")
        .datagrams(b"\r\n\0IROBACSNMPUh"),
    on("rtsp", BOTH, &[554, 8554], calls::rtsp)
        .streams(b"ODSPTARG")
        .datagrams(b"ODSPTARG"),
    on("ssdp", UDP, &[1900], files::ssdp).datagrams(b"HMN"),
    on("mqtt", TCP, &[1883], databases::mqtt)
        .streams(b"\x10\x200123456789:;<=>?\x40\x50\x62\x70\x82\x90\xa2\xb0\xc0\xd0\xe0"),
    on("cassandra", TCP, &[9042], databases::cassandra).streams(b"\x01\x02\x03\x04\x05\x81\x82\x83\x84\x85"),
    on("stomp", TCP, &[61_613], databases::stomp).streams(b"CSMREAD"),
    on("openwire", TCP, &[61_616], databases::openwire),
    on("nats", TCP, &[4222], databases::nats).streams(b"IC"),
    on("clickhouse", TCP, &[9000], databases::clickhouse).streams(b"\0"),
    on("neo4j", TCP, &[7687], databases::neo4j).streams(b"\x60"),
    on("sap-hana", TCP, &[30_015, 30_013], databases::hana).streams(b"\xff"),
    on("elasticsearch", TCP, &[9300], databases::elasticsearch).streams(b"E"),
    on("ceph", TCP, &[6789, 3300], files::ceph).streams(b"c"),
    on("iscsi", TCP, &[3260], files::iscsi).streams(b"\x43\x03"),
    on("git", TCP, &[9418], files::git),
    on("svn", TCP, &[3690], files::svn).streams(b"("),
    on("munin", TCP, &[4949], files::munin).streams(b"#"),
    on("check-mk", TCP, &[6556], files::check_mk).streams(b"<"),
    on("zabbix", TCP, &[10_050, 10_051], files::zabbix).streams(b"Z"),
    on("java-rmi", TCP, &[1099], files::java_rmi).streams(b"J"),
    on("citrix", TCP, &[1494, 2598], remote::citrix).streams(b"\x7f\x1a"),
    on("spice", TCP, &[5930], remote::spice).streams(b"R"),
    on("hl7", TCP, &[2575], industry::hl7).streams(b"\x0b"),
    on("opcua", TCP, &[4840], industry::opcua).streams(b"HAEOMR"),
    on("xmpp", TCP, &[5222, 5269], calls::xmpp).streams(b"<"),
    on("netconf", TCP, &[830], tunnels::netconf).streams(b"<"),
    on("bjnp", BOTH, &[8611, 8612], files::bjnp)
        .streams(b"BM")
        .datagrams(b"BM"),
    on("rtps", BOTH, &[7400, 7410], industry::rtps)
        .streams(b"R")
        .datagrams(b"R"),
    on("can", BOTH, &[11_898], industry::can).streams(b"I").datagrams(b"I"),
    on("ethersio", UDP, &[6060], industry::ethersio).datagrams(b"E"),
    on("yojimbo", UDP, &[40_000], games::yojimbo).datagrams(b"\0"),
    on("raknet", UDP, &[19_132], games::raknet),
    on("roblox", UDP, &[], games::roblox).datagrams(b"\xff"),
    on("steam", BOTH, &[27_015, 27_036], games::steam).datagrams(b"\xffV"),
    on("tailscale", UDP, &[41_641], tunnels::tailscale).datagrams(b"T"),
    on("teamspeak", BOTH, &[9987, 2010], chats::teamspeak)
        .streams(b"T")
        .datagrams(b"T\x01"),
    on("spotify", BOTH, &[4070, 57_621], chats::spotify)
        .streams(b"\0")
        .datagrams(b"S"),
    on("dropbox", UDP, &[17_500], files::dropbox),
    on("syncthing", BOTH, &[21_027], files::syncthing)
        .streams(b"\x2e\x9d\x9e")
        .datagrams(b"\x2e\x9d\x9e"),
    on("agora", UDP, &[8130], chats::agora),
    on("avast", TCP, &[80], chats::avast).streams(b"N"),
    on("aliyun", TCP, &[8999], chats::aliyun).streams(b"\xce"),
    on("mgcp", UDP, &[2427, 2727], calls::mgcp).datagrams(b"ECMDRNA"),
    on("dnscrypt", BOTH, &[443, 5353], tunnels::dnscrypt),
    on("gnutella", BOTH, &[6346], peers::gnutella)
        .streams(b"G")
        .datagrams(b"G"),
    on("bittorrent", BOTH, &[6881], peers::bittorrent).streams(b"\x13G\0"),
    on("softether", BOTH, &[5004, 5555], tunnels::softether).streams(b"PG"),
    on("ultrasurf", TCP, &[443], tunnels::ultrasurf).streams(b"\x16"),
    on("stratum", TCP, &[3333], tunnels::stratum).streams(b"{"),
    on("speedtest", TCP, &[8080], chats::speedtest).streams(b"H"),
    on("zug", UDP, &[19_000], peers::zug),
    on("genshin-impact", BOTH, &[22_101, 22_102], games::genshin),
    on("tuya", BOTH, &[6667, 6668], chats::tuya)
        .streams(b"\0")
        .datagrams(b"\0"),
    on("hart-ip", BOTH, &[5094], industry::hart_ip)
        .streams(b"\x01\x02")
        .datagrams(b"\x01\x02"),
    on("dicom", TCP, &[104, 11_112], industry::dicom).streams(b"\x01\x02"),
    on("trdp", BOTH, &[17_224, 17_225], industry::trdp),
    on("wechat", TCP, &[80, 443, 8080], chats::wechat).streams(b"\0\x15\x16\x17\x18\x19"),
    on("whatsapp", TCP, &[5222, 443], chats::whatsapp).streams(b"WE"),
    on("tank-gauge", TCP, &[10_001], industry::tank_gauge).streams(b"\x01I"),
    // Messages whose fields agree with each other.
    on("dhcp", UDP, &[67, 68], network::dhcp).datagrams(b"\x01\x02"),
    on("stun", BOTH, &[3478, 3479], calls::stun),
    on("snmp", UDP, &[161, 162], network::snmp).datagrams(b"\x30"),
    on("kerberos", BOTH, &[88], files::kerberos)
        .streams(b"\0")
        .datagrams(b"\x6a\x6b\x6c\x6d\x6e\x6f\x74\x75\x76\x7e"),
    on("ldap", BOTH, &[389, 3268], files::ldap)
        .streams(b"\x30")
        .datagrams(b"\x30"),
    on("mongodb", TCP, &[27_017], databases::mongodb),
    on("mysql", TCP, &[3306], databases::mysql),
    on("oracle", TCP, &[1521], databases::oracle).streams(UP_TO_8192),
    on("mssql", BOTH, &[1433, 1434], databases::mssql).streams(b"\x01\x02\x03\x04\x06\x07\x0e\x0f\x10\x11\x12"),
    on("db2", TCP, &[50_000], databases::db2),
    on("redis", TCP, &[6379], databases::redis).streams(b"*+-$"),
    on("memcached", BOTH, &[11_211], databases::memcached).streams(b"gsardvifSVNE\x80\x81"),
    on("zookeeper", TCP, &[2181], databases::zookeeper).only(&[2181, 2182]),
    on("kafka", TCP, &[9092], databases::kafka),
    on("nfs", BOTH, &[2049], files::nfs),
    on("rpcbind", BOTH, &[111], files::rpcbind),
    on("msrpc", TCP, &[135], files::msrpc).streams(b"\x05"),
    on("profinet", UDP, &[34_964], files::profinet).datagrams(b"\x04"),
    on("rdp", BOTH, &[3389], remote::rdp).streams(b"\x03"),
    on("s7comm", TCP, &[102], industry::s7comm).streams(b"\x03"),
    on("iec61850-mms", TCP, &[102], industry::mms).streams(b"\x03"),
    on("h323", TCP, &[1720], calls::h323).streams(b"\x03"),
    on("x11", TCP, &[6000], remote::x11).streams(b"lB"),
    on("afp", TCP, &[548], files::afp).streams(b"\x00\x01"),
    on("lustre", TCP, &[988], files::lustre).streams(b"\0\x63\x45\xc0\xc1"),
    on("ajp", TCP, &[8009], tunnels::ajp).streams(b"\x12A"),
    on("fastcgi", TCP, &[9000], tunnels::fastcgi).streams(b"\x01"),
    on("tacacs", TCP, &[49], network::tacacs).streams(b"\xc0\xc1"),
    on("diameter", TCP | SCTP, &[3868], network::diameter),
    on("openflow", TCP, &[6653, 6633], network::openflow).streams(b"\x01\x02\x03\x04\x05\x06"),
    on("bmp", TCP, &[1790, 11_019], network::bmp).streams(b"\x03"),
    on("ldp", BOTH, &[646], network::ldp).streams(b"\0").datagrams(b"\0"),
    on("irc", TCP, &[6667], files::irc).streams(b"NC:UP"),
    on("nntp", TCP, &[119], files::nntp).streams(b"2"),
    on("modbus", TCP, &[502], industry::modbus),
    on("dnp3", BOTH, &[20_000], industry::dnp3)
        .streams(b"\x05")
        .datagrams(b"\x05"),
    on("iec104", TCP, &[2404], industry::iec104).streams(b"\x68"),
    on("bacnet", UDP, &[47_808], industry::bacnet).datagrams(b"\x81"),
    on("ethernet-ip", BOTH, &[44_818, 2222], industry::ethernet_ip)
        .streams(b"\x02\x04\x63\x64\x65\x66\x6f\x70")
        .datagrams(b"\x02\x04\x63\x64\x65\x66\x6f\x70"),
    on("dlms", BOTH, &[4059], industry::dlms)
        .streams(b"\x7e\0")
        .datagrams(b"\x7e\0"),
    on("ansi-c1222", BOTH, &[1153], industry::c1222).only(&[1153]),
    on("synchrophasor", BOTH, &[4712, 4713], industry::synchrophasor)
        .streams(b"\xaa")
        .datagrams(b"\xaa"),
    on("someip", BOTH, &[30_490, 30_491], industry::someip),
    on("knx", UDP, &[3671], industry::knx).datagrams(b"\x06"),
    on("fins", BOTH, &[9600], industry::fins).streams(b"F"),
    on("coap", UDP, &[5683], industry::coap),
    on("jt808", TCP, &[808, 7611], industry::jt808),
    on("ntp", UDP, &[123], network::ntp),
    on("tftp", UDP, &[69], network::tftp),
    on("radius", UDP, &[1812, 1813], network::radius),
    on("syslog", BOTH, &[514], network::syslog).datagrams(b"<"),
    on("netflow", UDP, &[2055, 9995], network::netflow).datagrams(b"\0"),
    on("ipfix", UDP, &[4739], network::ipfix).datagrams(b"\0"),
    on("sflow", UDP, &[6343], network::sflow).datagrams(b"\0"),
    on("collectd", UDP, &[25_826], network::collectd).datagrams(b"\x00\x02"),
    on("roughtime", UDP, &[2002], network::roughtime)
        .datagrams(b"R\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
    on("wireguard", UDP, &[51_820], tunnels::wireguard),
    on("openvpn", BOTH, &[1194], tunnels::openvpn),
    on("ipsec", UDP, &[500, 4500], tunnels::ipsec),
    on("l2tp", UDP, &[1701], tunnels::l2tp),
    on("socks", TCP, &[1080], tunnels::socks),
    on("telnet", TCP, &[23], remote::telnet).streams(b"\xff"),
    on("teamviewer", BOTH, &[5938], remote::teamviewer)
        .streams(b"\x17\x11")
        .datagrams(b"\0"),
    on("edonkey", BOTH, &[4662, 4672], peers::edonkey).streams(b"\xe3\xc5\xd4"),
    on("nano", TCP, &[7075], peers::nano).streams(b"R"),
    on("kcp", UDP, &[], games::kcp),
    on("tencent-games", TCP, &[8085], games::tencent_games).streams(b"\x33\x43\x42\0"),
    on("discord", UDP, &[50_000], chats::discord).datagrams(b"\0"),
    on("qq", BOTH, &[8000], chats::qq).datagrams(b"\x02"),
    on("telegram", BOTH, &[443], chats::telegram),
    on("zoom", UDP, &[8801], chats::zoom).datagrams(b"\x01\x02\x03\x04\x05\x06\x07\x1f"),
    on("rtmp", TCP, &[1935], calls::rtmp).streams(b"\x03"),
    on("mpeg-ts", UDP, &[], calls::mpeg_ts).datagrams(b"\x47"),
    // Plain octets: on their ports alone.
    on("dhcpv6", UDP, &[546, 547], network::dhcpv6).only(&[546, 547]),
    on("netbios", BOTH, &[137, 138, 139], files::netbios).streams(b"\x81"),
    on("slp", BOTH, &[427], files::slp).only(&[427]),
    on("wsd", BOTH, &[3702], files::wsd).only(&[3702]),
    on("xdmcp", UDP, &[177], files::xdmcp).only(&[177]),
    on("afs", UDP, &[7001, 7002, 7003], files::afs),
    on("lpd", TCP, &[515], files::lpd).only(&[515]),
    on("whois", TCP, &[43], files::whois).only(&[43]),
    on("finger", TCP, &[79], files::finger).only(&[79]),
    on("rip", UDP, &[520], network::rip).only(&[520, 521]),
    on("bfd", UDP, &[3784], network::bfd).only(&[3784, 3785, 4784, 6784, 7784]),
    on("hsrp", UDP, &[1985, 2029], network::hsrp).only(&[1985, 2029]),
    on("lisp", BOTH, &[4341, 4342], network::lisp).only(&[4341, 4342]),
    on("capwap", UDP, &[5246, 5247], network::capwap).only(&[5246, 5247]),
    on("nat-pmp", UDP, &[5350, 5351], network::nat_pmp).only(&[5350, 5351]),
    on("vxlan", UDP, &[4789], tunnels::vxlan).only(&[4789, 8472]),
    on("geneve", UDP, &[6081], tunnels::geneve).only(&[6081]),
    on("gtp", UDP, &[2123, 2152], tunnels::gtp).only(&[2123, 2152, 3386]),
    on("pfcp", UDP, &[8805], tunnels::pfcp).only(&[8805]),
    on("teredo", UDP, &[3544], tunnels::teredo).only(&[3544]),
    on("zerotier", UDP, &[9993], tunnels::zerotier).only(&[9993]),
    on("skinny", TCP, &[2000], calls::skinny).only(&[2000, 2443]),
    on("iax", UDP, &[4569], calls::iax),
    on("ether-sbus", UDP, &[5050], industry::ether_sbus).only(&[5050]),
    on("egd", UDP, &[18_246], industry::egd).only(&[18_246]),
    on("minecraft", TCP, &[25_565], games::minecraft).only(&[25_565]),
    on("starcraft", BOTH, &[1119], games::starcraft).only(&[1119, 1120, 6113]),
    on("path-of-exile", TCP, &[6112], games::path_of_exile).only(&[6112, 20_481]),
    on("toca-boca", UDP, &[5055], games::toca_boca).only(&[5055, 5056, 5058]),
    on("war-thunder", UDP, &[20_011], games::war_thunder),
    on("viber", BOTH, &[4244, 7985], chats::viber).only(&[4244, 5242, 5243, 7985, 7987, 9785]),
    on("webex", UDP, &[9000], chats::webex),
    on("mumble", UDP, &[64_738], chats::mumble),
    // Several packets together.
    on("call-of-duty", UDP, &[3074, 7500], games::call_of_duty),
    on("league-of-legends", UDP, &[15_004], games::league),
    on("imo", UDP, &[], chats::imo),
    on("threema", TCP, &[5222], chats::threema).only(&[5222, 443]),
    on("rtcp", UDP, &[5005], calls::rtcp),
    on("rtp", UDP, &[5004], calls::rtp),
    on("websocket", TCP, &[], tunnels::websocket),
];
