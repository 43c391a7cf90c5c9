#![no_main]
//! A text of signatures, and a host's name that they are asked for.

use dissect::l7::Signatures;
use model::App;

libfuzzer_sys::fuzz_target!(|input: &str| {
    match Signatures::with(input, &App::by_name) {
        Ok(signatures) => {
            for word in input.split_whitespace() {
                let _ = signatures.by_host(word);
            }
        }
        Err(error) => assert!(error.line >= 1 && error.column >= 1 && !error.problem.chinese().is_empty()),
    }
});
