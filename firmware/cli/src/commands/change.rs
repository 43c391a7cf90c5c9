//! Commands that change settings.

use super::{Action, Command, command};

/// What changes settings.
pub(super) const CHANGE: &[Command] = &[
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
        "set management vlan VLAN",
        Action::SetVlan,
        true,
        (
            "tag the management port's traffic (802.1Q)",
            "管理口流量使用 802.1Q VLAN 标签",
        ),
    ),
    command(
        "set management vlan off",
        Action::SetVlanOff,
        true,
        ("no tag on the management port", "管理口不使用 VLAN 标签"),
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
        "set port PORT rings RINGS",
        Action::SetPortRings,
        false,
        (
            "capture rings of a port, each with a thread of its own",
            "设置采集环数，每个环一个线程",
        ),
    ),
    command(
        "set port PORT rings automatic",
        Action::SetPortRingsAutomatic,
        false,
        (
            "as many rings as port and processors call for",
            "采集环数由端口和处理器决定",
        ),
    ),
    command(
        "set application-logs on|off",
        Action::SetApplicationLogs,
        false,
        (
            "make a line for each transaction seen on the capture ports, or none",
            "为采集口看到的每次交互记一行，或关闭",
        ),
    ),
    command(
        "set signatures add TEXT...",
        Action::AddSignature,
        false,
        (
            "one rule more, such as: app erp host erp.example.com",
            "增加一条特征，例如 app erp host erp.example.com",
        ),
    ),
    command(
        "set signatures clear",
        Action::ClearSignatures,
        false,
        (
            "take all added signatures away; the built-in ones stay",
            "删除添加的特征，内置特征保留",
        ),
    ),
    command(
        "import signatures",
        Action::ImportSignatures,
        false,
        (
            "replace the added signatures by lines that are read until the end of input",
            "用随后输入的各行替换添加的特征，直到输入结束",
        ),
    ),
    command(
        "set metrics token",
        Action::SetMetricsToken,
        false,
        (
            "make a token with which Prometheus reads metrics; the one before it is void",
            "生成 Prometheus 抓取指标用的令牌，之前的令牌失效",
        ),
    ),
    command(
        "set metrics off",
        Action::SetMetricsOff,
        false,
        ("answer no metrics", "停用指标接口"),
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
        "set retention records|seconds|minutes|rollups|logs|transactions|packets [age AGE] [gb GB]",
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
];
