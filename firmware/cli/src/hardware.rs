//! Hardware: what is wrong and what to do, drives, readings, locating lights.

use api::hardware::{EventLogQuery, HardwareQuery, LocateRequest, TestDriveRequest, TestExtent};
use settings::Language;

use crate::commands::Action;
use crate::grammar::Parsed;
use crate::session::{Format, Session, user};
use crate::show::Show;

impl Session {
    /// Shows the hardware, or lights a bay.
    pub(crate) fn about_hardware(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let show = Show(self.language);
        match parsed.action {
            Action::ShowSensors => self.print(format, self.ask(HardwareQuery {})?, |h| show.sensors(h)),
            Action::ShowHardwareEvents => self.print(format, self.ask(EventLogQuery {})?, |log| show.event_log(log)),
            Action::ShowDisks => {
                let hardware = self.ask(HardwareQuery {})?;
                self.print(format, hardware.drives, |drives| show.disks(drives))
            }
            Action::LocateBay | Action::LocateBayOff => {
                let request = LocateRequest {
                    // the grammar let numbers alone through
                    bay: parsed.values.first().and_then(|bay| bay.parse().ok()).unwrap_or(0),
                    on: parsed.action == Action::LocateBay,
                    user: user(),
                };
                let language = self.language;
                self.print(format, self.ask(request)?, |light| match (language, light.on) {
                    (Language::English, true) => format!("The light of bay {} shines ({}).\n", light.bay, light.by),
                    (Language::English, false) => format!("The light of bay {} is off ({}).\n", light.bay, light.by),
                    (Language::Chinese, true) => format!("槽位 {} 的定位灯已点亮（{}）。\n", light.bay, light.by),
                    (Language::Chinese, false) => format!("槽位 {} 的定位灯已关闭（{}）。\n", light.bay, light.by),
                })
            }
            Action::TestDisk => {
                let long = parsed.values.get(1).is_some_and(|extent| extent == "long");
                let request = TestDriveRequest {
                    drive: parsed.values.first().cloned().unwrap_or_default(),
                    extent: if long { TestExtent::Long } else { TestExtent::Short },
                    user: user(),
                };
                let language = self.language;
                self.print(format, self.ask(request)?, |started| match language {
                    Language::English => format!("{} tests itself; see `show disks`.\n", started.drive),
                    Language::Chinese => format!("{} 已开始自检，进度见 show disks。\n", started.drive),
                })
            }
            _ => self.print(format, self.ask(HardwareQuery {})?, |h| show.hardware(h)),
        }
    }
}
