//! Numbers as the wire writes them: plain decimal digits.

use crate::limits::MAX_SIZE_DIGITS;

/// Reads a size: one to nine decimal digits, leading zeros allowed, nothing else
/// (client-protocol 1.5). `None` for everything else, a tenth digit included.
#[inline]
pub fn parse_size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > MAX_SIZE_DIGITS {
        return None;
    }
    // Nine digits fit in 32 bits with room to spare, so nothing here can overflow.
    let mut value = 0_u32;
    for &octet in digits {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some(value as usize)
}

/// Digits of the largest `u64`.
const MOST_DIGITS: usize = 20;

/// A number in canonical decimal form, held without allocation.
#[derive(Clone, Copy)]
pub struct Decimal {
    digits: [u8; MOST_DIGITS],
    start: u8,
}

impl Decimal {
    /// Formats `value`.
    #[inline]
    pub fn new(mut value: u64) -> Self {
        let mut digits = [b'0'; MOST_DIGITS];
        let mut start = MOST_DIGITS;
        for slot in digits.iter_mut().rev() {
            // The remainder is below ten, so the cast keeps it.
            *slot = b'0' + (value % 10) as u8;
            value /= 10;
            start -= 1;
            if value == 0 {
                break;
            }
        }
        Self { digits, start: start as u8 }
    }

    /// The digits, without leading zeros.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(usize::from(self.start)..).unwrap_or(&[])
    }
}

impl From<usize> for Decimal {
    fn from(value: usize) -> Self {
        Self::new(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_to_nine_plain_digits() {
        for (digits, value) in [("0", 0), ("2", 2), ("0002", 2), ("999999999", 999_999_999)] {
            assert_eq!(parse_size(digits.as_bytes()), Some(value), "{digits}");
        }
        for bad in ["", "-1", "+2", "2x", "x", "0x2", "1 ", "2\r", "0000000002", "1000000000", ":"]
        {
            assert_eq!(parse_size(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn decimals_read_like_the_standard_formatter() {
        let near_powers = (0..20).flat_map(|n| {
            let power = 10_u64.pow(n);
            [power - 1, power, power.saturating_add(1)]
        });
        for value in near_powers.chain([0, 7, 42, 1_048_576, u64::MAX]) {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
        }
    }
}
