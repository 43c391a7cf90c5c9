//! The commands: one list that parsing, help and completion read.
//!
//! In a pattern a lower-case word is typed as it is, `a|b` is a choice, an upper-case word is a value, `X...` is one
//! or more of them, and `[word X]` may be left out.

mod alarms;
mod change;
mod firmware;
mod hardware;
mod show;

use crate::lang::Text;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    ShowVersion,
    ShowSystem,
    ShowServices,
    ShowPorts,
    ShowLinks,
    ShowLinksDetail,
    ShowTop,
    ShowFlows,
    ShowTopBy,
    ShowRecords,
    ShowSeries,
    ShowTotals,
    ShowQuality,
    ShowStreams,
    ShowQualitySeries,
    ShowHost,
    ShowCapture,
    ShowStorage,
    ShowAlarms,
    ShowHardware,
    ShowSensors,
    ShowHardwareEvents,
    ShowDisks,
    LocateBay,
    LocateBayOff,
    TestDisk,
    AcknowledgeAlarm,
    ShowFirmware,
    ShowSticks,
    FetchFirmware,
    ReceiveFirmware,
    VerifyFirmware,
    InstallFirmware,
    InstallAnyway,
    CancelFirmware,
    RestartFirmware,
    ShowExporters,
    ShowExporter,
    ShowPending,
    ShowInterfaces,
    ShowDevice,
    ShowLogs,
    ShowApplog,
    ShowSignatures,
    ShowCollection,
    ShowSettings,
    ShowMetrics,
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
    SetVlan,
    SetVlanOff,
    SetPortDirection,
    SetPortCapacity,
    SetPortCapacityAutomatic,
    SetPortLabel,
    SetPortRings,
    SetPortRingsAutomatic,
    SetApplicationLogs,
    AddSignature,
    ClearSignatures,
    ImportSignatures,
    SetMetricsToken,
    SetMetricsOff,
    Confirm,
    Password,
    Restart,
    Reboot,
    PowerOff,
    FactoryReset,
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

/// What the box itself does.
const BOX: &[Command] = &[
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
        "restart collector|analyzer|console|hwmon",
        Action::Restart,
        false,
        ("restart one of the programs", "重启一个程序"),
    ),
];

/// What ends a session.
const END: &[Command] = &[
    command("help", Action::Help, true, ("all commands", "列出所有命令")),
    command("exit", Action::Exit, true, ("leave", "退出")),
];

/// Every command, in the order of help.
pub(crate) fn commands() -> impl Iterator<Item = &'static Command> {
    [
        show::SHOW,
        alarms::ALARMS,
        hardware::HARDWARE,
        change::CHANGE,
        BOX,
        firmware::FIRMWARE,
        END,
    ]
    .into_iter()
    .flatten()
}

/// What a word leads to, where several commands share it.
pub(crate) const WORDS: &[(&str, Text)] = &[
    ("show", ("show state and traffic", "查看状态和流量")),
    ("set", ("change settings", "修改设置")),
    ("restart", ("restart one of the programs", "重启一个程序")),
    ("top", ("who or what carries most", "流量排行")),
    ("management", ("addresses of the management port", "管理口地址")),
    ("firmware", ("what is installed, and updates", "固件与升级")),
    ("alarms", ("what is wrong, and what was", "当前告警与历史告警")),
    (
        "hardware",
        ("drives, supplies, fans and sensors", "磁盘、电源、风扇和传感器"),
    ),
    ("bay", ("a bay by the number on the chassis", "机箱上标注的槽位号")),
    ("at", ("at this time", "时间")),
    ("ssh-keys", ("SSH keys of the administrator", "管理员的 SSH 公钥")),
    ("port", ("a capture port", "采集口")),
    ("ipv4", ("IPv4 addresses", "IPv4 地址")),
    ("ipv6", ("IPv6 addresses", "IPv6 地址")),
    ("dns", ("name servers", "域名服务器")),
    ("vlan", ("a VLAN on the management port", "管理口 VLAN")),
    ("capacity", ("capacity of the mirrored link", "被镜像链路的容量")),
    ("direction", ("how in and out are told apart", "流入流出判定方式")),
    ("last", ("of so long until now", "最近一段时间")),
    ("filter", ("of records that match", "过滤条件")),
    ("by", ("by keys of your choice", "按指定的维度")),
    ("measure", ("what weighs", "排序指标")),
    ("from", ("from this time on", "开始时间")),
    ("to", ("until this time", "结束时间")),
    ("scope", ("of these links alone", "限定链路")),
    ("order", ("sorted by, the largest first", "排序字段，从大到小")),
    ("offset", ("leave out so many rows before", "跳过前若干行")),
    ("step", ("time of a row", "每行的时间长度")),
    ("split", ("a column for each of the heaviest", "按维度拆分为多列")),
    ("distinct", ("how many different values there are", "不同取值的个数")),
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
        (
            "a host; of logs: a part of its name or address",
            "主机；查日志时为主机名或地址的一部分",
        ),
    ),
    ("severity", ("at least so grave", "级别及以上")),
    ("keyword", ("with this word", "包含关键字")),
    ("applog", ("application logs", "应用日志")),
    ("quality", ("how well servers answer and streams arrive", "服务质量")),
    ("client", ("of this client", "客户端")),
    ("server", ("of this server", "服务端")),
    ("name", ("a part of the server's name", "服务端名称的一部分")),
    ("app", ("of this application", "应用")),
    ("code", ("with this outcome", "结果")),
    ("view", ("how much of each is shown", "显示的详细程度")),
    ("signatures", ("signatures of applications", "应用特征")),
    ("rings", ("capture rings", "采集环")),
    ("metrics", ("metrics for Prometheus", "Prometheus 指标")),
    ("import", ("read what is typed or sent", "导入输入的内容")),
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
