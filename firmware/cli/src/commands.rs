//! The commands: one table that parsing, help and completion read.
//!
//! In a pattern a lower-case word is typed as it is, `a|b` is a choice, an upper-case word is a value, `X...` is one
//! or more of them, and `[word X]` may be left out.

use crate::lang::Text;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    ShowVersion,
    ShowSystem,
    ShowServices,
    ShowPorts,
    ShowLinks,
    ShowTop,
    ShowFlows,
    ShowCapture,
    ShowStorage,
    ShowExporters,
    ShowExporter,
    ShowPending,
    ShowInterfaces,
    ShowDevice,
    ShowLogs,
    ShowCollection,
    ShowSettings,
    ShowApplications,
    ShowBusinesses,
    ShowGroups,
    ShowRetention,
    SetExporter,
    DeleteExporter,
    SetCommunity,
    SetSnmpUser,
    DeleteSnmp,
    SetCollectionPort,
    SetCollectionPortManagement,
    SetDiscovery,
    TestSnmp,
    SetApplication,
    AddToApplication,
    SetBusiness,
    AddToBusiness,
    SetIpGroup,
    SetInterfaceGroup,
    SetLinkGroup,
    RenameObject,
    DeleteObject,
    SetRetention,
    SetFull,
    SetHostname,
    SetLanguage,
    AddSshKey,
    ClearSshKeys,
    SetHomeNetworks,
    SetIpv4Dhcp,
    SetIpv4Static,
    SetIpv6Mode,
    SetIpv6Static,
    SetDns,
    SetDnsAutomatic,
    SetPortDirection,
    SetPortCapacity,
    SetPortCapacityAutomatic,
    SetPortLabel,
    Confirm,
    Password,
    Restart,
    Reboot,
    PowerOff,
    Help,
    Exit,
}

/// A command.
#[derive(Debug)]
pub(crate) struct Command {
    /// How it is written.
    pub(crate) pattern: &'static str,
    /// What it does.
    pub(crate) action: Action,
    /// The same for people.
    pub(crate) help: Text,
    /// Whether the physical console offers it before the first set-up.
    pub(crate) before_setup: bool,
}

const fn command(pattern: &'static str, action: Action, before_setup: bool, help: Text) -> Command {
    Command {
        pattern,
        action,
        help,
        before_setup,
    }
}

