//! A growable array in chunks.

/// Elements of one chunk, as a power of two.
const SHIFT: u32 = 10;
const CHUNK: usize = 1 << SHIFT;

/// A growable array that never moves or over-allocates more than a chunk: a `Vec` of a million
/// elements would hold up to twice its size and, while it grows under the index's lock, three
/// times.
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunked<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends; returns the element's place.
    pub(super) fn push(&mut self, element: T) -> u32 {
        let at = self.len;
        if self.chunks.len() <= at >> SHIFT {
            // The first chunk grows as it needs to, so that a small account stays small.
            self.chunks.push(if at == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        if let Some(chunk) = self.chunks.get_mut(at >> SHIFT) {
            chunk.push(element);
            self.len += 1;
        }
        at as u32
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.chunks.get((at >> SHIFT) as usize)?.get(at as usize & (CHUNK - 1))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.chunks.get_mut((at >> SHIFT) as usize)?.get_mut(at as usize & (CHUNK - 1))
    }

    /// Removes the element at `at` and moves the last one into its place.
    pub(super) fn swap_remove(&mut self, at: u32) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        let mut element = self.chunks.get_mut(last >> SHIFT)?.pop()?;
        self.len = last;
        if let Some(hole) = self.get_mut(at) {
            core::mem::swap(hole, &mut element);
        }
        if self.len == 0 {
            self.chunks = Vec::new();
        } else {
            // One spare chunk stays, or a change back and forth at its border would allocate.
            self.chunks.truncate(self.len.div_ceil(CHUNK) + 1);
        }
        Some(element)
    }

    /// All elements, in order.
    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.chunks.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_keeps_the_rest_dense_and_gives_memory_back() {
        let mut array = Chunked::default();
        let mut model = Vec::new();
        for value in 0..3 * CHUNK as u32 + 7 {
            assert_eq!(array.push(value), value);
            model.push(value);
        }
        let mut at = 5;
        while !model.is_empty() {
            at = (at * 7 + 3) % model.len();
            assert_eq!(array.swap_remove(at as u32), Some(model.swap_remove(at)));
            assert_eq!(array.len(), model.len());
            assert_eq!(array.get(at as u32), model.get(at));
            assert!(array.chunks.len() <= model.len().div_ceil(CHUNK) + 1);
        }
        assert_eq!(array.chunks.capacity(), 0);
        assert_eq!(array.swap_remove(0), None);
    }
}
