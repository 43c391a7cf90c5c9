//! The texts of all licences, in a folder that goes along with a release.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Component, Licence, Text};

/// Writes the texts and an index into `dir`, which is made anew.
pub(super) fn write(dir: &Path, components: &[Component]) -> Result<()> {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir)?;
    std::fs::copy(crate::root().join("LICENSE"), dir.join("LICENSE")).context("the repository has no LICENSE")?;
    let mut index = String::from(
        "What this firmware is made of, under which licences, and where their texts are.\n\
         Spanwatch itself: Apache-2.0, LICENSE\n\n",
    );
    for component in components {
        let mut places = Vec::new();
        for (place, text) in &component.texts {
            let path = free(dir, place);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            match text {
                Text::File(from) => std::fs::copy(from, &path).map(drop),
                Text::Bytes(bytes) => std::fs::write(&path, bytes),
            }
            .with_context(|| format!("cannot write {}", path.display()))?;
            places.push(path.strip_prefix(dir)?.display().to_string());
        }
        if places.is_empty() {
            places.push("its package holds no text: the licence's name is all it says".to_owned());
        }
        let licence = match &component.licence {
            Licence::Expression(text) => text.clone(),
            Licence::Names(names) => names.join(", "),
        };
        index.push_str(&format!(
            "{} {}: {licence}: {}\n",
            component.name,
            component.version,
            places.join(", ")
        ));
    }
    std::fs::write(dir.join("index.txt"), index)?;
    Ok(())
}

/// A path in `dir` that no other text has.
fn free(dir: &Path, place: &Path) -> PathBuf {
    let mut path = dir.join(place);
    let mut number = 2;
    while path.exists() {
        path = dir.join(place.with_extension(format!("{number}")));
        number += 1;
    }
    path
}