/// Every command.
pub(crate) const COMMANDS: [Command; 63] = [
    command(
        "show version",
        Action::ShowVersion,
        true,
        ("version, name and role", "版本、名称和角色"),
    ),
    command(
        "show system",
        Action::ShowSystem,
        true,
        (
            "state of the box: processor, memory, disks, troubles",
            "设备状态：处理器、内存、磁盘、告警",
        ),
    ),
    command(
        "show services",
        Action::ShowServices,
        true,
        ("services and how they run", "服务及其运行状态"),
    ),
    command(
        "show ports",
        Action::ShowPorts,
        true,
        ("network ports and addresses", "网络端口和地址"),
    ),
    command(
        "show links",
        Action::ShowLinks,
        false,
        ("monitored links and their traffic now", "监控链路及当前流量"),
    ),
    command(
        "show top hosts|protocols|apps|conversations [exporter EXPORTER] [last SECONDS] [limit COUNT]",
        Action::ShowTop,
        false,
        ("who or what carries most", "流量排行"),
    ),
    command(
        "show flows [exporter EXPORTER] [last SECONDS] [limit COUNT]",
        Action::ShowFlows,
        false,
        ("the newest flow records", "最新流记录"),
    ),
    command(
        "show capture",
        Action::ShowCapture,
        false,
        (
            "capture ports: losses, malformed frames, what waits",
            "采集状态：丢失、畸形帧、待确认记录",
        ),
    ),
    command(
        "show storage",
        Action::ShowStorage,
        false,
        ("records and windows on disk", "磁盘上的记录和统计窗"),
    ),
    command(
        "show exporters",
        Action::ShowExporters,
        false,
        (
            "exporters: when they were last seen, rates, losses, errors",
            "网元：最后收到时间、速率、丢失和错误",
        ),
    ),
    command(
        "show exporter EXPORTER",
        Action::ShowExporter,
        false,
        (
            "one exporter: streams, templates, errors",
            "单个网元：数据流、模板和错误",
        ),
    ),
    command(
        "show pending",
        Action::ShowPending,
        false,
        (
            "senders that are not registered, and what is received on which port",
            "待登记的发送者，以及各接收端口",
        ),
    ),
    command(
        "show interfaces [exporter EXPORTER]",
        Action::ShowInterfaces,
        false,
        (
            "interfaces of exporters and their use in and out",
            "网元的接口及其流入流出利用率",
        ),
    ),
    command(
        "show device EXPORTER",
        Action::ShowDevice,
        false,
        (
            "what SNMP says of an exporter: system, sensors, storage, neighbours",
            "网元的 SNMP 信息：系统、传感器、存储、邻居",
        ),
    ),
    command(
        "show logs [host TEXT] [exporter EXPORTER] [severity SEVERITY] [keyword TEXT] [last SECONDS] [limit COUNT]",
        Action::ShowLogs,
        false,
        (
            "syslog messages and SNMP traps, the newest first",
            "Syslog 消息和 SNMP Trap，最新的在前",
        ),
    ),
    command(
        "show collection",
        Action::ShowCollection,
        false,
        (
            "where exporters are received, discovery, SNMP credentials",
            "接收设置、发现模式和 SNMP 凭据",
        ),
    ),
    command(
        "show settings",
        Action::ShowSettings,
        true,
        ("the settings in force", "当前设置"),
    ),
    command(
        "show applications",
        Action::ShowApplications,
        false,
        ("applications that were defined", "自定义应用"),
    ),
    command(
        "show businesses",
        Action::ShowBusinesses,
        false,
        ("businesses and what belongs to them", "业务及其地址和端口"),
    ),
    command(
        "show groups",
        Action::ShowGroups,
        false,
        ("IP groups, interface groups and link groups", "IP 组、接口组和链路组"),
    ),
    command(
        "show retention",
        Action::ShowRetention,
        false,
        ("how long what is kept", "各类数据的保留期限"),
    ),
    command(
        "set hostname NAME",
        Action::SetHostname,
        false,
        ("name the box", "设置设备名称"),
    ),
    command(
        "set language zh-CN|en",
        Action::SetLanguage,
        true,
        ("language of console and command line", "设置控制台和命令行的语言"),
    ),
    command(
        "set ssh-keys add TEXT...",
        Action::AddSshKey,
        false,
        (
            "let in by an SSH key: the line of its .pub file",
            "添加 SSH 公钥：.pub 文件中的一行",
        ),
    ),
    command(
        "set ssh-keys clear",
        Action::ClearSshKeys,
        false,
        ("take all SSH keys away", "删除所有 SSH 公钥"),
    ),
    command(
        "set home-networks NETWORK...",
        Action::SetHomeNetworks,
        false,
        ("the networks that count as inside", "设置内网网段"),
    ),
    command(
        "set management ipv4 dhcp",
        Action::SetIpv4Dhcp,
        true,
        ("management address from a DHCP server", "管理口通过 DHCP 获取地址"),
    ),
    command(
        "set management ipv4 static ADDRESS4/LENGTH [gateway ADDRESS4]",
        Action::SetIpv4Static,
        true,
        ("fixed management address", "设置管理口固定 IPv4 地址"),
    ),
    command(
        "set management ipv6 auto|off",
        Action::SetIpv6Mode,
        true,
        ("IPv6 by router advertisements, or none", "管理口 IPv6 自动配置或关闭"),
    ),
    command(
        "set management ipv6 static ADDRESS6/LENGTH [gateway ADDRESS6]",
        Action::SetIpv6Static,
        true,
        ("fixed management address", "设置管理口固定 IPv6 地址"),
    ),
    command(
        "set management dns ADDRESS...",
        Action::SetDns,
        true,
        ("name servers, at most 3", "设置域名服务器，最多 3 个"),
    ),
    command(
        "set management dns automatic",
        Action::SetDnsAutomatic,
        true,
        ("name servers from DHCP or the router", "自动获取域名服务器"),
    ),
    command(
        "set port PORT direction home-networks|in|out",
        Action::SetPortDirection,
        false,
        (
            "how in and out are told apart on a capture port",
            "设置采集口的流入流出判定方式",
        ),
    ),
    command(
        "set port PORT capacity SPEED",
        Action::SetPortCapacity,
        false,
        ("capacity of the mirrored link", "设置被镜像链路的容量"),
    ),
    command(
        "set port PORT capacity automatic",
        Action::SetPortCapacityAutomatic,
        false,
        ("capacity is the port's own speed", "链路容量取端口速率"),
    ),
    command(
        "set port PORT label TEXT...",
        Action::SetPortLabel,
        false,
        ("name the link; \"\" takes the name away", "设置链路名称；\"\" 清除名称"),
    ),
    command(
        "set exporter EXPORTER address ADDRESS,... [sampling RATE] [snmp CREDENTIALS]",
        Action::SetExporter,
        false,
        (
            "register an exporter, or change the one of that name; snmp off: do not poll it",
            "登记网元，或修改同名网元；snmp off 表示不轮询",
        ),
    ),
    command(
        "delete exporter EXPORTER",
        Action::DeleteExporter,
        false,
        (
            "remove an exporter; what is stored of it stays",
            "删除网元，已保存的数据保留",
        ),
    ),
    command(
        "set snmp CREDENTIALS v1|v2c",
        Action::SetCommunity,
        false,
        (
            "SNMP credentials with a community, which is asked for",
            "SNMP 团体名凭据，团体名将另行询问",
        ),
    ),
    command(
        "set snmp CREDENTIALS v3 TEXT [auth AUTHENTICATION] [privacy PRIVACY]",
        Action::SetSnmpUser,
        false,
        (
            "SNMPv3 credentials of a user; the passwords are asked for",
            "SNMPv3 用户凭据，密码将另行询问",
        ),
    ),
    command(
        "delete snmp CREDENTIALS",
        Action::DeleteSnmp,
        false,
        ("remove SNMP credentials", "删除 SNMP 凭据"),
    ),
    command(
        "set application APPLICATION [protocol PROTOCOL] [ports PORT,...] [addresses RANGE,...]",
        Action::SetApplication,
        false,
        (
            "define an application by what it is served at, or define it anew",
            "按服务端定义应用，或重新定义",
        ),
    ),
    command(
        "set application APPLICATION add [protocol PROTOCOL] [ports PORT,...] [addresses RANGE,...]",
        Action::AddToApplication,
        false,
        ("it is served there as well", "为应用增加一个服务端"),
    ),
    command(
        "set business BUSINESS [protocol PROTOCOL] [ports PORT,...] [addresses RANGE,...]",
        Action::SetBusiness,
        false,
        (
            "define a business by what it is served at, or define it anew",
            "按服务端定义业务，或重新定义",
        ),
    ),
    command(
        "set business BUSINESS add [protocol PROTOCOL] [ports PORT,...] [addresses RANGE,...]",
        Action::AddToBusiness,
        false,
        ("it is served there as well", "为业务增加一个服务端"),
    ),
    command(
        "set group GROUP addresses RANGE,...",
        Action::SetIpGroup,
        false,
        ("put addresses under one name", "定义 IP 组"),
    ),
    command(
        "set interface-group INTERFACE-GROUP interfaces INTERFACE...",
        Action::SetInterfaceGroup,
        false,
        ("put interfaces of exporters under one name", "定义接口组"),
    ),
    command(
        "set link-group LINK-GROUP links LINK...",
        Action::SetLinkGroup,
        false,
        ("put capture ports or exporters under one name", "定义链路组"),
    ),
    command(
        "rename application|business|group|interface-group|link-group OBJECT TEXT",
        Action::RenameObject,
        false,
        ("give it another name; it stays what it is", "改名，其余不变"),
    ),
    command(
        "delete application|business|group|interface-group|link-group OBJECT",
        Action::DeleteObject,
        false,
        (
            "take a definition away; what is stored stays",
            "删除定义，已保存的数据保留",
        ),
    ),
    command(
        "set retention records|seconds|minutes|rollups|logs|packets [age AGE] [gb GB]",
        Action::SetRetention,
        false,
        (
            "how long and how much is kept; what is reached first removes the oldest",
            "设置保留时间和容量，先到者删除最旧数据",
        ),
    ),
    command(
        "set retention full PERCENT",
        Action::SetFull,
        false,
        (
            "from this share of the disk on the oldest is removed",
            "磁盘用量达到该比例时删除最旧数据",
        ),
    ),
    command(
        "set collection port PORT",
        Action::SetCollectionPort,
        false,
        (
            "receive exporters on a port of their own, which captures no more",
            "用专用网口接收网元数据，该口不再采集",
        ),
    ),
    command(
        "set collection port management",
        Action::SetCollectionPortManagement,
        false,
        ("receive exporters on the management port", "用管理口接收网元数据"),
    ),
    command(
        "set discovery on|off",
        Action::SetDiscovery,
        false,
        (
            "list senders that are not registered, or drop them unseen",
            "列出未登记的发送者，或直接丢弃",
        ),
    ),
    command(
        "test snmp EXPORTER",
        Action::TestSnmp,
        false,
        ("ask an exporter's SNMP agent now", "立即询问网元的 SNMP 代理"),
    ),
    command(
        "confirm",
        Action::Confirm,
        true,
        ("keep a change of the management network", "确认管理网络的更改"),
    ),
    command(
        "password",
        Action::Password,
        false,
        ("change the administrator's password", "修改管理员密码"),
    ),
    command(
        "restart collector|analyzer|console",
        Action::Restart,
        false,
        ("restart one of the programs", "重启一个程序"),
    ),
    command("reboot", Action::Reboot, true, ("restart the box", "重启设备")),
    command("poweroff", Action::PowerOff, true, ("shut the box down", "关闭设备")),
    command("help", Action::Help, true, ("all commands", "列出所有命令")),
    command("exit", Action::Exit, true, ("leave", "退出")),
];

