use std::path::{Path, PathBuf};
use std::process::Command;

/// The analyzer's program, built as this test was.
pub(crate) fn analyzer() -> PathBuf {
    let collector = Path::new(env!("CARGO_BIN_EXE_collector"));
    let folder = collector.parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "analyzer", "--target-dir"]);
    build.arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "the analyzer does not build");
    folder.join("analyzer")
}
