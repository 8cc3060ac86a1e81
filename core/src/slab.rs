//! Slots that are used again, each with a generation that tells its occupants apart.

/// A growable set of slots.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Generation that a new slot starts with.
    base: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), base: 0 }
    }
}

impl<T> Slab<T> {
    /// Stores what `make` builds from its own slot and generation. `None` when all four billion
    /// slots are taken.
    pub(crate) fn insert(&mut self, make: impl FnOnce(u32, u32) -> T) -> Option<(u32, u32)> {
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            entry.value = Some(make(slot, entry.generation));
            return Some((slot, entry.generation));
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot { generation: self.base, value: Some(make(slot, self.base)) });
        Some((slot, self.base))
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

    /// The occupant of `slot` if its generation (compared in its low bits, as many as `mask` has)
    /// is still `generation`.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32, generation: u32, mask: u32) -> Option<&mut T> {
        let entry = self.slots.get_mut(slot as usize)?;
        if entry.generation & mask == generation { entry.value.as_mut() } else { None }
    }

    /// Empties `slot`.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        if self.free.len() == self.slots.len() {
            self.shrink();
        }
        Some(value)
    }

    /// Nothing is left: give most memory back, but keep the generations of what stays.
    fn shrink(&mut self) {
        const KEEP: usize = 1024;
        if self.slots.len() > KEEP {
            // A stale name of a dropped slot must not meet a fresh occupant of its generation, so
            // every slot goes on from the newest generation seen.
            let newest = self.slots.iter().map(|s| s.generation).max().unwrap_or(0);
            self.base = newest;
            self.slots.truncate(KEEP);
            self.slots.shrink_to_fit();
            for slot in &mut self.slots {
                slot.generation = newest;
            }
            self.free = (0..KEEP as u32).rev().collect();
        }
    }

    /// Number of occupied slots.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All occupied slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.slots).filter(|(_, s)| s.value.is_some()).map(|(slot, _)| slot)
    }
}
