//! What the tool says to the person who runs it.

use std::fmt::Display;
use std::io::Write as _;

/// Writes a line to standard output. A closed pipe is no error worth a word: nobody reads any more.
pub fn say(line: impl Display) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Writes a line to standard error.
pub fn warn(line: impl Display) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Rows with aligned columns, each row indented by two spaces; the last column is left as it is.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let rows = [["a".to_owned(), String::new()], ["long".to_owned(), "x".to_owned()]];
        assert_eq!(table(&rows), "  a\n  long  x");
    }
}
