//! The filter language: one for console, command line, alarms and reports.
//!
//! `src 10.1.0.0/16 and dport 443 or app dns and not host 8.8.8.8`

mod ast;

pub use ast::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Quantity, Sign, Test};
