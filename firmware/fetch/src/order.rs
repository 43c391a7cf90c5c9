//! What the supervisor orders and what it hears: small JSON files and lines.

use serde::{Deserialize, Serialize};

/// A bundle to bring. The supervisor writes it to a file of its own that the program reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// From where.
    pub from: Place,
    /// The most octets that may be written.
    pub most: u64,
    /// Octets that stay free on the data partition, whatever else fills it meanwhile.
    pub reserve: u64,
}

/// Where a bundle is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// On a web server.
    Url {
        /// `http://` or `https://`.
        url: String,
    },
    /// On a USB stick.
    Stick {
        /// The kernel's name of the partition, such as `sda1`.
        partition: String,
        /// The file's name in the top folder.
        name: String,
    },
}

/// What a program reports: one JSON object a line on its standard output. The last line counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// It goes on.
    Going {
        /// The whole bundle's octets; `None` where that is not known.
        total: Option<u64>,
    },
    /// The bundle is at the staging place.
    Done {
        /// Its octets.
        octets: u64,
    },
    /// It is not.
    Failed {
        /// Why, and what to do, in words.
        problem: String,
    },
}

impl Report {
    /// The last report in a program's output.
    #[must_use]
    pub fn last(output: &str) -> Option<Self> {
        output.lines().rev().find_map(|line| serde_json::from_str(line).ok())
    }

    /// Prints the report.
    pub fn print(&self) {
        // Whoever reads it may be gone; that is no reason to stop.
        let _ = serde_json::to_string(self).map(|line| println!("{line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_report_counts() {
        let text = "{\"report\":\"going\",\"total\":5}\n{\"report\":\"done\",\"octets\":5}\n{\"rep";
        assert_eq!(Report::last(text), Some(Report::Done { octets: 5 }));
        assert_eq!(Report::last(""), None);
        assert_eq!(Report::last("panic\n"), None);
    }
}
