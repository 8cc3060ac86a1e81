//! Templates of scopes: permissions with functions in them, filled in for one user (reference
//! security 5.5).

use super::super::permissions::parse_entry;
use super::user::{SubjectLists, UserPermissions};

/// Subjects that one list may grow to (reference security 5.5).
const MAX_SUBJECTS: usize = 4096;

/// What functions look at.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The user's `name`.
    pub user: &'a str,
    /// The user's `sub`.
    pub user_key: &'a str,
    /// The user's tags.
    pub user_tags: &'a [String],
    /// The account's `name`.
    pub account: &'a str,
    /// The user's `issuer_account`.
    pub account_key: &'a str,
    /// The account's tags.
    pub account_tags: &'a [String],
}

/// Why a template cannot be filled in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// A function nobody knows.
    #[error("template operation in {entry:?}: {function:?} is not defined")]
    Function {
        /// The entry.
        entry: String,
        /// What stands between the braces.
        function: String,
    },
    /// An entry of a deny list for which there is no value, or one that makes no subject.
    #[error("the deny entry {0:?} comes to nothing or to an invalid subject")]
    Deny(String),
    /// More than 4096.
    #[error("the list with {0:?} comes to more than {MAX_SUBJECTS} subjects")]
    TooMany(String),
}

/// Fills in a template.
///
/// An entry with several functions, or with tags of several values, comes to one subject for each
/// combination. Wildcards in a value are wildcards of the subject. An entry with functions cannot
/// have a queue (observed on nats-server 2.15.1).
///
/// # Errors
///
/// See [`TemplateError`]. Entries of allow lists that come to nothing are left out; if that
/// leaves none, everything is denied.
pub fn expand(
    template: &UserPermissions,
    names: &Names<'_>,
) -> Result<UserPermissions, TemplateError> {
    Ok(UserPermissions {
        publish: expand_side(&template.publish, names)?,
        subscribe: expand_side(&template.subscribe, names)?,
        resp: template.resp,
    })
}

fn expand_side(lists: &SubjectLists, names: &Names<'_>) -> Result<SubjectLists, TemplateError> {
    let list = |entries: &Option<Vec<String>>, may_drop| {
        entries.as_deref().map(|entries| expand_list(entries, names, may_drop)).transpose()
    };
    let (allow, mut deny) = (list(&lists.allow, true)?, list(&lists.deny, false)?);
    let nothing_left = allow.as_ref().is_some_and(Vec::is_empty);
    if nothing_left && lists.allow.as_ref().is_some_and(|entries| !entries.is_empty()) {
        deny.get_or_insert_default().push(">".to_owned());
    }
    Ok(SubjectLists { allow, deny })
}

fn expand_list(
    entries: &[String],
    names: &Names<'_>,
    may_drop: bool,
) -> Result<Vec<String>, TemplateError> {
    let mut subjects = Vec::new();
    for entry in entries {
        let too_many = || TemplateError::TooMany(entry.clone());
        let Some(parts) = parse(entry, names)? else {
            subjects.push(entry.clone());
            continue;
        };
        let count = parts.iter().try_fold(1_usize, |count, part| count.checked_mul(part.choices()));
        let count = count.filter(|count| subjects.len() + count <= MAX_SUBJECTS);
        let count = count.ok_or_else(too_many)?;
        if count == 0 && !may_drop {
            return Err(TemplateError::Deny(entry.clone()));
        }
        for choice in 0..count {
            let subject = combination(&parts, choice);
            if parse_entry(&subject, false).is_ok() {
                subjects.push(subject);
            } else if !may_drop {
                return Err(TemplateError::Deny(entry.clone()));
            }
        }
    }
    Ok(subjects)
}

/// A piece of an entry.
enum PartOf<'a> {
    Text(&'a str),
    Values(Vec<&'a str>),
}

impl PartOf<'_> {
    fn choices(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Values(values) => values.len(),
        }
    }
}

/// Combination number `choice`; the last function's values change first.
fn combination(parts: &[PartOf<'_>], mut choice: usize) -> String {
    let mut chosen: Vec<&str> = Vec::with_capacity(parts.len());
    for part in parts.iter().rev() {
        chosen.push(match part {
            PartOf::Text(text) => text,
            PartOf::Values(values) => {
                let at = choice % values.len();
                choice /= values.len();
                values[at]
            }
        });
    }
    chosen.into_iter().rev().collect()
}

/// Takes an entry apart; `None` if there is no function in it.
fn parse<'a>(entry: &'a str, names: &Names<'a>) -> Result<Option<Vec<PartOf<'a>>>, TemplateError> {
    let (mut parts, mut rest) = (Vec::new(), entry);
    while let Some((before, function, behind)) = next_function(rest) {
        let values = values(function.trim(), names).ok_or_else(|| TemplateError::Function {
            entry: entry.to_owned(),
            function: function.trim().to_owned(),
        })?;
        parts.extend([PartOf::Text(before), PartOf::Values(values)]);
        rest = behind;
    }
    if parts.is_empty() {
        return Ok(None);
    }
    parts.push(PartOf::Text(rest));
    Ok(Some(parts))
}

/// The text before the first `{{...}}`, what stands in it, and the text behind it. There is at
/// least one character in it, and no brace that closes.
fn next_function(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find("{{")?;
        let inner = &text[open + 2..];
        let end = inner.find('}')?;
        match inner[end..].strip_prefix("}}") {
            Some(behind) if end > 0 => return Some((&text[..open], &inner[..end], behind)),
            _ => from = open + 1,
        }
    }
}

