//! What comes from the network's own devices: flow records, logs, notifications, and what their SNMP agents answer.
//!
//! Threads (`thread`) read the flow ports: each owns a decoder (`source`) and what the records come to (`ledger`), so
//! nothing is locked on their way. One thread (`logs`) reads syslog; TLS, notifications and polls are tasks. All of it
//! follows one plan (`plan`), and the `desk` sets it up and answers for it.

mod account;
mod counters;
mod desk;
mod facts;
mod identity;
mod ledger;
mod listener;
mod logbook;
mod logs;
mod pending;
mod plan;
mod polling;
mod rates;
mod shared;
mod source;
mod store;
mod thread;
mod tls;

pub(crate) use desk::{Asker, Intake};
pub(crate) use facts::Facts;
pub(crate) use ledger::Pace;
pub(crate) use plan::{IntakePlan, from_settings};
pub(crate) use polling::Polling;
pub(crate) use tls::TlsPorts;
