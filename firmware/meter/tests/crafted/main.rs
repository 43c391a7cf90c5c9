//! Made traffic through dissection and metering, against models that know what was made.

mod batches;
mod evasion;
mod frames;
mod quality;
