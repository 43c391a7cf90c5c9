#![no_main]
//! Octets as the text of a filter: what is read prints and reads again, and what may stand somewhere leads on.

use filter::{Names, complete, parse};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((cursor, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let name = || vec!["servers".to_owned(), "head office".to_owned(), "总部".to_owned(), "a\"b".to_owned()];
    let names = Names {
        apps: name(),
        businesses: name(),
        ip_groups: name(),
        interface_groups: name(),
        link_groups: name(),
        links: name(),
        exporters: name(),
        interfaces: Vec::new(),
    };
    let length = text.chars().count();
    match parse(text, &names) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(parse(&printed, &names).as_ref(), Ok(&expr), "{printed}");
        }
        Err(error) => {
            assert!(error.at.start <= error.at.end && error.at.end as usize <= length);
            assert!(!error.english().is_empty() && !error.chinese().is_empty());
        }
    }
    let cursor = (usize::from(*cursor) * length / 255) as u32;
    let completions = complete(text, cursor, &names);
    assert!(completions.len() <= 50);
    for one in &completions {
        assert!(one.at.start <= cursor && cursor <= one.at.end && one.at.end as usize <= length);
    }
    // What is said at the end of a text that is right until there leads on.
    let before: String = text.chars().take(cursor as usize).collect();
    let right = parse(&before, &names).is_ok_and(|expr| expr.to_string().len() < 3_000);
    for one in complete(&before, cursor, &names).iter().filter(|_| right).take(3) {
        let kept: String = before.chars().take(one.at.start as usize).collect();
        let whole = format!("{kept}{}", one.text);
        if let Err(error) = parse(&whole, &names) {
            assert!(error.unfinished(), "{whole}: {error}");
        }
    }
});
