//! Tables for a terminal: columns by display width, so that Chinese and English line up.

use unicode_width::UnicodeWidthStr as _;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(head: &[(&str, Align)]) -> Self {
        Self {
            head: head.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; control characters of what peers sent never reach the terminal.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// The text, a line a row.
    pub(crate) fn render(&self) -> String {
        let mut widths: Vec<usize> = self.head.iter().map(|(name, _)| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let names: Vec<String> = self.head.iter().map(|(name, _)| name.clone()).collect();
        let mut text = String::new();
        for row in std::iter::once(&names).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.head) {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                if !line.is_empty() {
                    line.push_str("  ");
                }
                match align {
                    Align::Left => line.extend([cell.as_str(), &padding]),
                    Align::Right => line.extend([padding.as_str(), cell]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `name: value` lines, aligned.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let padding = " ".repeat(width.saturating_sub(name.width()));
        format!("{name}{padding}  {}\n", printable(value))
    };
    rows.iter().map(line).collect()
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_english_line_up() {
        let mut table = Table::new(&[("端口", Align::Left), ("bit/s", Align::Right)]);
        table.row(["核心交换机".to_owned(), "1".to_owned()]);
        table.row(["a\u{1b}[2Jb".to_owned(), "100 M".to_owned()]);
        assert_eq!(
            table.render(),
            "端口        bit/s\n核心交换机      1\na\u{fffd}[2Jb      100 M\n"
        );
        assert_eq!(
            pairs(&[("版本", "1".into()), ("name", "x".into())]),
            "版本  1\nname  x\n"
        );
    }
}
