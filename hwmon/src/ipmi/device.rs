//! Asking the controller of this machine by the kernel's /dev/ipmi0.

use std::path::Path;
use std::time::{Duration, Instant};

use passthrough::Bmc;

use super::controller::Ask;
use super::{IpmiError, Question};

/// How long one answer is waited for: the kernel asks the hardware again by itself.
const PATIENCE: Duration = Duration::from_secs(6);

/// The open device.
#[derive(Debug)]
pub struct Device {
    bmc: Bmc,
    at: String,
    deadline: Instant,
}

impl Device {
    /// Opens `/dev/ipmi0` or the like; all that is asked has to be answered within `patience`.
    ///
    /// # Errors
    /// Where there is no such device, or it is refused.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, IpmiError> {
        let at = path.display().to_string();
        match Bmc::open(path) {
            Ok(bmc) => Ok(Self {
                bmc,
                at,
                deadline: Instant::now() + patience,
            }),
            Err(source) => Err(IpmiError::Device { at, source }),
        }
    }
}

impl Ask for Device {
    fn within(&mut self, patience: Duration) {
        self.deadline = Instant::now() + patience;
    }

    fn ask(&mut self, question: Question<'_>, what: &'static str) -> Result<Vec<u8>, IpmiError> {
        let until = (Instant::now() + PATIENCE).min(self.deadline);
        let told = match self
            .bmc
            .ask(question.function, question.command, question.lun, question.data, until)
        {
            Ok(told) => told,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(IpmiError::Timeout {
                    at: self.at.clone(),
                    what,
                });
            }
            Err(source) => {
                return Err(IpmiError::Device {
                    at: self.at.clone(),
                    source,
                });
            }
        };
        match told.split_first() {
            Some((0, data)) => Ok(data.to_vec()),
            // the kernel's own words for a controller that is silent (IPMI_TIMEOUT_COMPLETION_CODE)
            Some((0xc3, _)) => Err(IpmiError::Timeout {
                at: self.at.clone(),
                what,
            }),
            Some((code, _)) => Err(IpmiError::refused(&self.at, what, *code)),
            None => Err(IpmiError::Malformed {
                at: self.at.clone(),
                what,
            }),
        }
    }

    fn at(&self) -> &str {
        &self.at
    }
}
