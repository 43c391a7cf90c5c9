//! The filter language: one for console, command line, alarms and reports.
//!
//! `src 10.1.0.0/16 and dport 443 or app dns and not host 8.8.8.8`
//!
//! [`parse`] reads a text and says precisely what is wrong with it; an [`Expr`] prints as text that reads as an equal
//! one; [`complete`] says what may stand at a place. docs/filter.md is the language's reference.
#![deny(clippy::indexing_slicing)]

mod address;
mod ast;
mod complete;
mod countries;
mod error;
mod names;
mod parse;
mod print;
mod shape;
mod token;
mod values;
mod words;

pub use ast::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Quantity, Sign, Test};
pub use complete::{Completion, complete};
pub use error::FilterError;
pub use names::{InterfaceName, Names};
pub use parse::{DEPTH_MAX, TERMS_MAX, TEXT_MAX, parse};
