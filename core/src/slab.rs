//! Slots that are used again, each with a generation that tells its occupants apart.

/// Slots that are kept however few are occupied.
const KEEP: usize = 64;

/// A growable set of slots.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// Slots to fill next. May name slots that are occupied or gone; they are passed over.
    free: Vec<u32>,
    count: usize,
    /// Generation that a new slot starts with: above that of every slot that was given back, so
    /// that a stale name never meets a stranger.
    base: u32,
}

// The generation, which is asked for first, stays beside the first fields of the value.
#[derive(Debug)]
#[repr(C)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), count: 0, base: 0 }
    }
}

impl<T> Slab<T> {
    /// Octets of a slot.
    #[cfg(test)]
    pub(crate) const SLOT: usize = size_of::<Slot<T>>();

    /// Stores what `make` builds from its own slot and generation. `None` when all four billion
    /// slots are taken.
    pub(crate) fn insert(&mut self, make: impl FnOnce(u32, u32) -> T) -> Option<(u32, u32)> {
        while let Some(slot) = self.free.pop() {
            if let Some(entry) = self.slots.get_mut(slot as usize)
                && entry.value.is_none()
            {
                entry.value = Some(make(slot, entry.generation));
                self.count += 1;
                return Some((slot, entry.generation));
            }
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        let generation = self.base;
        self.slots.push(Slot { generation, value: Some(make(slot, generation)) });
        self.count += 1;
        Some((slot, generation))
    }

    /// The occupant of `slot`, whoever it is.
    #[inline]
    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.value.as_ref()
    }

    /// The occupant of `slot`, whoever it is.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.value.as_mut()
    }

    /// The generation of the occupant of `slot`.
    pub(crate) fn generation(&self, slot: u32) -> Option<u32> {
        let entry = self.slots.get(slot as usize)?;
        entry.value.as_ref().map(|_| entry.generation)
    }

    /// The occupant of `slot` if its generation (compared in its low bits, as many as `mask` has)
    /// is still `generation`.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32, generation: u32, mask: u32) -> Option<&mut T> {
        let entry = self.slots.get_mut(slot as usize)?;
        if entry.generation & mask == generation { entry.value.as_mut() } else { None }
    }

    /// Empties `slot`, and gives back the empty slots at the end.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        self.count -= 1;
        while self.slots.len() > KEEP
            && let Some(last) = self.slots.pop_if(|last| last.value.is_none())
        {
            self.base = self.base.max(last.generation);
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
            let len = self.slots.len();
            self.free.retain(|&slot| (slot as usize) < len);
            self.free.shrink_to_fit();
        }
        Some(value)
    }

    /// Number of occupied slots.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// All occupied slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.slots).filter(|(_, s)| s.value.is_some()).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn names_find_their_own_occupant_or_nothing_whatever_comes_and_goes() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut slab = Slab::default();
        let mut live = HashMap::new();
        let mut dead = Vec::new();
        for round in 0..60_000u64 {
            // Waves: mostly filling, then mostly emptying.
            let fill = if round / 6000 % 2 == 0 { 0.8 } else { 0.2 };
            if rng.f64() < fill {
                let name = slab.insert(|_, _| round).unwrap();
                assert!(live.insert(name, round).is_none());
            } else if let Some(&name) = live.keys().next() {
                assert_eq!(slab.remove(name.0), live.remove(&name));
                dead.push(name);
            }
        }
        assert_eq!(slab.len(), live.len());
        for (name, value) in &live {
            assert_eq!(slab.get_mut(name.0, name.1, u32::MAX).copied(), Some(*value));
        }
        for name in dead {
            assert_eq!(slab.get_mut(name.0, name.1, u32::MAX), None, "{name:?}");
        }
    }

    #[test]
    fn a_crowd_that_left_leaves_little_behind() {
        let mut slab = Slab::default();
        for value in 0..100_000u32 {
            slab.insert(|_, _| value);
        }
        for slot in 1..100_000 {
            slab.remove(slot);
        }
        assert_eq!((slab.len(), slab.at(0)), (1, Some(&0)));
        assert!(slab.slots.capacity() <= 4 * KEEP, "{}", slab.slots.capacity());
        assert!(slab.free.capacity() <= 4 * KEEP, "{}", slab.free.capacity());
    }
}
