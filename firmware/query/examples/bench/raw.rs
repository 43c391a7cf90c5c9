//! A question answered from a store's records by one thread, to see what that costs.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::{BlockRef, Query, Timestamp};
use query::{Compiled, Context};
use store::{Folder, Keep, Store};

use crate::Result;
use crate::clock::cpu_s;

/// Answers a question, in the form of `model::Query`, some times over.
pub(crate) fn ask(folder: &Path, question: &str, rounds: u32) -> Result<()> {
    let query: Query = serde_json::from_str(question)?;
    let now = query.to.unwrap_or(Timestamp::EPOCH);
    let store = Store::open(Arc::new(Folder::open(folder)?), Keep::default(), now)?;
    let filter = filter::parse(&query.filter, &filter::Names::default())?;
    for _ in 0..rounds {
        let before = cpu_s()?;
        let compiled = Compiled::new(&query, &filter, &Context::default(), now)?;
        let candidates = store.candidates(compiled.span(), &compiled.probe());
        let ids: Vec<_> = candidates.blocks.iter().map(|meta| meta.id).collect();
        let mut worker = compiled.worker();
        let (mut records, mut problem) = (0, None);
        let fields = compiled.fields().unwrap_or_default();
        store.read_columns(&ids, &fields, compiled.needs_filters(), |_, octets| {
            let read = octets.map_err(|e| e.to_string()).and_then(|octets| {
                let block = BlockRef::open(octets).map_err(|e| e.to_string())?;
                worker.block(&block).map_err(|e| e.to_string())
            });
            match read {
                Ok(outcome) => {
                    records += outcome.records;
                    ControlFlow::Continue(())
                }
                Err(e) => {
                    problem = Some(e);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        let finished = compiled.finish(worker.into_partial());
        let took = cpu_s()? - before;
        println!(
            "{records} records, {took:.3} s, {:.1} M a CPU-second, exact {}",
            records as f64 / took / 1e6,
            finished.exact
        );
        if std::env::var_os("SHOW").is_some() {
            println!("{}", serde_json::to_string(&finished.found)?);
        }
    }
    Ok(())
}
