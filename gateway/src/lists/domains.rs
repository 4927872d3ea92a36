//! A list of domains, each standing for itself and all below it.

use super::{LineFault, entries};
use crate::email::ascii_domain;

/// Domains in lower-case ASCII. One text and where each begins in it, sorted: half of what as many strings would take,
/// and given back at once when a new list takes its place.
#[derive(Debug, Default)]
pub struct DomainList {
    text: String,
    bounds: Vec<(u32, u32)>,
}

impl DomainList {
    /// Reads a list with a domain on each line, also as `@domain`, `.domain` or `*.domain`, which mean the same.
    ///
    /// # Errors
    /// The first line that is no domain.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineFault> {
        let mut list = Self::default();
        for (line, entry) in entries(bytes)? {
            list.push(entry).ok_or(LineFault { line, fault: "is no domain" })?;
        }
        Ok(list.sorted())
    }

    /// Adds a domain; the list finds it once it is sorted.
    pub(super) fn push(&mut self, entry: &str) -> Option<()> {
        let bare = entry.trim_start_matches(['@', '*', '.']);
        let domain = ascii_domain(bare.strip_suffix('.').unwrap_or(bare))?;
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(&domain);
        self.bounds.push((start, u32::try_from(self.text.len()).ok()?));
        Some(())
    }

    /// The list in the order that look-ups need, each domain once.
    pub(super) fn sorted(mut self) -> Self {
        let text = std::mem::take(&mut self.text);
        self.bounds.sort_unstable_by_key(|bounds| slice(&text, *bounds));
        self.bounds.dedup_by_key(|bounds| slice(&text, *bounds));
        self.bounds.shrink_to_fit();
        self.text = text;
        self.text.shrink_to_fit();
        self
    }

    /// Whether the list has this domain, in lower-case ASCII, or one above it.
    pub fn has(&self, domain: &str) -> bool {
        let above = domain.match_indices('.').filter_map(|(at, _)| domain.get(at + 1..));
        std::iter::once(domain).chain(above).any(|name| self.has_itself(name))
    }

    fn has_itself(&self, name: &str) -> bool {
        self.bounds.binary_search_by_key(&name, |bounds| slice(&self.text, *bounds)).is_ok()
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.text.capacity() + self.bounds.capacity() * size_of::<(u32, u32)>()
    }
}

fn slice(text: &str, (start, end): (u32, u32)) -> &str {
    // Both are ends of what was pushed.
    text.get(start as usize..end as usize).unwrap_or_default()
}
