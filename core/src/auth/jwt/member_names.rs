//! Members of claims by the names we know them by. NATS matches them in any letter case
//! (reference security 1.4) and takes `null` for nothing said.

use serde_json::{Map, Value};

/// Members that are maps, whose own member names are data.
const KEYED_BY_DATA: [&str; 3] = ["revocations", "mappings", "tiered_limits"];

/// Names in lower case, and no `null`s. Of several spellings the one in lower case counts.
pub(super) fn folded(members: Map<String, Value>) -> Map<String, Value> {
    fold(members, false)
}

/// One level of [`folded`].
pub(super) fn folded_here(members: Map<String, Value>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// How deep this goes the JSON reader has limited.
fn fold(members: Map<String, Value>, names_are_data: bool) -> Map<String, Value> {
    let mut folded = Map::new();
    for (name, value) in members {
        if value.is_null() {
            continue;
        }
        let known = if names_are_data { name.clone() } else { name.to_ascii_lowercase() };
        let maps_data = !names_are_data && KEYED_BY_DATA.contains(&known.as_str());
        if known == name || !folded.contains_key(&known) {
            folded.insert(known, fold_value(value, maps_data));
        }
    }
    folded
}

fn fold_value(value: Value, names_are_data: bool) -> Value {
    match value {
        Value::Object(members) => Value::Object(fold(members, names_are_data)),
        Value::Array(values) => {
            values.into_iter().map(|value| fold_value(value, names_are_data)).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_members_fold_and_names_of_data_do_not() {
        let given = json!({
            "Sub": 1, "sub": 2, "IAT": 3, "exp": null,
            "Nats": {
                "Revocations": { "UABC": 1 },
                "mappings": { "Foo.*": [ { "Subject": "X" } ] },
                "TIERED_LIMITS": { "R1": { "Streams": 5 } },
                "imports": [ { "Name": "N" } ],
            },
        });
        let Value::Object(given) = given else { panic!("an object") };
        let expected = json!({
            "sub": 2, "iat": 3,
            "nats": {
                "revocations": { "UABC": 1 },
                "mappings": { "Foo.*": [ { "subject": "X" } ] },
                "tiered_limits": { "R1": { "streams": 5 } },
                "imports": [ { "name": "N" } ],
            },
        });
        assert_eq!(Value::Object(folded(given)), expected);
    }
}
