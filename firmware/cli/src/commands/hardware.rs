//! Commands about the hardware.

use super::{Action, Command, command};

/// What is shown of the hardware, and lit.
pub(super) const HARDWARE: &[Command] = &[
    command(
        "show hardware",
        Action::ShowHardware,
        false,
        (
            "health of drives, supplies, fans and sensors, and what to do",
            "硬件状态：磁盘、电源、风扇、传感器，以及处理办法",
        ),
    ),
    command(
        "show hardware sensors",
        Action::ShowSensors,
        false,
        ("every reading with its state", "所有读数及其状态"),
    ),
    command(
        "show hardware events",
        Action::ShowHardwareEvents,
        false,
        (
            "the management controller's event log, the newest first",
            "BMC 事件日志，最新的在前",
        ),
    ),
    command(
        "show disks",
        Action::ShowDisks,
        false,
        (
            "drives with bay, serial number, health and wear",
            "磁盘：槽位、序列号、健康状况和磨损",
        ),
    ),
    command(
        "locate bay BAY",
        Action::LocateBay,
        false,
        ("light a bay, to find its drive", "点亮槽位定位灯"),
    ),
    command(
        "locate bay BAY off",
        Action::LocateBayOff,
        false,
        ("turn its light off", "关闭槽位定位灯"),
    ),
    command(
        "test disk DISK",
        Action::TestDisk,
        false,
        (
            "start a drive's short self-test; `show disks` shows progress and result",
            "启动磁盘快速自检；进度和结果见 show disks",
        ),
    ),
    command(
        "test disk DISK short|long",
        Action::TestDisk,
        false,
        (
            "the same, or the long one, which reads all of it for hours",
            "启动快速自检，或读取全盘的扩展自检（需数小时）",
        ),
    ),
];
