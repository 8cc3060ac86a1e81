//! `imports` of an account.

use super::super::super::value::{Pos, Value};
use super::super::{Block, Decoder, Entry, Kind, later, now};
use crate::options::{AccountOptions, ImportKind, ImportOptions};

/// An import while it is read.
#[derive(Default)]
struct Draft {
    /// What is imported, and whether it is a stream.
    source: Option<(bool, Source)>,
    pos: Pos,
    prefix: Option<String>,
    to: Option<String>,
    to_pos: Pos,
    share: bool,
    allow_trace: Option<(bool, Pos)>,
}

#[derive(Default)]
struct Source {
    account: String,
    subject: String,
}

const IMPORT: Block<Draft> = Block::new(&[
    now(&["stream"], Kind::Custom(|decoder, import, entry| source(decoder, import, entry, true))),
    now(&["service"], Kind::Custom(|decoder, import, entry| source(decoder, import, entry, false))),
    now(
        &["prefix"],
        Kind::String(|import, text| import.prefix = (!text.is_empty()).then_some(text)),
    ),
    now(
        &["to"],
        Kind::Custom(|decoder, import, entry| match entry.value() {
            Value::String(text) => {
                import.to = (!text.is_empty()).then(|| text.clone());
                import.to_pos = entry.pos().clone();
            }
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(&["share"], Kind::Bool(|import, on| import.share = on)),
    later(
        &["allow_trace"],
        Kind::Custom(|decoder, import, entry| match entry.value() {
            Value::Bool(on) => import.allow_trace = Some((*on, entry.pos().clone())),
            _ => decoder.wrong_type(entry.node, "bool"),
        }),
    ),
]);

const SOURCE: Block<Source> = Block::new(&[
    now(&["account"], Kind::String(|source, text| source.account = text)),
    now(&["subject"], Kind::String(|source, text| source.subject = text)),
]);

/// Reads the list.
pub(super) fn read(decoder: &mut Decoder<'_>, out: &mut AccountOptions, entry: &Entry<'_>) {
    decoder.maps(
        entry.node,
        |value| format!("Imports should be an array, got {}", value.type_name()),
        |value| format!("Import Items should be a map with type entry, got {}", value.type_name()),
        &mut out.imports,
        |decoder, imports, item| {
            let mut draft = Draft::default();
            decoder.walk_node(&IMPORT, &mut draft, item);
            let Some(import) = draft.finish(decoder) else { return };
            if let (Some(text), Value::Map(map)) = (duplicate(imports, &import), &*item.value) {
                decoder.error(map.end(), text);
            }
            imports.push(import);
        },
    );
}

fn source(decoder: &mut Decoder<'_>, import: &mut Draft, entry: &Entry<'_>, stream: bool) {
    let (what, title, other) =
        if stream { ("stream", "Stream", "service") } else { ("service", "Service", "stream") };
    if import.source.as_ref().is_some_and(|(seen, _)| *seen != stream) {
        return decoder.error(entry.pos(), format!("Detected {what} but already saw a {other}"));
    }
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("{title} entry should be an account map, got {kind}"));
    };
    let mut source = Source::default();
    decoder.walk(&SOURCE, &mut source, map);
    if source.account.is_empty() || source.subject.is_empty() {
        return decoder.error(entry.pos(), "Expect an account name and a subject");
    }
    import.source = Some((stream, source));
    import.pos = entry.pos().clone();
}

impl Draft {
    /// The import; nats-server ignores one without a source.
    fn finish(self, decoder: &mut Decoder<'_>) -> Option<ImportOptions> {
        let (stream, Source { account, subject }) = self.source?;
        let Self { pos, prefix, to, share, .. } = self;
        let kind = if stream {
            if prefix.is_some() && to.is_some() {
                decoder.error(
                    &self.to_pos,
                    "Stream import can not have a 'prefix' and a 'to' property",
                );
            }
            let allow_trace = self.allow_trace.is_some_and(|(on, _)| on);
            ImportKind::Stream { prefix, to, allow_trace }
        } else {
            if let Some((_, pos)) = &self.allow_trace {
                decoder.error(pos, "Detected allow_trace directive on a non-stream");
            }
            ImportKind::Service { to, share }
        };
        Some(ImportOptions { kind, account, subject, pos })
    }
}

/// The text for a service whose local name another service of the same account has already.
fn duplicate(before: &[ImportOptions], import: &ImportOptions) -> Option<String> {
    let local = local_service(import)?;
    let known = before
        .iter()
        .find(|known| known.account == import.account && local_service(known) == Some(local))?;
    let ImportOptions { account, subject, .. } = known;
    Some(format!(
        "Duplicate service import subject {local:?}, previously used in import for account \
         {account:?}, subject {subject:?}"
    ))
}

/// What a service is called by the importer.
fn local_service(import: &ImportOptions) -> Option<&str> {
    match &import.kind {
        ImportKind::Service { to, .. } => Some(to.as_deref().unwrap_or(&import.subject)),
        ImportKind::Stream { .. } => None,
    }
}
