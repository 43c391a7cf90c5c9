//! What a filter's text is.

use std::sync::Arc;

use api::analyzer::{Completion, FilterAnswer, FilterProblem, FilterRequest};

use crate::known::named;
use crate::writer::Shared;

/// Reads a filter, and says what may stand at the cursor.
pub(crate) fn filter(shared: &Arc<Shared>, request: &FilterRequest) -> FilterAnswer {
    let named = named(shared);
    let (filter, problem) = match ::filter::parse(&request.text, &named.names) {
        Ok(expr) => (Some(expr.to_string()), None),
        Err(e) => {
            let problem = FilterProblem {
                at: (e.at.start, e.at.end),
                english: e.english().to_owned(),
                chinese: e.chinese().to_owned(),
                suggestion: e.suggestion().map(str::to_owned),
            };
            (None, Some(problem))
        }
    };
    let completions = request
        .cursor
        .map(|cursor| ::filter::complete(&request.text, cursor, &named.names));
    let completion = |c: ::filter::Completion| Completion {
        at: (c.at.start, c.at.end),
        text: c.text,
        english: c.english,
        chinese: c.chinese,
    };
    FilterAnswer {
        filter,
        problem,
        completions: completions.into_iter().flatten().map(completion).collect(),
    }
}
