//! What is read a second time: groups that may be shown, and that had no row from the beginning.

use std::sync::Arc;

use super::{Compiled, Partial};
use crate::compile::Node;
use crate::compile::ask::Work;
use crate::compile::narrow::narrow;
use crate::group::table::{Table, Weight};

impl Compiled {
    /// A question about those groups alone of which the answer does not know all, though they may be among those that it
    /// shows. It is to be asked of the very blocks that gave `partial`, and [`Partial::complete`] takes what it finds.
    /// `None` where it would not help, or there are none.
    #[must_use]
    pub fn again(&self, partial: &Partial) -> Option<Self> {
        let Work::Top { shape, .. } = &self.0.plan.work else {
            return None;
        };
        let unsure = partial.unsure()?;
        let mut only = Table::new(shape.words(), 0, self.0.seed, Weight(0, None), 0);
        only.never_prune();
        for key in &unsure {
            only.insert_new(key, only.hash(key));
        }
        let mut inner = (*self.0).clone();
        inner.node = Node::and([inner.node, narrow(shape, &unsure)]);
        inner.sieves = false;
        inner.only = Some(Arc::new(only));
        Some(Self(Arc::new(inner)))
    }
}

impl Partial {
    /// Takes over what was found by a question that [`Compiled::again`] made of it: all of its groups' sums.
    pub fn complete(&mut self, again: &Self) {
        if let Some(only) = &again.inner.only {
            self.settle_unsure(&Arc::clone(only), again);
        }
    }
}
