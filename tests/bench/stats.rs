//! Medians and percentiles.

/// The middle of `values`; of an even number, the mean of the two in the middle. `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *sorted.get(middle.wrapping_sub(1))?))
}

/// Sorts `nanos` and gives the nearest-rank percentiles 50, 99 and 99.9 in microseconds. `None` of
/// no values.
pub(crate) fn percentiles(nanos: &mut [u32]) -> Option<[f64; 3]> {
    nanos.sort_unstable();
    let at = |per_mille: usize| {
        let rank = (nanos.len() * per_mille).div_ceil(1000);
        nanos.get(rank.saturating_sub(1)).map(|nanos| f64::from(*nanos) / 1000.0)
    };
    Some([at(500)?, at(990)?, at(999)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[9.0, 1.0, 5.0, 6.0]), Some(5.5));
    }

    #[test]
    fn percentiles_are_nearest_ranks_whatever_the_order() {
        assert_eq!(percentiles(&mut []), None);
        assert_eq!(percentiles(&mut [3000]), Some([3.0, 3.0, 3.0]));
        let mut values: Vec<u32> = (1..=1000).rev().map(|value| value * 1000).collect();
        assert_eq!(percentiles(&mut values), Some([500.0, 990.0, 999.0]));
        assert_eq!(percentiles(&mut [2000, 1000]), Some([1.0, 2.0, 2.0]));
    }
}
