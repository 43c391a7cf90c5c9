//! Transceivers' octets, as the supervisor leaves them for the hardware monitor, which may not ask a network card itself:
//! one file a port below [`FOLDER`], its first line says what was found, the rest is the EEPROM as it is.

/// Below the run folder.
pub const FOLDER: &str = "supervisor/optics";
/// Seconds from reading to reading.
pub const EVERY_S: u64 = 30;
/// The most octets of an EEPROM: all pages that Linux's drivers give.
pub const OCTETS_MAX: usize = 1_024;
/// The most octets of a file.
pub const FILE_MAX: usize = OCTETS_MAX + 64;

/// What was found at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A module's octets.
    Octets(Vec<u8>),
    /// The cage is empty.
    Empty,
    /// The port has no cage, or its driver tells nothing of it.
    None,
    /// It could not be asked: the right is missing.
    Denied,
    /// The module or the driver answered with an error.
    Failed,
}

impl Found {
    fn line(&self) -> &'static str {
        match self {
            Self::Octets(_) => "eeprom 1 octets\n",
            Self::Empty => "eeprom 1 empty\n",
            Self::None => "eeprom 1 none\n",
            Self::Denied => "eeprom 1 denied\n",
            Self::Failed => "eeprom 1 failed\n",
        }
    }

    /// As it stands in the file.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let mut file = self.line().as_bytes().to_vec();
        if let Self::Octets(octets) = self {
            file.extend(octets.iter().take(OCTETS_MAX));
        }
        file
    }

    /// From what stands in the file; `None` where that is something else, or too long.
    #[must_use]
    pub fn read(file: &[u8]) -> Option<Self> {
        if file.len() > FILE_MAX {
            return None;
        }
        if let Some(octets) = file.strip_prefix(Self::Octets(Vec::new()).line().as_bytes()) {
            return (octets.len() <= OCTETS_MAX).then(|| Self::Octets(octets.to_vec()));
        }
        let others = [Self::Empty, Self::None, Self::Denied, Self::Failed];
        others.into_iter().find(|found| found.line().as_bytes() == file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_as_it_was_written() {
        let octets = Found::Octets((0..=255).cycle().take(OCTETS_MAX).collect());
        for found in [octets, Found::Empty, Found::None, Found::Denied, Found::Failed] {
            assert_eq!(Found::read(&found.file()), Some(found));
        }
        let long = Found::Octets(vec![1; OCTETS_MAX + 1]);
        assert_eq!(Found::read(&long.file()), Some(Found::Octets(vec![1; OCTETS_MAX])));
        for bad in [
            &b""[..],
            b"eeprom 2 octets\nx",
            b"eeprom 1 empty\nx",
            &[0xff; FILE_MAX + 1],
        ] {
            assert_eq!(Found::read(bad), None);
        }
    }
}
