//! Readings of single values that several tables share.

use std::path::PathBuf;
use std::time::Duration;

use super::super::duration::parse_duration;
use super::super::value::{Node, Value};
use super::{Decoder, Entry};
use crate::options::Listen;

/// Nanoseconds as a duration; negative ones count as none, as they never pass.
pub(super) fn nanos(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A count that may be written negative to mean none.
pub(super) fn count(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

/// A file name; an empty one is none.
pub(super) fn path(text: String) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

/// Whether a value asks for nothing.
pub(super) fn is_off(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.is_empty(),
        Value::Array(nodes) => nodes.is_empty(),
        Value::String(text) => ["", "disabled", "disable", "off", "false"]
            .iter()
            .any(|off| off.eq_ignore_ascii_case(text)),
        Value::Int(number) => *number == 0,
        Value::Bool(on) => !on,
        Value::Float(_) | Value::Date(_) => false,
    }
}

/// `host:port`, `:port` or a port.
pub(super) fn host_port(value: &Value) -> Result<(Option<String>, i64), String> {
    match value {
        Value::Int(port) => Ok((None, *port)),
        Value::String(text) => {
            let bad = || format!("could not parse address string {text:?}");
            let (host, port) = split_host_port(text).ok_or_else(bad)?;
            let number = port.parse().map_err(|_| format!("could not parse port {port:?}"))?;
            Ok((Some(host.to_owned()), number))
        }
        other => Err(format!("expected port or host:port, got {}", other.type_name())),
    }
}

/// Host, without brackets, and port text.
pub(super) fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains([':', '[', ']']) => return None,
        None => host,
    };
    Some((host, port))
}

impl Decoder<'_> {
    /// A listener's address from a port as configured: `None` for 0, "any free one" for -1.
    pub(super) fn listen(&mut self, host: &str, port: i64) -> Option<Listen> {
        let port = match port {
            0 => return None,
            -1 => 0,
            other => match u16::try_from(other) {
                Ok(port) => port,
                Err(_) => {
                    self.bare_error(format!("listen tcp: address {host}:{port}: invalid port"));
                    return None;
                }
            },
        };
        Some(Listen { host: host.to_owned(), port })
    }

    /// An address told to clients: `host[:port]`; port 0 stands for the listener's.
    pub(super) fn advertise(&mut self, key: &str, text: &str) -> Option<Listen> {
        if text.is_empty() {
            return None;
        }
        let (host, port) = match split_host_port(text) {
            Some(parts) => parts,
            None => (text.trim_start_matches('[').trim_end_matches(']'), "0"),
        };
        match port.parse::<i64>().ok().map(|port| u16::try_from(port.max(0))) {
            Some(Ok(port)) if !host.is_empty() => Some(Listen { host: host.to_owned(), port }),
            _ => {
                self.bare_error(format!("invalid {key} address {text:?}"));
                None
            }
        }
    }

    /// A string or a list of strings. `what` names them in error texts.
    pub(super) fn string_list(&mut self, what: &str, node: &Node) -> Option<Vec<String>> {
        match &*node.value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    if let Value::String(text) = &*item.value {
                        out.push(text.clone());
                    } else {
                        let kind = item.value.type_name();
                        self.error(
                            &item.pos,
                            format!("error parsing {what}: unsupported type in array {kind}"),
                        );
                        return None;
                    }
                }
                Some(out)
            }
            other => {
                let kind = other.type_name();
                self.error(&node.pos, format!("error parsing {what}: unsupported type {kind}"));
                None
            }
        }
    }

    /// Seconds as a number or a duration string. `what` starts the error text.
    pub(super) fn seconds(&mut self, what: &str, entry: &Entry<'_>) -> Option<f64> {
        match entry.value() {
            #[expect(clippy::cast_precision_loss, reason = "nobody waits 2^53 seconds")]
            Value::Int(seconds) => Some(*seconds as f64),
            Value::Float(seconds) => Some(*seconds),
            Value::String(text) => match parse_duration(text) {
                #[expect(clippy::cast_precision_loss, reason = "nobody waits 2^53 nanoseconds")]
                Ok(nanos) => Some(nanos as f64 / 1e9),
                Err(reason) => {
                    self.error(entry.pos(), format!("{what}, 'timeout' {reason}"));
                    None
                }
            },
            _ => {
                self.error(entry.pos(), format!("{what}, 'timeout' wrong type"));
                None
            }
        }
    }

    /// [`Decoder::seconds`] of a login timeout, with a warning for long ones. Zero means the
    /// default.
    pub(super) fn auth_timeout(&mut self, what: &str, entry: &Entry<'_>) -> Option<Duration> {
        let seconds = self.seconds(what, entry)?;
        if seconds > 60.0 {
            let value = entry.value();
            self.warn(
                entry,
                format!(
                    "timeout of {value} ({seconds:.6} seconds) is high, consider keeping it under \
                     60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for \
                     example"
                ),
            );
        }
        Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())
    }

    /// A list whose elements are maps; `each` gets them. The texts are for a value that is no list
    /// and, with its element, for an element that is no map.
    pub(super) fn maps<T>(
        &mut self,
        node: &Node,
        no_list: impl Fn(&Value) -> String,
        no_map: impl Fn(&Value) -> String,
        target: &mut T,
        mut each: impl FnMut(&mut Self, &mut T, &Node),
    ) {
        let Value::Array(items) = &*node.value else {
            self.error(&node.pos, no_list(&node.value));
            return;
        };
        for item in items {
            if matches!(&*item.value, Value::Map(_)) {
                each(self, target, item);
            } else {
                self.error(&item.pos, no_map(&item.value));
            }
        }
    }
}
