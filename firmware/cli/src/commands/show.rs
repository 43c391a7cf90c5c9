//! Commands that show traffic, settings and state.

use super::{Action, Command, command};

/// What is shown.
pub(super) const SHOW: &[Command] = &[
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
        "show links detail [last SPAN]",
        Action::ShowLinksDetail,
        false,
        (
            "capture ports side by side: rates, sizes, errors, losses by cause, rings; now, or over so long",
            "并列比较采集口：速率、帧长、错误、丢失原因、采集环；当前或最近一段时间",
        ),
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
        "show top by KEY,... [measure MEASURE] [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE] [limit COUNT]",
        Action::ShowTopBy,
        false,
        (
            "groups of stored records that weigh most, such as by src_ip,app",
            "按任意维度对已存流记录排行，例如 by src_ip,app",
        ),
    ),
    command(
        "show records [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE] [order ORDER] [offset ROWS] [limit COUNT]",
        Action::ShowRecords,
        false,
        ("stored flow records", "已存流记录"),
    ),
    command(
        "show series [step SPAN] [split KEY,...] [measure MEASURE] [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE] [limit COUNT]",
        Action::ShowSeries,
        false,
        ("stored records over time", "已存流记录随时间的变化"),
    ),
    command(
        "show totals [distinct KEY,...] [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE]",
        Action::ShowTotals,
        false,
        (
            "sums of stored records, and of the time before",
            "已存流记录合计，并与上一周期比较",
        ),
    ),
    command(
        "show quality [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE] [order FIGURE] [limit COUNT]",
        Action::ShowQuality,
        false,
        (
            "servers with connect and response times, retransmissions, zero windows and resets",
            "各服务端的建连时延、响应时间、重传、零窗口和复位",
        ),
    ),
    command(
        "show quality streams [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE] [limit COUNT]",
        Action::ShowStreams,
        false,
        ("RTP streams with loss and jitter", "RTP 流的丢包和抖动"),
    ),
    command(
        "show quality series [step SPAN] [filter FILTER] [last SPAN] [from TIME] [to TIME] [scope SCOPE]",
        Action::ShowQualitySeries,
        false,
        (
            "quality over time, such as of one server by a filter",
            "服务质量随时间的变化，可用过滤条件指定服务端",
        ),
    ),
    command(
        "show host ADDRESS [last SPAN] [from TIME] [to TIME] [scope SCOPE] [limit COUNT]",
        Action::ShowHost,
        false,
        (
            "a host's applications with their names and quality, and its last transactions",
            "单个主机的应用、名称、质量和最近事务",
        ),
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
        (
            "what is kept, how much room it takes, and what goes next",
            "保留的数据、占用的空间及下一步清理",
        ),
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
        "show applog [client CLIENT] [server SERVER] [name TEXT] [app APPLICATION] [code TEXT] [severity SEVERITY] [keyword TEXT] [last SPAN] [limit COUNT] [view VIEW]",
        Action::ShowApplog,
        false,
        (
            "application logs: DNS, HTTP, TLS, mail and sessions, the newest first",
            "应用日志：DNS、HTTP、TLS、邮件和会话，最新的在前",
        ),
    ),
    command(
        "show applog dns|http|tls|mail|session [client CLIENT] [server SERVER] [name TEXT] [app APPLICATION] [code TEXT] [severity SEVERITY] [keyword TEXT] [last SPAN] [limit COUNT] [view VIEW]",
        Action::ShowApplog,
        false,
        ("application logs of one kind", "某一类应用日志"),
    ),
    command(
        "show signatures",
        Action::ShowSignatures,
        false,
        (
            "signatures of applications that were added to the built-in ones",
            "在内置特征之外添加的应用特征",
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
        "show metrics",
        Action::ShowMetrics,
        false,
        (
            "whether Prometheus may read metrics, and who did last",
            "Prometheus 指标接口是否启用，以及最近一次抓取",
        ),
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
];
