//! A server of two shards, and its clients.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::{
    Accounts, Declaration, Export, ExportKind, Import, ImportKind, ResponseKind, Service,
};
use nervure_core::auth::{Auth, Secret, User, Users};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Called, Output, OwnResponse, Shard, Shared};
use nervure_core::{LinkId, ShardId, Time};

pub(crate) fn export(subject: &str, kind: ExportKind) -> Export {
    Export {
        subject: subject.to_owned(),
        kind,
        accounts: Vec::new(),
        account_token_position: None,
        activation: None,
    }
}

pub(crate) fn service(response: ResponseKind) -> ExportKind {
    let threshold = Duration::from_secs(2);
    ExportKind::Service(Service { response, threshold, latency: None })
}

pub(crate) fn stream_import(account: &str, subject: &str, to: Option<&str>) -> Import {
    let kind = ImportKind::Stream { prefix: None, to: to.map(str::to_owned) };
    Import { account: account.to_owned(), subject: subject.to_owned(), kind, activation: None }
}

pub(crate) fn service_import(account: &str, subject: &str, to: Option<&str>) -> Import {
    let kind = ImportKind::Service { to: to.map(str::to_owned), share: false };
    Import { account: account.to_owned(), subject: subject.to_owned(), kind, activation: None }
}

pub(crate) fn account(name: &str, exports: Vec<Export>, imports: Vec<Import>) -> Declaration {
    Declaration { name: name.to_owned(), exports, imports, ..Declaration::default() }
}

/// A server of two shards whose users are named like their accounts, in lower case.
pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: Vec<Shard>,
    pub(crate) clients: Vec<(usize, LinkId, Vec<u8>)>,
    pub(crate) called: Vec<Called>,
    pub(crate) answers: Vec<(u64, Option<String>)>,
    pub(crate) now: Time,
}

fn settings(shared: &Shared, declarations: &[Declaration]) -> Arc<Settings> {
    let user = |declared: &Declaration| User {
        account: declared.name.as_str().into(),
        ..User::with_password(&declared.name.to_lowercase(), Secret::new("p"))
    };
    let users = Arc::new(Users::new(declarations.iter().map(user)));
    let accounts = Arc::new(Accounts::build(shared, declarations, None).unwrap());
    let auth = Auth { required: true, users, ..Auth::default() };
    Arc::new(Settings { accounts, auth, ..Settings::default() })
}

impl World {
    pub(crate) fn new(declarations: &[Declaration]) -> Self {
        let shared = Shared::new(2);
        let settings = settings(&shared, declarations);
        shared.announce(&settings.accounts);
        let shard = |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), u64::from(id));
        let shards = vec![shard(0), shard(1)];
        Self {
            shared,
            shards,
            clients: Vec::new(),
            called: Vec::new(),
            answers: Vec::new(),
            now: Time::ZERO,
        }
    }

    pub(crate) fn reload(&mut self, declarations: &[Declaration]) {
        let settings = settings(&self.shared, declarations);
        self.shared.announce(&settings.accounts);
        for shard in &mut self.shards {
            shard.reconfigure(self.now, settings.clone());
        }
        self.run();
    }

    /// A client of `user` on a shard; what the server said up to its PONG is forgotten.
    pub(crate) fn client(&mut self, shard: usize, user: &str) -> usize {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shards[shard].open(self.now, endpoint).unwrap();
        self.clients.push((shard, link, Vec::new()));
        let client = self.clients.len() - 1;
        let options =
            "\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true";
        self.say(client, &format!("CONNECT {{\"user\":\"{user}\",\"pass\":\"p\",{options}}}\r\n"));
        self.heard(client);
        client
    }

    pub(crate) fn say(&mut self, client: usize, text: &str) {
        let (shard, link, _) = self.clients[client];
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let taken = self.shards[shard].receive(self.now, link, rest);
            rest = &rest[taken..];
            self.run();
        }
    }

    pub(crate) fn run(&mut self) {
        let mut shard = 0;
        let mut idle = 0;
        while idle < self.shards.len() {
            idle += 1;
            loop {
                match self.shards[shard].poll() {
                    Output::Flush(link) => self.flush(shard, link),
                    Output::Close(link, reason) => {
                        self.flush(shard, link);
                        self.shards[shard].closed(self.now, link, reason);
                    }
                    Output::Wake(target) => {
                        self.shards[usize::from(target.0)].wake(self.now);
                        idle = 0;
                    }
                    Output::Called(called) => self.called.push(*called),
                    Output::Response(number, response) => {
                        let text = |it: Box<OwnResponse>| String::from_utf8(it.payload.into());
                        self.answers.push((number, response.map(|it| text(it).unwrap())));
                    }
                    Output::Idle(_) => break,
                    _ => {}
                }
            }
            shard = (shard + 1) % self.shards.len();
        }
    }

    fn flush(&mut self, shard: usize, link: LinkId) {
        let Some(outbound) = self.shards[shard].outbound(link) else { return };
        let mut slices = [IoSlice::new(&[]); 64];
        let count = outbound.slices(&mut slices);
        let octets: Vec<u8> = slices[..count].iter().flat_map(|it| it.iter()).copied().collect();
        let client = self.clients.iter_mut().find(|it| (it.0, it.1) == (shard, link)).unwrap();
        client.2.extend_from_slice(&octets);
        self.shards[shard].written(self.now, link, octets.len());
    }

    /// Octets that come of one read of a client on the first shard. Nobody keeps them.
    pub(crate) fn pass(&mut self, client: usize, text: &str) -> usize {
        let (shard, link, _) = self.clients[client];
        let shard = &mut self.shards[shard];
        assert_eq!(shard.receive(self.now, link, text.as_bytes()), text.len());
        let mut total = 0;
        loop {
            match shard.poll() {
                Output::Flush(link) => {
                    let mut slices = [IoSlice::new(&[]); 64];
                    let filled = shard.outbound(link).unwrap().slices(&mut slices);
                    let octets = slices[..filled].iter().map(|slice| slice.len()).sum();
                    shard.written(self.now, link, octets);
                    total += octets;
                }
                _ => return total,
            }
        }
    }

    /// What a client was sent since the last call, but for pings.
    pub(crate) fn heard(&mut self, client: usize) -> String {
        let heard = String::from_utf8(std::mem::take(&mut self.clients[client].2)).unwrap();
        heard.replace("PING\r\n", "")
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        for shard in &mut self.shards {
            shard.timeout(self.now);
        }
        self.run();
    }
}

/// The reply subject of a request as a responder hears it.
pub(crate) fn reply_of(request: &str) -> String {
    let words: Vec<&str> = request.lines().next().unwrap().split(' ').collect();
    words[3].to_owned()
}
