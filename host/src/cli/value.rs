//! What Go's flag parser takes for a number and for a boolean.

/// One of Go's spellings of a boolean.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

const SYNTAX: &str = "parse error";
const RANGE: &str = "value out of range";

/// A Go integer literal with an optional sign: decimal, `0x`, `0o` or `0` octal, `0b`, and `_`
/// between digits. The error is the end of Go's message.
pub(super) fn integer(text: &[u8]) -> Result<i64, &'static str> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    // After a base prefix an underscore may come first ("0x_1"); elsewhere a digit must.
    let (radix, digits, mut previous_is_digit) = match rest {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits, true),
        [b'0', b'o' | b'O', digits @ ..] => (8, digits, true),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits, true),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits, true),
        digits => (10, digits, false),
    };
    let mut value: Option<i128> = Some(0);
    let mut seen = false;
    for byte in digits {
        if *byte == b'_' {
            if !previous_is_digit {
                return Err(SYNTAX);
            }
            previous_is_digit = false;
            continue;
        }
        let digit = char::from(*byte).to_digit(radix).ok_or(SYNTAX)?;
        value = value
            .and_then(|value| value.checked_mul(i128::from(radix)))
            .and_then(|value| value.checked_add(i128::from(digit)));
        previous_is_digit = true;
        seen = true;
    }
    if !seen || !previous_is_digit {
        return Err(SYNTAX);
    }
    let value = value.ok_or(RANGE)?;
    i64::try_from(if negative { -value } else { value }).map_err(|_| RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_go_reads_them() {
        let rows: &[(&str, Result<i64, &str>)] = &[
            ("4222", Ok(4222)),
            ("-1", Ok(-1)),
            ("+7", Ok(7)),
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("0x10", Ok(16)),
            ("0X_1f", Ok(31)),
            ("017", Ok(15)),
            ("0o17", Ok(15)),
            ("0_7", Ok(7)),
            ("0b101", Ok(5)),
            ("1_000", Ok(1000)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(RANGE)),
            ("99999999999999999999999999999999999999999999999", Err(RANGE)),
            ("", Err(SYNTAX)),
            ("-", Err(SYNTAX)),
            ("0x", Err(SYNTAX)),
            ("08", Err(SYNTAX)),
            ("_1", Err(SYNTAX)),
            ("1_", Err(SYNTAX)),
            ("1__0", Err(SYNTAX)),
            ("4.2", Err(SYNTAX)),
            ("abc", Err(SYNTAX)),
            (" 1", Err(SYNTAX)),
        ];
        for (text, expected) in rows {
            assert_eq!(integer(text.as_bytes()), *expected, "{text:?}");
        }
    }
}
