//! A NIC that is asked again and again.

use std::io;

use model::NicErrors;

use super::ethtool::Asker;
use super::statistics::{Places, names};

/// A NIC's driver, as far as it answers.
#[derive(Debug)]
pub struct Device {
    interface: String,
    asker: Option<Asker>,
    places: Option<Places>,
}

impl Device {
    /// The NIC of an interface, which need not exist yet.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            asker: Asker::new().ok(),
            places: None,
        }
    }

    /// The driver's name; `None` where the interface has none.
    #[must_use]
    pub fn driver(&self) -> Option<String> {
        let driver = self.asker.as_ref()?.driver(&self.interface).ok();
        driver.filter(|name| !name.is_empty())
    }

    /// What the NIC counted of each kind of error since its driver was loaded; `None` for what it does not count, and
    /// where it does not answer.
    pub fn errors(&mut self) -> NicErrors {
        let Some(asker) = &self.asker else {
            return NicErrors::default();
        };
        let places = match &self.places {
            Some(places) => places,
            None => match asker.names(&self.interface) {
                Ok(octets) => self.places.insert(Places::of(&names(&octets))),
                // Asked again at the next reading.
                Err(_) => return NicErrors::default(),
            },
        };
        asker
            .values(&self.interface)
            .map(|values| places.read(&values))
            .unwrap_or_default()
    }

    /// The octets of its transceiver's EEPROM, at most 1,024, as the driver lays its pages out. It takes CAP_NET_ADMIN, and some
    /// drivers take a second for it.
    ///
    /// # Errors
    /// The system's: EOPNOTSUPP where there is no cage, EINVAL, EIO, ENODEV and the like where it is empty or silent.
    pub fn module(&self) -> io::Result<Vec<u8>> {
        let asker = self.asker.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        match asker.module_length(&self.interface)? {
            0 => Err(io::ErrorKind::Unsupported.into()),
            length => asker.module(&self.interface, length),
        }
    }

    /// Makes the NIC stamp every packet that comes in with its own clock, where it can and CAP_NET_ADMIN is there;
    /// says whether it does from now on.
    #[must_use]
    pub fn stamp_packets(&self) -> bool {
        let Some(asker) = &self.asker else { return false };
        let ability = asker.timestamp_ability(&self.interface).unwrap_or_default();
        if !ability.rx_hardware || !ability.all_packets {
            return false;
        }
        asker.stamps_all(&self.interface).unwrap_or(false) || asker.stamp_all(&self.interface).unwrap_or(false)
    }
}
