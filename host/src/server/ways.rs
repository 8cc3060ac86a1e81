//! The ways in that options ask for, as the core checks them.

use std::sync::Arc;

use nervure_core::account::GLOBAL;
use nervure_core::auth::{Auth, ConnectionType, Permissions, Secret, Step, User, Users};

use crate::options::{AuthOptions, Options, TlsOptions};

/// The ways into the client listener, and into the WebSocket listener where there is one.
pub(super) fn ways(options: &Options) -> (Auth, Option<Auth>) {
    let maps = |tls: Option<&TlsOptions>| tls.is_some_and(|tls| tls.verify_and_map);
    let main_maps = maps(options.tls.as_ref());
    let websocket = options.websocket.as_ref();
    let websocket_maps = websocket.is_some_and(|ws| maps(ws.tls.as_ref()));
    let users = Arc::new(users(&options.auth));
    let operators = super::in_force::operators(options).map(Arc::new);
    let auth = |ways: &AuthOptions, maps: bool, mapped_elsewhere| Auth {
        required: operators.is_some() || is_required(ways),
        order: order(&ways.order),
        operators: operators.clone(),
        users: users.clone(),
        single_user: ways.single_user.then(|| ways.users.first().map(user)).flatten().map(Arc::new),
        token: ways.token.as_deref().map(Secret::new),
        no_auth_user: ways.no_auth_user.as_deref().map(Into::into),
        map_certificates: maps,
        mapped_elsewhere,
        proxy_required: ways.proxy_required,
        trusted_proxies: options.trusted_proxies.clone(),
        anonymous: options.lets_anonymous_in(),
    };
    let when = |maps: bool, kind| if maps { vec![kind] } else { Vec::new() };
    let of_websocket = websocket.map(|ws| {
        let ways = ws.auth.as_ref().unwrap_or(&options.auth);
        auth(ways, websocket_maps, when(main_maps, ConnectionType::Standard))
    });
    let elsewhere = when(websocket_maps, ConnectionType::WebSocket);
    (auth(&options.auth, main_maps, elsewhere), of_websocket)
}

/// Whether clients have to show something.
pub(super) fn is_required(ways: &AuthOptions) -> bool {
    ways.fail_closed || ways.token.is_some() || !ways.users.is_empty() || !ways.nkeys.is_empty()
}

/// What an operator should know about the ways in, as log lines.
pub fn warnings(options: &Options) -> Vec<String> {
    let mut warnings = Vec::new();
    let plain = |ways: &AuthOptions| {
        let secrets = ways.users.iter().map(|user| user.password.as_str());
        secrets.into_iter().any(|secret| matches!(Secret::new(secret), Secret::Plain(_)))
    };
    let websocket = options.websocket.as_ref().and_then(|ws| ws.auth.as_ref());
    if plain(&options.auth) || websocket.is_some_and(plain) {
        warnings.push("Plaintext passwords detected, use nkeys or bcrypt".to_owned());
    }
    let order = order(&options.auth.order);
    if order != Step::DEFAULT_ORDER {
        let names = |steps: &[Step]| steps.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
        warnings.push(format!(
            "authorization order is [{}], nats-server's is [{}]",
            names(&order),
            names(&Step::DEFAULT_ORDER)
        ));
    }
    warnings
}

/// The configured steps, then those it leaves out.
fn order(configured: &[Step]) -> Vec<Step> {
    let left_out = Step::DEFAULT_ORDER.into_iter().filter(|step| !configured.contains(step));
    configured.iter().copied().chain(left_out).collect()
}

/// The users of the list, by name and by key.
fn users(options: &AuthOptions) -> Users {
    let listed = options.users.iter().filter(|_| !options.single_user);
    let nkeys = options.nkeys.iter().map(|nkey| User {
        types: nkey.types,
        proxy_required: nkey.proxy_required,
        permissions: effective(nkey.permissions.as_ref()),
        account: account(nkey.account.as_deref()),
        ..User::with_nkey(nkey.key)
    });
    Users::new(listed.map(user).chain(nkeys))
}

fn user(options: &crate::options::User) -> User {
    User {
        types: options.types,
        proxy_required: options.proxy_required,
        permissions: effective(options.permissions.as_ref()),
        account: account(options.account.as_deref()),
        ..User::with_password(&options.name, Secret::new(&options.password))
    }
}

/// The account of a user that names this one.
fn account(name: Option<&str>) -> Arc<str> {
    name.unwrap_or(GLOBAL).into()
}

/// Permissions that take something away; the others are none.
fn effective(permissions: Option<&Arc<Permissions>>) -> Option<Arc<Permissions>> {
    permissions.filter(|rules| !rules.is_unrestricted()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    #[test]
    fn an_order_names_the_steps_it_moves_and_is_warned_of() {
        let mut options = Options::default();
        assert_eq!(warnings(&options), Vec::<String>::new());
        options.auth.order = vec![Step::Token];
        let (auth, _) = ways(&options);
        assert_eq!(
            auth.order,
            [Step::Token, Step::Jwt, Step::Nkeys, Step::Users, Step::SingleUser]
        );
        assert_eq!(
            warnings(&options),
            ["authorization order is [token, jwt, nkeys, users, user], \
              nats-server's is [jwt, nkeys, users, token, user]"]
        );
    }

    #[test]
    fn plain_passwords_are_warned_of_hashes_are_not() {
        let with = |password: &str| {
            let mut options = Options::default();
            let user = options::User { password: password.to_owned(), ..options::User::default() };
            options.auth.users.push(user);
            warnings(&options).len()
        };
        assert_eq!((with("x"), with(""), with("$2a$04$abc")), (1, 1, 0));
    }

    #[test]
    fn users_of_accounts_make_logins_necessary_and_belong_to_their_account() {
        let key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
        let key = nervure_core::auth::PublicKey::parse(key).unwrap();
        let account = Some("A".to_owned());
        let user =
            options::User { name: "a".to_owned(), account: account.clone(), ..Default::default() };
        let nkey = options::NkeyUser {
            key,
            types: Default::default(),
            proxy_required: false,
            permissions: None,
            account,
        };
        for (users, nkeys) in [(vec![user], Vec::new()), (Vec::new(), vec![nkey])] {
            let mut options = Options::default();
            (options.auth.users, options.auth.nkeys) = (users, nkeys);
            let (auth, _) = ways(&options);
            let user = auth.users.named("a").or_else(|| auth.users.nkey(&key.to_string()));
            assert!(auth.required && !auth.anonymous);
            assert_eq!(user.map(|user| user.account.to_string()).as_deref(), Some("A"));
        }
    }

    #[test]
    fn a_single_user_is_no_list() {
        let mut options = Options::default();
        let user = |name: &str| options::User { name: name.to_owned(), ..options::User::default() };
        options.auth.users = vec![user("a")];
        options.auth.single_user = true;
        let (auth, _) = ways(&options);
        assert!(auth.required && auth.single_user.is_some() && !auth.users.has_named());
        options.auth.single_user = false;
        let (auth, _) = ways(&options);
        assert!(auth.required && auth.single_user.is_none() && auth.users.has_named());
    }
}
