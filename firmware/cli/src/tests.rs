//! What several tests share.

/// Compares with a file, which `BLESS=1 cargo test` rewrites.
pub(crate) fn golden(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs: look at the change, then run with BLESS=1",
        path.display()
    );
}
