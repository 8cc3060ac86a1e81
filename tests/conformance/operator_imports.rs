//! What accounts of operators give to each other (reference security 4.6, 5.7, 5.8, 9.6 and 13,
//! item 130), and what a change of the exporter does to those who import.

use std::time::Duration;

use harness::operator::{key_pair, unix_now};
use harness::{OperatorMode, Server, Session};
use nervure_core::auth::jwt::{
    Activation, ActivationClaims, Export, ExportKind, Import, Revocations, WeightedMapping,
};
use nervure_core::auth::{Role, Signer};

use crate::operator::{Credentials, start};

/// What one account has and another one wants.
struct Pair {
    mode: OperatorMode,
    exporter_key: Signer,
}

impl Pair {
    /// The exporter is the other account; nothing is exported yet.
    fn new() -> Self {
        let mut mode = OperatorMode::new();
        let exporter_key = key_pair(Role::Account, 8);
        mode.others = vec![OperatorMode::account("EXP", &exporter_key)];
        Self { mode, exporter_key }
    }

    fn export(&mut self, export: Export) -> &mut Self {
        self.mode.others[0].nats.exports.push(export);
        self
    }

    fn import(&mut self, import: Import) -> &mut Self {
        let account = self.exporter_key.public().to_string();
        self.mode.account.nats.imports.push(Import { account, ..import });
        self
    }

    /// A client of the importer and one of the exporter.
    fn clients(&self, server: &Server) -> (Session, Session) {
        let importer = Credentials::new(10, &self.mode.user(10), &self.mode.account_key);
        let exporter = Credentials::new(11, &self.mode.user(11), &self.exporter_key);
        (importer.log_in(server).0, exporter.log_in(server).0)
    }
}

fn export(kind: ExportKind, subject: &str) -> Export {
    Export { subject: subject.to_owned(), kind: Some(kind), ..Export::default() }
}

fn import(kind: ExportKind, subject: &str, local_subject: &str) -> Import {
    Import {
        subject: subject.to_owned(),
        local_subject: local_subject.to_owned(),
        kind: Some(kind),
        ..Import::default()
    }
}

#[test]
fn streams_and_services_under_new_and_old_names() {
    let mut pair = Pair::new();
    pair.export(export(ExportKind::Stream, "out.*.*")).export(export(ExportKind::Stream, "old.>"));
    pair.export(export(ExportKind::Service, "ask.*"));
    pair.import(import(ExportKind::Stream, "out.*.*", "in.$2.$1"));
    pair.import(Import { to: "pre".to_owned(), ..import(ExportKind::Stream, "old.x", "") });
    pair.import(import(ExportKind::Service, "ask.one", "local.one"));
    pair.import(Import { to: "ask.two".to_owned(), ..import(ExportKind::Service, "two", "") });
    let server = start(&pair.mode);
    let (mut importer, mut exporter) = pair.clients(&server);
    importer.send("SUB in.> 1\r\nSUB pre.> 2\r\nSUB r 3\r\n").expect_open();
    exporter.send("SUB ask.* 1\r\nPUB out.a.b 1\r\nx\r\nPUB old.x 1\r\ny\r\n").expect_open();
    importer.expect("MSG in.b.a 1 1\r\nx\r\nMSG pre.old.x 2 1\r\ny\r\n");
    for (local, subject) in [("local.one", "ask.one"), ("two", "ask.two")] {
        importer.send(format!("PUB {local} r 1\r\nq\r\n"));
        let request = exporter.read_message();
        assert_eq!(request.subject, subject.as_bytes());
        let reply = String::from_utf8(request.reply.expect("a reply subject")).expect("a subject");
        exporter.send(format!("PUB {reply} 1\r\na\r\n")).expect_open();
        importer.expect("MSG r 3 1\r\na\r\n");
    }
}

#[test]
fn s130_what_the_exporter_takes_away_and_gives_holds_at_once() {
    let mut pair = Pair::new();
    pair.import(import(ExportKind::Stream, "out.>", ""));
    pair.import(import(ExportKind::Service, "ask", ""));
    let server = start(&pair.mode);
    let (mut importer, mut exporter) = pair.clients(&server);
    importer.send("SUB out.> 1\r\nSUB r 2\r\n").expect_open();
    exporter.send("SUB ask 1\r\n").expect_open();
    let publish = "PUB out.a 1\r\nx\r\n";
    exporter.send(publish).expect_open();
    importer.expect_silence(Duration::from_millis(50)).expect_open();
    // Nobody has to subscribe again.
    pair.export(export(ExportKind::Stream, "out.>")).export(export(ExportKind::Service, "ask"));
    server.reload(&pair.mode.config());
    exporter.send(publish).expect_open();
    importer.expect("MSG out.a 1 1\r\nx\r\n");
    importer.send("PUB ask r 1\r\nq\r\n");
    assert_eq!(exporter.read_message().subject, b"ask");
    pair.mode.others[0].nats.exports.clear();
    server.reload(&pair.mode.config());
    exporter.send(publish).expect_open();
    importer.send("PUB ask r 1\r\nq\r\n").expect_open();
    exporter.expect_silence(Duration::from_millis(50)).expect_open();
    importer.expect_silence(Duration::from_millis(50)).expect_open();
}

#[test]
fn an_activation_lets_in_until_it_is_taken_back() {
    let mut pair = Pair::new();
    let private = Export { token_req: true, ..export(ExportKind::Stream, "out.>") };
    pair.export(private.clone());
    let importer = pair.mode.account.sub.clone();
    let activation = ActivationClaims {
        sub: importer.clone(),
        name: "out".to_owned(),
        iat: unix_now(),
        nats: Activation {
            subject: "out.>".to_owned(),
            kind: Some(ExportKind::Stream),
            ..Activation::default()
        },
        ..ActivationClaims::default()
    };
    let token = activation.encode(&pair.exporter_key).expect("an activation's claims");
    pair.import(import(ExportKind::Stream, "out.>", ""));
    let server = start(&pair.mode);
    let (mut here, mut there) = pair.clients(&server);
    here.send("SUB out.> 1\r\n").expect_open();
    let publish = "PUB out.a 1\r\nx\r\n";
    there.send(publish).expect_open();
    here.expect_silence(Duration::from_millis(50)).expect_open();
    pair.mode.account.nats.imports[0].token = token;
    server.reload(&pair.mode.config());
    there.send(publish).expect_open();
    here.expect("MSG out.a 1 1\r\nx\r\n").expect_open();
    let revocations = Revocations([(importer, activation.iat)].into());
    pair.mode.others[0].nats.exports = vec![Export { revocations, ..private }];
    server.reload(&pair.mode.config());
    there.send(publish).expect_open();
    here.expect_silence(Duration::from_millis(50)).expect_open();
}

#[test]
fn mappings_of_an_account_come_and_go() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let user = Credentials::new(10, &mode.user(10), &mode.account_key);
    let (mut session, _) = user.log_in(&server);
    session.send("SUB > 1\r\n").expect_open();
    let to = WeightedMapping { subject: "b".to_owned(), ..WeightedMapping::default() };
    mode.account.nats.mappings = [("a".to_owned(), vec![to])].into();
    server.reload(&mode.config());
    session.send("PUB a 1\r\nx\r\n").expect("MSG b 1 1\r\nx\r\n").expect_open();
    mode.account.nats.mappings.clear();
    server.reload(&mode.config());
    session.send("PUB a 1\r\nx\r\n").expect("MSG a 1 1\r\nx\r\n").expect_open();
}
