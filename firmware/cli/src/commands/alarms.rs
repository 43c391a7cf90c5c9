//! Commands about alarms.

use super::{Action, Command, command};

/// What is open and what was, and that somebody has seen it.
pub(super) const ALARMS: &[Command] = &[
    command(
        "show alarms [last SPAN]",
        Action::ShowAlarms,
        false,
        (
            "open alarms, the gravest first, and what to do",
            "当前告警及处理办法，最严重的在前",
        ),
    ),
    command(
        "show alarms all|history [last SPAN] [limit COUNT]",
        Action::ShowAlarms,
        false,
        (
            "alarms that are over, or these and the open ones",
            "历史告警，或当前告警与历史告警",
        ),
    ),
    command(
        "acknowledge ALARM",
        Action::AcknowledgeAlarm,
        false,
        (
            "note that an alarm was seen, by its number in `show alarms` or its name in `show hardware`",
            "确认告警：编号见 show alarms，硬件告警的名称见 show hardware",
        ),
    ),
];
