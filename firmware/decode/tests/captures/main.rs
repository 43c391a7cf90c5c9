//! Captures that others recorded; they are not part of the project.

mod corpus;
mod netgauze;
