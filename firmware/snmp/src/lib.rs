//! SNMP (RFC 1157, 3416, 3414): devices are polled, and their traps and informs received.
//!
//! The messages themselves are the library `async-snmp`'s job (docs/decisions/snmp.md). Here is what is asked, when, of whom,
//! and what the answers mean: interface counters as deltas of minutes, gauges, and facts of devices.
//!
//! Bounds, each per agent: 4,096 interfaces, 16,384 forwarding entries, 16,384 addresses, 1,024 neighbours, 4,096 physical
//! entities, 1,024 sensors, 256 processors, 256 storage areas, 8 MiB a table, texts of 256 characters. An agent has two
//! requests under way at most, whatever it answers.

mod agent;
mod datagram;
mod delta;
mod engine;
mod error;
mod history;
mod mib;
mod names;
mod poller;
mod reading;
mod receiver;
mod schedule;
mod sockets;
mod spread;
mod state;
mod task;
mod trap;
mod walk;
mod wire;

pub use agent::{
    Agent, AuthProtocol, Credentials, INTERVAL_DEFAULT, INTERVAL_MAX, INTERVAL_MIN, PORT_DEFAULT, PrivProtocol,
    Security, User,
};
pub use datagram::Datagram;
pub use delta::{Continuity, Counted, Counter, Step, step};
pub use engine::Engine;
pub use error::{Error, Failure};
pub use poller::{AGENTS_MAX, Poller, PollerOptions, Sample};
pub use receiver::{SENDERS_MAX, TrapCounts, TrapReceiver, TrapSender};
pub use schedule::{BACK_OFF_MAX, SLOW_INTERVAL};
pub use spread::{Part, spread};
pub use state::AgentState;
pub use trap::{Trap, Variable};
pub use wire::Patience;
