//! Random bytes that nobody can foretell.

/// From this thread's own generator (`ChaCha12`, seeded by the system, and anew after each 64 KiB). A
/// request draws several times, and a call of the kernel for each cost it more than what the bytes are for.
pub fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_draw_is_like_another() {
        assert_ne!(super::bytes::<24>(), super::bytes::<24>());
    }
}
