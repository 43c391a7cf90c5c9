//! Makes the table of the console's pages, which `cargo xtask web` builds into `web/dist`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    let dist = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("web/dist");
    if !dist.join("index.html").is_file() {
        eprintln!(
            "the console's pages are not built ({} is missing): run `cargo xtask web`",
            dist.display()
        );
        process::exit(1);
    }
    let mut files = Vec::new();
    collect(&dist, &dist, &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for path in files
        .iter()
        .filter(|path| !path.ends_with(".br") && !path.ends_with(".gz"))
    {
        let encoded = |suffix: &str| {
            let name = format!("{path}{suffix}");
            match files.contains(&name) {
                true => format!("Some(include_bytes!({:?}))", dist.join(name)),
                false => "None".to_owned(),
            }
        };
        let _ = writeln!(
            table,
            "    Asset {{ path: {:?}, plain: include_bytes!({:?}), br: {}, gz: {} }},",
            format!("/{path}"),
            dist.join(path),
            encoded(".br"),
            encoded(".gz"),
        );
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("assets.rs");
    if let Err(error) = fs::write(&out, table) {
        eprintln!("cannot write {}: {error}", out.display());
        process::exit(1);
    }
}

/// The files below `dir`, relative to `base`; hidden ones are left out.
fn collect(base: &Path, dir: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(base, &path, files);
        } else if let Ok(relative) = path.strip_prefix(base) {
            files.push(relative.to_string_lossy().into_owned());
        }
    }
}