/// What a word leads to, where several commands share it.
pub(crate) const WORDS: &[(&str, Text)] = &[
    ("show", ("show state and traffic", "查看状态和流量")),
    ("set", ("change settings", "修改设置")),
    ("restart", ("restart one of the programs", "重启一个程序")),
    ("top", ("who or what carries most", "流量排行")),
    ("management", ("addresses of the management port", "管理口地址")),
    ("ssh-keys", ("SSH keys of the administrator", "管理员的 SSH 公钥")),
    ("port", ("a capture port", "采集口")),
    ("ipv4", ("IPv4 addresses", "IPv4 地址")),
    ("ipv6", ("IPv6 addresses", "IPv6 地址")),
    ("dns", ("name servers", "域名服务器")),
    ("capacity", ("capacity of the mirrored link", "被镜像链路的容量")),
    ("direction", ("how in and out are told apart", "流入流出判定方式")),
    ("last", ("of so many seconds until now", "最近若干秒")),
    ("limit", ("at most so many rows", "最多行数")),
    ("gateway", ("the default gateway", "默认网关")),
    ("delete", ("take out of the settings", "从设置中删除")),
    ("test", ("try something now", "立即测试")),
    (
        "exporter",
        (
            "an exporter by name or address; of traffic also `all`",
            "按名称或地址指定网元；流量查询可用 all",
        ),
    ),
    ("snmp", ("SNMP credentials", "SNMP 凭据")),
    ("collection", ("how exporters are received", "网元接收设置")),
    ("address", ("the addresses that it sends from", "发送数据所用的地址")),
    ("sampling", ("one packet in so many is sampled", "采样率")),
    ("auth", ("how messages are authenticated", "认证算法")),
    ("privacy", ("how messages are encrypted", "加密算法")),
    (
        "host",
        ("of a host: a part of its name or address", "主机名或地址的一部分"),
    ),
    ("severity", ("at least so grave", "级别及以上")),
    ("keyword", ("with this word", "包含关键字")),
    ("v1", ("SNMPv1", "SNMPv1")),
    ("v2c", ("SNMPv2c", "SNMPv2c")),
    ("v3", ("SNMPv3", "SNMPv3")),
    ("hosts", ("addresses", "主机")),
    ("protocols", ("protocols", "协议")),
    ("apps", ("applications", "应用")),
    ("conversations", ("pairs of addresses", "会话")),
    ("application", ("an application", "应用")),
    ("business", ("a business", "业务")),
    ("group", ("an IP group", "IP 组")),
    ("interface-group", ("an interface group", "接口组")),
    ("link-group", ("a link group", "链路组")),
    ("retention", ("how long what is kept", "数据保留期限")),
    ("rename", ("give an object another name", "为对象改名")),
    ("add", ("one more that it is served at", "增加一个服务端")),
    ("protocol", ("of an IP protocol", "IP 协议")),
    ("ports", ("of these ports", "端口")),
    ("addresses", ("of these addresses", "地址")),
    ("age", ("for so long", "保留时间")),
    ("gb", ("so much at most", "最大容量")),
    ("full", ("when the disk counts as full", "磁盘视为已满的比例")),
];
