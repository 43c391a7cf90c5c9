//! Commands about the firmware, and those that end what runs: updates, restart, factory reset.

use super::{Action, Command, command};

/// Updates, restarts, factory reset.
pub(super) const FIRMWARE: &[Command] = &[
    command(
        "show firmware",
        Action::ShowFirmware,
        false,
        (
            "versions, slots, updates and how they ended",
            "版本、分区、升级及其结果",
        ),
    ),
    command(
        "show firmware usb",
        Action::ShowSticks,
        false,
        ("bundles on the USB sticks that are plugged in", "已插入 U 盘上的升级包"),
    ),
    command(
        "firmware receive",
        Action::ReceiveFirmware,
        false,
        (
            "take a bundle from the standard input and check it",
            "从标准输入接收并校验升级包",
        ),
    ),
    command(
        "firmware fetch BUNDLE",
        Action::FetchFirmware,
        false,
        (
            "get a bundle from a web server or a USB stick, and check it",
            "从网站或 U 盘获取并校验升级包",
        ),
    ),
    command(
        "firmware verify",
        Action::VerifyFirmware,
        false,
        ("check the bundle that was received", "校验已接收的升级包"),
    ),
    command(
        "firmware install",
        Action::InstallFirmware,
        false,
        ("install the bundle that was checked", "安装已校验的升级包"),
    ),
    command(
        "firmware install anyway",
        Action::InstallAnyway,
        false,
        ("the same, whatever must be confirmed", "确认提示并安装"),
    ),
    command(
        "firmware install BUNDLE",
        Action::InstallFirmware,
        false,
        (
            "get a bundle from a web server or a USB stick, check and install it",
            "从网站或 U 盘获取、校验并安装升级包",
        ),
    ),
    command(
        "firmware install BUNDLE anyway",
        Action::InstallAnyway,
        false,
        ("the same, whatever must be confirmed", "确认提示并安装"),
    ),
    command(
        "firmware cancel",
        Action::CancelFirmware,
        false,
        ("take back an update that does not run yet", "取消尚未运行的升级"),
    ),
    command(
        "firmware restart [at TIME]",
        Action::RestartFirmware,
        false,
        ("restart the box into what was installed", "重启设备并运行已安装的版本"),
    ),
    command("reboot", Action::Reboot, true, ("restart the box", "重启设备")),
    command("poweroff", Action::PowerOff, true, ("shut the box down", "关闭设备")),
    command(
        "factory-reset",
        Action::FactoryReset,
        true,
        (
            "wipe records, settings, accounts, keys and logs, and restart",
            "清除所有记录、设置、帐户、密钥和日志并重启（恢复出厂设置）",
        ),
    ),
    command(
        "factory-reset confirm TEXT",
        Action::FactoryReset,
        true,
        (
            "the same without a question: confirm ERASE",
            "不询问直接执行：confirm ERASE",
        ),
    ),
];
