//! The recognisers of all protocols that have no reader of their own.

use super::sample::Recogniser;

/// All of them.
pub(crate) static ALL: &[Recogniser] = &[];
