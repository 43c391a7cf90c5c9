//! Real captures through dissection and metering.

mod applications;
mod causes;
mod corpus;
mod flowtest;
mod layer7;
mod mapping;
mod media;
mod names;
mod ndpi;
mod quality;
mod totals;
mod tshark;
