//! The reasons: name here, code, Chinese, English.

use super::Phrase;

macro_rules! phrases {
    ($($name:ident $code:literal $zh:literal $en:literal;)*) => {
        $(#[doc = $en]
        pub const $name: &Phrase = &Phrase { code: $code, zh: $zh, en: $en };)*
        #[cfg(test)]
        pub(super) const ALL: &[&Phrase] = &[$($name),*];
    };
}

phrases! {
    // frames around other words
    AND "frame_and" "{0}，{1}" "{0}, {1}";
    NAMED "frame_named" "{0}：{1}" "{0}: {1}";
    NAMED_VALUE "frame_value" "{0}：{1}，{2}" "{0}: {1}, {2}";
    AFTER "frame_after" "：{0}" ": {0}";
    OF "frame_of" " {0}" " of {0}";
    PLAIN "frame_plain" "{0}" "{0}";

    // nothing known
    NOT_PRESENT "not_present" "不在位" "not present";
    TIMEOUT "timeout" "未及时应答" "no answer in time";
    UNSUPPORTED "unsupported" "设备不支持" "not supported by the device";
    DISABLED "disabled" "设备已关闭此功能" "turned off in the device";
    STANDBY "standby" "硬盘休眠中，未唤醒" "the disk sleeps and was not woken";
    DENIED "denied" "访问被拒绝" "access was refused";
    FAILED "failed" "设备应答错误" "the device answered with an error";
    INVALID "invalid" "应答数据无效" "the answer makes no sense";
    NOT_REPORTED "not_reported" "未报告" "not reported";

    // readings of any kind
    NO_LIMIT "no_limit" "没有阈值，仅供参考" "a fact that no limit judges";
    NONE "none" "无" "none";
    NO "no" "否" "no";
    BELOW "below" "低于 {0}" "below {0}";
    ABOVE "above" "高于 {0}" "above {0}";
    AT_OR_ABOVE "at_or_above" "达到或超过 {0}" "at or above {0}";
    BETWEEN "between" "在 {0} 与 {1} 之间" "between {0} and {1}";
    NOT_BELOW "not_below" "不低于 {0}" "not below {0}";
    NOT_ABOVE "not_above" "不高于 {0}" "not above {0}";
    WITHIN "within" "在限值之内" "within its limits";

    // drives: the names of what they count
    N_PENDING_LOG "name_pending_log" "待处理缺陷日志中的扇区" "sectors in the pending defects log";
    N_ERRORS "name_errors" "硬盘错误日志中的错误" "errors in the drive's log";
    N_REALLOCATED "name_reallocated" "已被备用扇区替换的扇区" "sectors replaced by spare ones";
    N_PENDING "name_pending" "待替换的扇区" "sectors that wait to be replaced";
    N_OFFLINE "name_offline" "扫描时无法读取的扇区" "sectors that a scan could not read";
    N_UNCORRECTABLE "name_uncorrectable" "无法纠正的错误" "uncorrectable errors";
    N_END_TO_END "name_end_to_end" "端到端校验错误" "end-to-end errors";
    N_SPIN_RETRIES "name_spin_retries" "起转重试次数" "attempts to spin up again";
    N_TIMEOUTS "name_timeouts" "超时的命令" "commands that took too long";
    N_REALLOCATIONS "name_reallocations" "替换扇区的操作" "attempts to replace sectors";
    N_CABLE "name_cable" "线缆传输错误" "errors on the cable";
    N_GROWN "name_grown" "使用中新增的缺陷" "grown defects";
    N_READS "name_reads" "无法纠正的读错误" "uncorrected read errors";
    N_WRITES "name_writes" "无法纠正的写错误" "uncorrected write errors";
    N_VERIFIES "name_verifies" "无法纠正的校验错误" "uncorrected verify errors";
    N_NON_MEDIUM "name_non_medium" "非介质错误" "errors that are not the medium's";
    N_MEDIA "name_media" "介质和数据完整性错误" "media and data integrity errors";
    N_ENTRIES "name_entries" "错误日志条目" "entries in the error log";
    N_UNSAFE "name_unsafe" "异常断电" "shutdowns without notice";
    N_HOT "name_hot" "超过警告温度的分钟数" "minutes above the warning temperature";
    N_CRITICAL_HOT "name_critical_hot" "超过临界温度的分钟数" "minutes above the critical temperature";

    // drives: what such a count means
    COUNTED "counted" "{1}：{0}（{2}）" "{0} {1}: {2}";
    M_UNREAD "means_unread" "读取失败" "they could not be read";
    M_UNREAD_WAIT "means_unread_wait" "读取失败，等待替换" "they could not be read and wait to be replaced";
    M_UNWRITTEN "means_unwritten" "写入失败" "they could not be written";
    M_LOST "means_lost" "除非阵列中有冗余，否则数据已丢失" "they are lost unless the array has them";
    M_REFUSED "means_refused" "出厂以来主机读取失败的次数" "reads that the host was refused over the drive's life";
    M_DAMAGED "means_damaged" "数据在盘内损坏" "data was damaged inside the drive";
    M_WEAK "means_weak" "电机、轴承或供电不良" "motor, bearings or power are weak";
    M_SLOW "means_slow" "可能是线缆、供电或硬盘的问题，只看增长" "cable, power or drive; only their growth tells";
    M_LIFE_COUNT "means_life_count" "出厂以来累计" "counted over its life";
    M_LIFE "means_life" "出厂以来累计" "over the drive's life";
    M_CABLE "means_cable" "线缆、背板或接头，出厂以来累计，只看增长" "cable, backplane or connector over the drive's life; only their growth tells";
    M_HOST "means_host" "线缆、背板或主机，出厂以来累计，只看增长" "cable, backplane or host over the drive's life; only their growth tells";
    M_COMMANDS "means_commands" "出厂以来失败的命令，也可能由主机或线缆引起" "commands that failed over its life, also by the host's or the cable's fault";
    M_UNKNOWN_COMMANDS "means_unknown_commands" "出厂以来失败的命令，多为硬盘不支持的命令" "commands that failed over its life, mostly ones that it does not know";
    M_SPARE_USED "means_spare_used" "已由备用扇区代替" "sectors that were replaced by spare ones";
    M_NOT_READ_BACK "means_not_read_back" "出厂以来无法读回的数据" "data that could not be read back over the drive's life";
    M_POWER_CUT "means_power_cut" "曾被直接断电" "power was cut";

    // drives: verdicts
    SELF_FAILS "self_fails" "硬盘自检判定即将失效" "the drive says itself that it fails";
    SELF_FAILS_SAID "self_fails_said" "硬盘自检判定即将失效：{0}" "the drive says itself that it fails: {0}";
    NO_ASSESSMENT "no_assessment" "硬盘没有给出自检判定，改按计数和阈值判断" "the drive's own verdict is missing; its counters and thresholds are judged instead";
    UNREAD "unread" "未能读取硬盘：{0}" "the drive was not read: {0}";
    UNREAD_SAID "unread_said" "未能读取硬盘：{0}（smartctl：{1}）" "the drive was not read: {0} (smartctl: {1})";
    WELL "well" "硬盘自检正常，未见异常" "the drive says that it is well, and nothing speaks against it";
    LIFE_USED "life_used" "额定寿命已用 {0} %" "{0} % of the rated life is used";
    LIFE_OVER "life_over" "额定寿命已用 {0} %，超期服役" "{0} % of the rated life is used: it works on borrowed time";
    LIFE_LEFT "life_left" "额定寿命剩余 {0} %（{1}）" "{0} % of the rated life is left ({1})";
    HEAT_CRITICAL "heat_critical" "{0} °C，达到或超过临界温度 {1} °C" "{0} °C, at or above its critical {1} °C";
    HEAT_WARNING "heat_warning" "{0} °C，达到或超过 {1} °C" "{0} °C, at or above {1} °C";
    TEST_FAILED "test_failed" "自检未通过{0}：{1}" "a self-test failed{0}: {1}";
    TEST_UNREAD "test_unread" "自检未能读完整个硬盘{0}" "a self-test could not read all of it{0}";
    TEST_REFUTED "test_refuted" "{0} 次自检未通过，此后的扩展自检已通过" "{0} failed self-tests before an extended one that passed";
    HOURS_AGO "hours_ago" "（{0} 通电小时前）" ", {0} hours of service ago";
    AT_HOURS "at_hours" "（通电 {0} 小时时）" ", at {0} hours of service";
    VALUE_THRESHOLD "value_threshold" "（当前值 {0}，阈值 {1}）" " (value {0}, threshold {1})";
    ATTRIBUTE_HOT "attribute_hot" "{0} 已达到阈值{1}" "{0} is at its threshold now{1}";
    ATTRIBUTE_PREFAIL "attribute_prefail" "{0} 已达到阈值{1}，预示即将失效" "{0} is at its threshold now{1}, which foretells failure";
    ATTRIBUTE_OLD "attribute_old" "{0} 已达到阈值{1}：超过厂商允许的使用期限或用量" "{0} is at its threshold now{1}: past the age or use that its maker allows";
    ATTRIBUTE_WAS_HOT "attribute_was_hot" "{0} 曾达到阈值：曾经过热" "{0} was at its threshold once: it was too hot";
    ATTRIBUTE_WAS_PREFAIL "attribute_was_prefail" "{0} 曾达到阈值，预示失效" "{0} was at its threshold once, which foretells failure";
    ATTRIBUTE_WAS "attribute_was" "{0} 曾达到阈值" "{0} was at its threshold once";
    SEAGATE "seagate" "由希捷的原始值拆出，以阈值为准" "unpacked from Seagate's raw value; the threshold judges";
    SPARE_LOW "spare_low" "备用块剩余 {0} %，低于阈值 {1} %" "{0} % spare blocks left, below the threshold of {1} %";
    SPARE_FINE "spare_fine" "不低于阈值 {0} %" "not below its threshold of {0} %";
    NVME_WARNING "nvme_warning" "严重警告：{0}" "critical warning: {0}";
    NVME_BITS "nvme_bits" "严重警告：未知标志 {0}" "critical warning: unknown bits {0}";
    NVME_SPARE "nvme_spare" "备用块低于阈值" "available spare has fallen below its threshold";
    NVME_HEAT "nvme_heat" "温度超出阈值" "temperature is above or below its threshold";
    NVME_RELIABILITY "nvme_reliability" "介质或内部错误使可靠性下降" "reliability is degraded by media or internal errors";
    NVME_READ_ONLY "nvme_read_only" "介质已变为只读" "the media can only be read";
    NVME_BACKUP "nvme_backup" "易失性存储的掉电保护失效" "the backup of volatile memory has failed";
    NVME_MEMORY "nvme_memory" "持久内存区域只读或不可靠" "the persistent memory region is read-only or unreliable";

    // drives: what to do
    DO_REPLACE "do_replace" "立即备份数据并更换硬盘；有冗余的阵列可在运行中直接拔换。" "Save what is on it and replace it now; in a redundant array it can be pulled while the box runs.";
    DO_COOL "do_cool" "检查散热：风扇、滤网、机房温度。" "Look after the cooling: fans, filters, the room's temperature.";
    DO_SPARE "do_spare" "准备一块备用盘并运行扩展自检；若计数增长，更换硬盘。" "Keep a spare ready, run an extended self-test, and replace the drive if the counters grow.";
    DO_PUT_IN "do_put_in" "插入硬盘，或指定存在的设备。" "Put the drive in, or name the device that is there.";
    DO_RESEAT "do_reseat" "重新查询；仍然如此时重新插拔，再不行则更换。" "Ask again; if it stays so, reseat the drive, then replace it.";
    DO_TYPE "do_type" "指定硬盘类型（smartctl -d），或控制器后面的硬盘（-d megaraid,N）。" "Name the drive's type (smartctl -d), or the disk behind its controller (-d megaraid,N).";
    DO_SMART "do_smart" "打开 SMART：smartctl -s on 设备。" "Turn SMART on: smartctl -s on DEVICE.";
    DO_NOTHING "do_nothing" "无需处理：硬盘唤醒后会读取。" "Nothing: it is read when it wakes.";
    DO_ROOT "do_root" "以 root 身份查询。" "Ask as root.";
    DO_ALL "do_all" "查询硬盘的全部信息：smartctl -x 设备。" "Ask for all that the drive tells: smartctl -x DEVICE.";

    // the kernel's readings
    CRITICAL_ABOVE "critical_above" "达到或超过临界值 {0}" "at or above its critical limit of {0}";
    CRITICAL_BELOW "critical_below" "达到或低于临界值 {0}" "at or below its critical limit of {0}";
    STOPPED "stopped" "已停转，下限为 {0}" "stopped; its limit is {0}";
    CHIP_CRITICAL "chip_critical" "芯片的严重告警已置位" "the chip's critical alarm is set";
    LIMIT_ABOVE "limit_above" "超过上限 {0}" "above its limit of {0}";
    LIMIT_BELOW "limit_below" "低于下限 {0}" "below its limit of {0}";
    CHIP_ALARM "chip_alarm" "芯片告警已置位" "the chip's alarm is set";
    CHIP_UNSET "chip_unset" "芯片告警由从未设置过的限值触发" "the chip's alarm is set by limits that nobody set";
    FAN_OR_NONE "fan_or_none" "停转或未接风扇：没有限值可以判断" "stopped, or no fan is connected: no limit says which";
    LIMIT_UNKNOWN "limit_unknown" "没有已知限值" "no limit is known";
    INTRUSION "intrusion" "没有开盖检测的主板也会报告已打开" "boards without a switch say that it is open";
    SENSOR_BROKEN "sensor_broken" "芯片报告传感器损坏或未连接" "the chip says that the sensor is broken or not connected";
    ARRAY_WHOLE "array_whole" "{0}，{1} 块盘齐全" "{0} of {1} disks, all there";
    ARRAY_MISSING_MORE "array_missing_more" "{1} 块盘缺 {0} 块，还允许再坏 {2} 块" "{0} of {1} disks missing; {2} more may fail";
    ARRAY_MISSING_LAST "array_missing_last" "{1} 块盘缺 {0} 块，不能再坏：立即更换失效的盘" "{0} of {1} disks missing; no more may fail: replace the failed one now";
    ARRAY_MISSING "array_missing" "{1} 块盘缺 {0} 块" "{0} of {1} disks missing";
    MEMBER_FAILED "member_failed" "已失效：请更换" "has failed: replace it";
    MEMBER_SOON "member_soon" "{0}：请尽快更换" "{0}: replace it soon";
    ARRAY_BROKEN "array_broken" "已损坏：失去的盘超过允许数量" "broken: it lost more disks than it can";
    ARRAY_INACTIVE "array_inactive" "未启动，可能缺盘" "inactive: it was not started, perhaps for want of disks";
    ARRAY_CLEAR "array_clear" "没有阵列" "no array";
    ARRAY_SUSPENDED "array_suspended" "已挂起：不读也不写" "suspended: nothing is read or written";
    ARRAY_UNKNOWN "array_unknown" "未知状态 {0}" "unknown state {0}";
    UNDER_WAY "under_way" "正在进行 {0}" "{0} is under way";
    WATCHDOG_ACTIVE "watchdog_active" "设备失去响应时会自动复位" "it resets the box when the box hangs";
    WATCHDOG_IDLE "watchdog_idle" "未启用，不会复位设备" "nobody feeds it, so it resets nothing";
    WATCHDOG_RESET "watchdog_reset" "看门狗曾复位设备：请查看上次启动的日志" "the watchdog reset the box: look at the journal of the boot before";
    WATCHDOG_NO_RESET "watchdog_no_reset" "上次启动不是看门狗触发的" "the last boot was not the watchdog's";
    MEMORY_CORRECTED "memory_corrected" "启动以来已纠正，以增长速度判断" "corrected since boot; their rate judges";
    MEMORY_LOST "memory_lost" "内存数据已丢失：请更换内存条" "data in memory was lost: replace the module";
    PCI_GROWTH "pci_growth" "启动以来累计，以增长判断" "since boot; their growth judges";
    PCI_RESEAT "pci_reseat" "启动以来累计：重新插紧扩展卡，仍有则更换" "since boot: reseat the card, then replace it";
    PORT_GROWTH "port_growth" "驱动加载以来累计，以增长判断" "since the driver started; their growth judges";
    LINK_UP "link_up" "链路正常" "there is a link";
    LINK_DOWN "link_down" "没有链路" "there is no link";
    PORT_OFF "port_off" "网口已停用" "the port is switched off";
    DRIVER_SILENT "driver_silent" "驱动未报告" "the driver does not say";
    BOND_UP "bond_up" "已连接" "up";
    BOND_DOWN "bond_down" "已断开：聚合口失去部分冗余" "down: the bond has lost a part of its redundancy";
    DISK_GONE "disk_gone" "内核已停用该盘：重新插拔或更换" "the kernel has given it up: reseat or replace it";
    DISK_SILENT "disk_silent" "目前没有应答" "it does not answer now";
    FS_DAMAGED "fs_damaged" "文件系统有损坏：下次重启时检查（e2fsck）" "the file system is damaged: check it (e2fsck) at the next restart";
    THROTTLED "throttled" "启动以来因过热降频的次数，以增长判断" "times since boot that it slowed down for heat; their growth judges";
    MODULE "module" "光模块 {0} {1}" "{0} {1}";
    NO_LIGHT_IN "no_light_in" "没有收到光：未接光纤，或对端未发光" "no light comes in: there is no fibre, or the other end is dark";
    LASER_OFF "laser_off" "激光器已关闭" "the laser is switched off";
    NO_LIGHT "no_light" "无光" "no light";
    CLOCK_KEPT "clock_kept" "由时间服务器对时" "it is kept by a time server";
    CLOCK_UNSET "clock_unset" "启动以来或长时间没有对时" "nobody has set it since the start, or for long";

    // the management controller's readings
    BMC_NO_READING "bmc_no_reading" "控制器表示目前没有读数" "the controller says that there is no reading now";
    BMC_NOT_SCANNED "bmc_not_scanned" "控制器未扫描此传感器" "the controller does not scan this sensor";
    BMC_CHASSIS "bmc_chassis" "机箱报告" "the chassis says so";
    BMC_LOWER "bmc_lower" "达到或低于下限{0}" "at or below its lower limit{0}";
    BMC_LOWER_CRITICAL "bmc_lower_critical" "达到或低于严重下限{0}" "at or below its lower critical limit{0}";
    BMC_LOWER_DESTRUCTIVE "bmc_lower_destructive" "达到或低于损坏下限{0}" "at or below its lower destructive limit{0}";
    BMC_UPPER "bmc_upper" "达到或超过上限{0}" "at or above its upper limit{0}";
    BMC_UPPER_CRITICAL "bmc_upper_critical" "达到或超过严重上限{0}" "at or above its upper critical limit{0}";
    BMC_UPPER_DESTRUCTIVE "bmc_upper_destructive" "达到或超过损坏上限{0}" "at or above its upper destructive limit{0}";
    BMC_UNKNOWN_LIMIT "bmc_unknown_limit" "越过未知限值{0}" "at or above its unknown limit{0}";
    BMC_STATES "bmc_states" "状态 {0}，此类传感器不作判断" "states {0} of a kind without a judgement";
    BMC_NO_STATE "bmc_no_state" "没有置位的状态" "no state is set";
    BMC_RECORD "bmc_record" "厂商自有记录：{0}" "the maker's own record: {0}";
    BMC_OVER "bmc_over" "已解除：{0}" "no longer: {0}";
    BMC_EVENT "bmc_event" "事件 {0}，偏移 {1}，没有对应说明" "event {0}, offset {1}, of a kind without words";

    // its states
    S_REDUNDANT "state_redundant" "完全冗余" "fully redundant";
    S_REDUNDANCY_LOST "state_redundancy_lost" "冗余丢失" "redundancy lost";
    S_REDUNDANCY_DEGRADED "state_redundancy_degraded" "冗余降级" "redundancy degraded";
    S_SUFFICIENT_WAS "state_sufficient_was" "无冗余：资源尚够，此前有冗余" "not redundant: sufficient, after it was redundant";
    S_SUFFICIENT_NOT "state_sufficient_not" "无冗余：资源尚够，此前不足" "not redundant: sufficient, after it was not";
    S_INSUFFICIENT "state_insufficient" "无冗余：资源不足" "not redundant: insufficient";
    S_DEGRADED_FULL "state_degraded_full" "由完全冗余降级" "redundancy degraded from full";
    S_DEGRADED_NONE "state_degraded_none" "由无冗余恢复为降级冗余" "redundancy degraded, from none";
    S_OK "state_ok" "正常" "ok";
    S_NOT_CRITICAL "state_not_critical" "由正常转为轻微异常" "not critical, from ok";
    S_CRITICAL "state_critical" "由较轻转为严重" "critical, from less severe";
    S_NOT_RECOVERABLE_FROM "state_not_recoverable_from" "由较轻转为不可恢复" "not recoverable, from less severe";
    S_LESS "state_less" "由较重转为轻微异常" "not critical, from more severe";
    S_CRITICAL_FROM "state_critical_from" "由不可恢复转为严重" "critical, from not recoverable";
    S_NOT_RECOVERABLE "state_not_recoverable" "不可恢复" "not recoverable";
    S_MONITOR "state_monitor" "监视" "monitor";
    S_INFORMATIONAL "state_informational" "通知" "informational";
    S_NOT_FORETOLD "state_not_foretold" "没有失效预警" "no failure foretold";
    S_FORETOLD "state_foretold" "失效预警" "failure foretold";
    S_LIMIT_KEPT "state_limit_kept" "未超限" "limit not exceeded";
    S_LIMIT_EXCEEDED "state_limit_exceeded" "超限" "limit exceeded";
    S_PERFORMS "state_performs" "性能达标" "performance met";
    S_LAGS "state_lags" "性能不足" "performance lags";
    S_PRESENT "state_present" "在位" "present";
    S_REPLACE "state_replace" "故障：请更换" "failed: replace it";
    S_REPLACE_SOON "state_replace_soon" "失效预警：请尽快更换" "failure foretold: replace it soon";
    S_NO_INPUT "state_no_input" "无输入：请接电源线" "no input: plug it in";
    S_INPUT_LOST "state_input_lost" "输入丢失或超范围" "input lost or out of range";
    S_INPUT_RANGE "state_input_range" "输入超范围" "input out of range";
    S_MISMATCH "state_mismatch" "配置错误：型号与另一电源不同" "wrong configuration: another model than its neighbour's";
    S_INACTIVE "state_inactive" "未工作" "inactive";
    S_HOT_SPARE "state_hot_spare" "热备盘" "hot spare";
    S_CHECKING "state_checking" "正在一致性检查" "checking consistency";
    S_NO_REDUNDANCY "state_no_redundancy" "所在阵列已无冗余" "in an array without redundancy";
    S_FAILED_ARRAY "state_failed_array" "所在阵列已失效" "in a failed array";
    S_REBUILDING "state_rebuilding" "正在重建" "rebuilding";
    S_REBUILD_STOPPED "state_rebuild_stopped" "重建中断" "rebuild broken off";
    S_CORRECTED "state_corrected" "有可纠正错误" "corrected errors";
    S_UNCORRECTED "state_uncorrected" "有无法纠正的错误：请更换" "uncorrected errors: replace it";
    S_PARITY "state_parity" "奇偶校验错误" "parity error";
    S_SCRUB "state_scrub" "巡检失败" "scrub failed";
    S_DISABLED "state_disabled" "已禁用" "disabled";
    S_TOO_MANY "state_too_many" "可纠正错误过多：请更换" "too many corrected errors: replace it";
    S_CONFIGURATION "state_configuration" "配置错误" "wrong configuration";
    S_SPARE "state_spare" "备用" "spare";
    S_THROTTLED "state_throttled" "已降频" "throttled";
    S_FAR_TOO_HOT "state_far_too_hot" "严重过热" "far too hot";
    S_INTERNAL "state_internal" "内部错误" "internal error";
    S_HEAT_STOP "state_heat_stop" "因过热停机" "stopped for heat";
    S_START_FAILED "state_start_failed" "启动自检失败" "failed at start";
    S_HUNG "state_hung" "自检中挂起" "hung in self-test";
    S_NOT_STARTED "state_not_started" "未能启动" "did not start";
    S_UNCORRECTABLE "state_uncorrectable" "无法纠正的错误" "uncorrectable error";
    S_HEAT_THROTTLED "state_heat_throttled" "因过热降频" "throttled for heat";
    S_MACHINE_CHECK "state_machine_check" "无法纠正的机器检查错误" "uncorrectable machine check";
    S_MACHINE_CORRECTED "state_machine_corrected" "已纠正的机器检查错误" "corrected machine check";
    S_OPENED "state_opened" "机箱被打开" "the chassis was opened";
    S_CABLE "state_cable" "线缆被拔出" "a cable was pulled";

    // alarms of the watch
    FAN_STANDS "fan_stands" "此前转动，现已停转" "it turned before, and stands still";
    MORE_IN_A_DAY "more_in_a_day" "{0}：24 小时内增加 {1}" "{0}: {1} more in 24 hours";
    DRIVE_MORE "drive_more" "{1}：24 小时内增加 {0}" "{0} more {1} in 24 hours";
    OVER_LIMIT "over_limit" "{0}：{1}，高于限值 {2}" "{0}: {1}, above the limit of {2}";
    UNDER_LIMIT "under_limit" "{0}：{1}，低于限值 {2}" "{0}: {1}, below the limit of {2}";
    SOURCE_SILENT "source_silent" "{0} 没有应答" "{0} does not answer";
    DRIVE_SILENT "drive_silent" "硬盘没有应答" "the drive does not answer";
    DRIVE_GONE "drive_gone" "{0} {1} 已不在位" "{0} {1} is no longer there";
    SOME_DRIVE "some_drive" "硬盘" "the drive";
    BAY_EMPTY "bay_empty" "没有硬盘" "there is no disk in it";
    PART_ABSENT "part_absent" "不在位" "it is not there";
    CARD_ABSENT "card_absent" "网卡不在位" "its network card is not there";
    SOME_WORK "some_work" "{1} 个{2}中 {0} 个正常：{3}" "{0} of {1} {2} work: {3}";
    SUPPLIES "supplies" "电源" "supplies";
    FANS "fans" "风扇" "fans";
    REDUNDANCY_LEFT "redundancy_left" "尚有部分冗余" "some redundancy is left";
    REDUNDANCY_NONE "redundancy_none" "再坏一个就会停机" "the next failure stops the box";
    REDUNDANCY_SHORT "redundancy_short" "少于所需数量" "fewer than are needed";

    // parts of the chassis
    PART_EMPTY "part_empty" "空" "empty";
    PART_UNREAD "part_unread" "尚未读取" "not read yet";
    PORT_UNFOUND "port_unfound" "未找到" "not found";
    PORT_CONNECTED "port_connected" "已连接" "connected";
    PORT_NO_LINK "port_no_link" "无链路" "no link";
    PART_UNTOLD "part_untold" "没有读数说明其状态" "nothing tells of it";
}
