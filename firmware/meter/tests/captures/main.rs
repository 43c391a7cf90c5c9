//! Real captures through dissection and metering.

mod applications;
mod corpus;
mod flowtest;
mod mapping;
mod ndpi;
mod totals;
