//! Values that start with a digit or a minus: integers, sizes, floats, dates, addresses, and words
//! such as `10s` that merely look like numbers (reference section 1.4).

use super::error::SyntaxError;
use super::lexer::{Lexed, Lexer, is_blank, is_newline};
use super::value::Value;

/// What a leading digit or minus turned out to begin.
pub(super) enum Number {
    /// A complete value.
    Value(Value),
    /// A bare word that begins like this; the rest of it is still to be read.
    Word(String),
}

/// Reads a value whose first character is a digit or a minus. `in_array` makes `]` end an integer,
/// which nats-server misses; a size before `]` stays a word as it is there.
pub(super) fn number(lexer: &mut Lexer<'_>, in_array: bool) -> Lexed<Number> {
    let start = lexer.offset();
    let negative = lexer.peek() == Some('-');
    if negative {
        lexer.bump();
        if !lexer.peek().is_some_and(|c| c.is_ascii_digit()) {
            let dot = lexer.peek() == Some('.');
            return Err(lexer.unexpected(|got| {
                if dot {
                    "Floats must start with a digit, not '.'.".to_owned()
                } else {
                    format!("Expected a digit but got '{got}'.")
                }
            }));
        }
    }
    let digits = lexer.offset();
    lexer.bump_while(|c| c.is_ascii_digit());
    match lexer.peek() {
        c if negative || ends(c) || (in_array && c == Some(']')) => match c {
            Some('.') => decimal(lexer, start).map(Number::Value),
            Some(c) if power(c).is_some() => sized(lexer, start),
            // Anything ends a negative integer.
            _ => integer(&lexer.since(start)).map(Number::Value),
        },
        Some('.') => decimal(lexer, start).map(Number::Value),
        Some('-') if lexer.offset() - digits == 4 => date(lexer, start).map(Number::Value),
        Some('-') => {
            lexer.bump();
            Err(lexer.error("All ISO8601 dates must be in full Zulu form."))
        }
        Some(c) if power(c).is_some() => sized(lexer, start),
        _ => {
            // The character that makes it a word belongs to it, whatever it is.
            lexer.bump();
            Ok(Number::Word(lexer.since(start)))
        }
    }
}

/// What ends a number that is not inside an array.
fn ends(c: Option<char>) -> bool {
    c.is_none_or(|c| is_newline(c) || is_blank(c) || matches!(c, '}' | ';' | ','))
}

fn power(letter: char) -> Option<u32> {
    Some(match letter.to_ascii_lowercase() {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        'e' => 6,
        _ => return None,
    })
}

/// A size letter follows the digits: a size, or after all a word.
fn sized(lexer: &mut Lexer<'_>, start: usize) -> Lexed<Number> {
    let digits = lexer.since(start);
    let power = lexer.bump().and_then(power);
    let unit_start = lexer.offset();
    lexer.bump_while(|c| matches!(c, 'b' | 'B' | 'i' | 'I'));
    let Some(power) = power.filter(|_| ends(lexer.peek())) else {
        return Ok(Number::Word(lexer.since(start)));
    };
    let base: i64 = match lexer.since(unit_start).to_ascii_lowercase().as_str() {
        "" => 1000,
        "b" | "i" | "ib" => 1024,
        // nats-server drops such a value silently.
        _ => {
            let text = lexer.since(start);
            return Err(lexer.error(format!("Unknown size suffix in '{text}'.")));
        }
    };
    let whole = lexer.since(start);
    let out_of_range = || SyntaxError::IntegerRange(whole.clone());
    let number: i64 = digits.parse().map_err(|_| SyntaxError::IntegerRange(digits.clone()))?;
    let factor = base.checked_pow(power).ok_or_else(out_of_range)?;
    // nats-server lets the product wrap around; nothing can depend on that.
    let size = number.checked_mul(factor).ok_or_else(out_of_range)?;
    Ok(Number::Value(Value::Int(size)))
}

fn integer(text: &str) -> Lexed<Value> {
    text.parse().map(Value::Int).map_err(|_| SyntaxError::IntegerRange(text.to_owned()))
}

fn float(text: &str) -> Lexed<Value> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(SyntaxError::FloatRange(text.to_owned())),
    }
}

/// A point and at least one digit.
fn fraction(lexer: &mut Lexer<'_>) -> Lexed<()> {
    lexer.bump();
    if !lexer.peek().is_some_and(|c| c.is_ascii_digit()) {
        return Err(lexer.unexpected(|got| {
            format!("Floats must have a digit after the '.', but got '{got}' instead.")
        }));
    }
    lexer.bump_while(|c| c.is_ascii_digit());
    Ok(())
}

/// A float, or with a second point something like an IPv4 address.
fn decimal(lexer: &mut Lexer<'_>, start: usize) -> Lexed<Value> {
    fraction(lexer)?;
    if lexer.peek() == Some('.') {
        lexer.bump_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':' | '-'));
        return Ok(Value::String(lexer.since(start)));
    }
    float(&lexer.since(start))
}

/// The rest of `YYYY-MM-DDThh:mm:ssZ`.
fn date(lexer: &mut Lexer<'_>, start: usize) -> Lexed<Value> {
    for expected in "-dd-ddTdd:dd:ddZ".chars() {
        let fits = match expected {
            'd' => lexer.peek().is_some_and(|c| c.is_ascii_digit()),
            other => lexer.peek() == Some(other),
        };
        if !fits {
            return Err(lexer.unexpected(|got| {
                let wanted =
                    if expected == 'd' { "digit".to_owned() } else { format!("'{expected}'") };
                format!("Expected {wanted} in ISO8601 datetime, but found '{got}' instead.")
            }));
        }
        lexer.bump();
    }
    let text = lexer.since(start);
    if exists(&text) { Ok(Value::Date(text)) } else { Err(SyntaxError::Date(text)) }
}

/// Whether the calendar and the clock have this date. Its form is known to be right.
fn exists(text: &str) -> bool {
    let field = |from: usize, to: usize| {
        text.get(from..to).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(u32::MAX)
    };
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day) && field(11, 13) < 24 && field(14, 16) < 60 && field(17, 19) < 60
}
