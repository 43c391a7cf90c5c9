//! Real captures through dissection and metering.

mod corpus;
mod flowtest;
mod ndpi;
mod totals;
