//! A short octet string without a heap allocation.

/// An owned octet string; up to `INLINE` octets live in place, for which it takes two bytes more.
/// The heap would charge at least 32 bytes and a cache miss for each.
pub(super) enum Octets<const INLINE: usize> {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl<const INLINE: usize> Octets<INLINE> {
    pub(super) fn new(octets: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..octets.len()) {
            Some(place) => {
                place.copy_from_slice(octets);
                Self::Inline { len: octets.len() as u8, bytes }
            }
            None => Self::Heap(octets.into()),
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Heap(octets) => octets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_comes_back_unchanged() {
        let source: Vec<u8> = (0..64).collect();
        for len in 0..source.len() {
            let octets = Octets::<22>::new(&source[..len]);
            assert_eq!(octets.as_slice(), &source[..len]);
            assert_eq!(matches!(octets, Octets::Heap(_)), len > 22);
        }
        assert_eq!((size_of::<Octets<22>>(), size_of::<Octets<46>>()), (24, 48));
    }
}
