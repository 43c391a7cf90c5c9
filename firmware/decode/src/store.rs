//! The templates of a domain.

use std::sync::Arc;

use model::Timestamp;

use crate::plan::Compiled;

/// A template that a domain knows.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: u16,
    pub(crate) compiled: Arc<Compiled>,
    /// When it came last.
    pub(crate) announced: Timestamp,
    /// When data for it came last, or itself.
    pub(crate) used: Timestamp,
    /// Records decoded by it.
    pub(crate) records: u64,
}

/// What became of an announced template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learnt {
    New,
    Same,
    Changed,
}

/// Templates by identifier, in order.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    known: Vec<Known>,
    /// Fields of all of them.
    fields: usize,
}

impl Known {
    fn fields(&self) -> usize {
        self.compiled.shape.fields.len()
    }
}

impl Templates {
    fn find(&self, id: u16) -> Result<usize, usize> {
        self.known.binary_search_by_key(&id, |known| known.id)
    }

    pub(crate) fn get(&self, id: u16) -> Option<&Known> {
        self.find(id).ok().and_then(|place| self.known.get(place))
    }

    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut Known> {
        self.find(id).ok().and_then(|place| self.known.get_mut(place))
    }

    /// Fields of all templates.
    pub(crate) const fn fields(&self) -> usize {
        self.fields
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.iter()
    }

    /// Learns a template; says what it was, and how many made room for it.
    pub(crate) fn learn(&mut self, now: Timestamp, id: u16, compiled: Arc<Compiled>, max: usize) -> (Learnt, u64) {
        match self.find(id) {
            Ok(place) => {
                let Some(known) = self.known.get_mut(place) else {
                    return (Learnt::Same, 0);
                };
                known.announced = now;
                known.used = now;
                // Plans are shared, so that one shape has one plan.
                if Arc::ptr_eq(&known.compiled, &compiled) || known.compiled.shape == compiled.shape {
                    return (Learnt::Same, 0);
                }
                self.fields = self.fields - known.fields() + compiled.shape.fields.len();
                known.compiled = compiled;
                known.records = 0;
                (Learnt::Changed, 0)
            }
            Err(_) => {
                let mut evicted = 0;
                while self.known.len() >= max.max(1) {
                    let oldest = self.known.iter().enumerate().min_by_key(|(_, known)| known.used);
                    let Some(place) = oldest.map(|(place, _)| place) else {
                        break;
                    };
                    self.fields -= self.known.remove(place).fields();
                    evicted += 1;
                }
                let place = self.find(id).unwrap_or_else(|place| place);
                self.fields += compiled.shape.fields.len();
                self.known.insert(
                    place,
                    Known {
                        id,
                        compiled,
                        announced: now,
                        used: now,
                        records: 0,
                    },
                );
                (Learnt::New, evicted)
            }
        }
    }

    pub(crate) fn withdraw(&mut self, id: u16) {
        if let Ok(place) = self.find(id) {
            self.fields -= self.known.remove(place).fields();
        }
    }

    /// Withdraws all templates, or all options templates (RFC 7011, section 8.1).
    pub(crate) fn withdraw_all(&mut self, options: bool) {
        self.known.retain(|known| known.compiled.shape.options != options);
        self.fields = self.known.iter().map(Known::fields).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{FieldSpec, Shape};

    fn compiled(length: u16) -> Arc<Compiled> {
        Arc::new(Compiled::new(Shape::data([FieldSpec::iana(1, length)])))
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let mut templates = Templates::default();
        for (secs, id) in [(1, 300), (2, 299), (3, 301)] {
            assert_eq!(templates.learn(at(secs), id, compiled(4), 3), (Learnt::New, 0));
        }
        assert_eq!(templates.learn(at(4), 300, compiled(4), 3), (Learnt::Same, 0));
        assert_eq!(templates.learn(at(5), 300, compiled(8), 3), (Learnt::Changed, 0));
        assert_eq!(templates.learn(at(6), 400, compiled(4), 3), (Learnt::New, 1));
        let ids: Vec<u16> = templates.iter().map(|known| known.id).collect();
        assert_eq!(ids, [300, 301, 400]);
        assert_eq!(templates.fields(), 3);
    }

    #[test]
    fn templates_are_withdrawn() {
        let mut templates = Templates::default();
        for (secs, id) in [(1, 300), (20, 301), (30, 302)] {
            templates.learn(at(secs), id, compiled(4), 9);
        }
        templates.withdraw(302);
        assert_eq!(templates.iter().count(), 2);
        templates.withdraw_all(true);
        assert_eq!(templates.iter().count(), 2, "they are no options templates");
        templates.withdraw_all(false);
        assert_eq!(templates.iter().count(), 0);
    }
}