fn values<'a>(function: &str, names: &Names<'a>) -> Option<Vec<&'a str>> {
    let is = |known: &str| function.eq_ignore_ascii_case(known);
    if is("name()") {
        return Some(vec![names.user]);
    } else if is("subject()") {
        return Some(vec![names.user_key]);
    } else if is("account-name()") {
        return Some(vec![names.account]);
    } else if is("account-subject()") {
        return Some(vec![names.account_key]);
    }
    let (key, tags, is_lower) = match argument(function, "tag(") {
        Some((key, is_lower)) => (key, names.user_tags, is_lower),
        None => {
            let (key, is_lower) = argument(function, "account-tag(")?;
            (key, names.account_tags, is_lower)
        }
    };
    let prefix = format!("{}:", key.to_lowercase());
    let values = tags.iter().filter_map(|tag| tag.strip_prefix(&prefix));
    Some(values.filter(|_| is_lower).collect())
}

/// The argument of function `name`, and whether that is written in lower case: in any other the
/// function is known, but has no value (observed on nats-server 2.15.1).
fn argument<'a>(function: &'a str, name: &str) -> Option<(&'a str, bool)> {
    let (written, rest) = function.split_at_checked(name.len())?;
    let is_it = written.eq_ignore_ascii_case(name);
    is_it.then_some((rest.strip_suffix(')')?, written == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn filled(side: &str, entries: &[&str]) -> Result<(Vec<String>, Vec<String>), TemplateError> {
        let user_tags = strings(&["team:a", "team:b", "region:eu", "region:us", "Up:x", "odd:y z"]);
        let account_tags = strings(&["env:prod", "env:dev"]);
        let names = Names {
            user: "bob",
            user_key: "UKEY",
            user_tags: &user_tags,
            account: "A1",
            account_key: "AKEY",
            account_tags: &account_tags,
        };
        let mut lists = SubjectLists::default();
        let list = if side == "deny" { &mut lists.deny } else { &mut lists.allow };
        *list = Some(strings(entries));
        let template = UserPermissions { publish: lists, ..UserPermissions::default() };
        let publish = expand(&template, &names)?.publish;
        Ok((publish.allow.unwrap_or_default(), publish.deny.unwrap_or_default()))
    }

    #[test]
    fn the_reference_example_comes_out() {
        let template = [
            "{{name()}}.>",
            "t.{{tag(team)}}.{{tag(region)}}",
            "at.{{account-tag(env)}}",
            "x.{{tag(nope)}}",
        ];
        let expected = ["bob.>", "t.a.eu", "t.a.us", "t.b.eu", "t.b.us", "at.prod", "at.dev"];
        assert_eq!(filled("allow", &template), Ok((strings(&expected), Vec::new())));
    }

    #[test]
    fn functions_are_known_as_nats_server_knows_them() {
        for (entry, expected) in [
            ("{{ NAME() }}.x", &["bob.x"][..]),
            ("{{Subject()}}", &["UKEY"]),
            ("{{account-name()}}.{{ACCOUNT-SUBJECT()}}", &["A1.AKEY"]),
            ("{{tag(TEAM)}}", &["a", "b"]),
            ("{{tag(up)}}.x", &[]),
            ("{{tag(odd)}}", &[]),
            ("{{TAG(team)}}", &[]),
            ("{{Account-Tag(env)}}", &[]),
            ("{{tag( team )}}", &[]),
            ("{{}}", &["{{}}"]),
            ("{{name()", &["{{name()"]),
            ("{{name()}", &["{{name()}"]),
            ("a.{{}}{{name()}}", &["a.{{}}bob"]),
        ] {
            let (allow, deny) = filled("allow", &[entry]).unwrap();
            assert_eq!(allow, strings(expected), "{entry}");
            assert_eq!(deny.is_empty(), !expected.is_empty(), "{entry}");
        }
        for (entry, function) in [
            ("{{name}}", "name"),
            ("{{tag(team}}", "tag(team"),
            ("{{{name()}}", "{name()"),
            ("{{ }}", ""),
        ] {
            let error =
                TemplateError::Function { entry: entry.to_owned(), function: function.to_owned() };
            for side in ["allow", "deny"] {
                assert_eq!(filled(side, &[entry]), Err(error.clone()), "{side} {entry}");
            }
        }
    }

    #[test]
    fn what_is_denied_has_to_come_to_something() {
        for entry in ["{{tag(nope)}}", "x.{{tag(odd)}}", "{{TAG(team)}}", "{{name()}} q"] {
            assert_eq!(filled("deny", &[entry]), Err(TemplateError::Deny(entry.to_owned())));
        }
        let denied = filled("deny", &["{{tag(team)}}.>", "plain"]);
        assert_eq!(denied, Ok((Vec::new(), strings(&["a.>", "b.>", "plain"]))));
    }

    #[test]
    fn an_allow_list_of_which_nothing_is_left_allows_nothing() {
        let denied = (Vec::new(), strings(&[">"]));
        assert_eq!(filled("allow", &["{{tag(nope)}}", "x.{{tag(odd)}}"]), Ok(denied));
        assert_eq!(filled("allow", &[]), Ok((Vec::new(), Vec::new())));
    }

    #[test]
    fn a_list_has_a_bound() {
        let power = |of: usize| "{{tag(team)}}".repeat(of);
        let (at_most, _) = filled("allow", &[&power(12)]).unwrap();
        assert_eq!(at_most.len(), MAX_SUBJECTS);
        for entries in [&[power(13)][..], &[power(12), "{{name()}}".to_owned()], &[power(500)]] {
            let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
            let error = filled("allow", &entries).unwrap_err();
            assert!(matches!(error, TemplateError::TooMany(_)), "{error}");
        }
    }
}
