//! Records to measure the record store with, and what is measured of it: `cargo run --release -p query --example bench`.

mod ask;
mod clock;
mod export;
mod fill;
mod raw;
mod traffic;

use traffic::{Scale, Traffic};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: bench version
       bench sizes RECORDS DAYS
       bench fill STORE RECORDS DAYS
       bench close STORE RECORDS DAYS ROLLED_DAYS
       bench ask STORE THREADS < QUESTIONS
       bench raw STORE QUESTION ROUNDS
       bench ingest STORE RECORDS DAYS SECONDS QUESTION
       bench keys RECORDS DAYS COUNT
       bench ipfix PORT RECORDS DAYS
       bench rows RECORDS DAYS";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let scale = |records: &str, days: &str| -> Result<Scale> {
        Ok(Scale {
            records: records.parse()?,
            days: days.parse()?,
        })
    };
    match args.as_slice() {
        ["sizes", records, days] => fill::sizes(&Traffic::new(scale(records, days)?), scale(records, days)?),
        ["fill", folder, records, days] => fill::store(folder.as_ref(), scale(records, days)?),
        ["version"] => {
            println!("{}", traffic::VERSION);
            Ok(())
        }
        ["close", folder, records, days, rolled] => ask::close(folder.as_ref(), scale(records, days)?, rolled.parse()?),
        ["ask", folder, threads] => ask::ask(folder.as_ref(), threads.parse()?),
        ["ingest", folder, records, days, seconds, question] => {
            ask::ingest(folder.as_ref(), scale(records, days)?, seconds.parse()?, question)
        }
        ["keys", records, days, count] => ask::keys(scale(records, days)?, count.parse()?),
        ["raw", folder, question, rounds] => raw::ask(folder.as_ref(), question, rounds.parse()?),
        ["ipfix", port, records, days] => export::ipfix(scale(records, days)?, port.parse()?),
        ["rows", records, days] => {
            let out = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
            export::rows(scale(records, days)?, &mut { out })
        }
        _ => Err(USAGE.into()),
    }
}
