//! The ways in that options ask for, as the core checks them.

use std::sync::Arc;

use nervure_core::account::GLOBAL;
use nervure_core::auth::callout::SUBJECT;
use nervure_core::auth::{Auth, Callout, ConnectionType, Permissions, Secret, Step, User, Users};

use crate::options::{AuthOptions, CalloutOptions, Options, TlsOptions};

/// The ways into the client listener, and into the WebSocket listener where there is one.
pub(super) fn ways(options: &Options) -> (Auth, Option<Auth>) {
    let maps = |tls: Option<&TlsOptions>| tls.is_some_and(|tls| tls.verify_and_map);
    let main_maps = maps(options.tls.as_ref());
    let websocket = options.websocket.as_ref();
    let websocket_maps = websocket.is_some_and(|ws| maps(ws.tls.as_ref()));
    let users = Arc::new(users(&options.auth));
    let operators = super::in_force::operators(options).map(Arc::new);
    let protected = protected(&options.auth);
    let callout = options.auth.callout.as_ref().map(|callout| Arc::new(delegation(callout)));
    let auth = |ways: &AuthOptions, maps: bool, mapped_elsewhere| {
        let single = ways.users.first().filter(|_| ways.single_user);
        let single = single.map(|single| user(single, protected));
        Auth {
            required: operators.is_some() || is_required(ways) || callout.is_some(),
            order: order(&ways.order),
            operators: operators.clone(),
            users: users.clone(),
            single_user: single.map(Arc::new),
            token: ways.token.as_deref().map(Secret::new),
            no_auth_user: ways.no_auth_user.as_deref().map(Into::into),
            map_certificates: maps,
            mapped_elsewhere,
            proxy_required: ways.proxy_required,
            trusted_proxies: options.trusted_proxies.clone(),
            callout: callout.clone(),
            anonymous: options.lets_anonymous_in(),
        }
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
    ways.callout.is_some()
        || ways.token.is_some()
        || !ways.users.is_empty()
        || !ways.nkeys.is_empty()
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
    warnings.extend(options.auth.callout.iter().flat_map(|it| callout_warnings(it, options)));
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

/// Names in an `auth_callout` block that nobody has. nats-server finds out at the first login.
fn callout_warnings(callout: &CalloutOptions, options: &Options) -> Vec<String> {
    let mut warnings = Vec::new();
    let account = callout.account.as_deref().unwrap_or(GLOBAL);
    let declared = options.accounts.iter().any(|it| it.name == account);
    if account != GLOBAL && !declared && options.system_account_name() != Some(account) {
        warnings.push(format!(
            "auth_callout account {account:?} is not declared: clients it is for cannot log in"
        ));
    }
    let auth = &options.auth;
    for name in &callout.auth_users {
        let known = auth.users.iter().any(|user| user.name == *name)
            || auth.nkeys.iter().any(|nkey| nkey.key.to_string() == *name);
        if !known {
            warnings.push(format!("auth_callout auth user {name:?} is not a configured user"));
        }
    }
    warnings
}

/// The configured steps, then those it leaves out. The callout is always the last.
fn order(configured: &[Step]) -> Vec<Step> {
    let first = configured.iter().copied().filter(|step| *step != Step::Callout);
    let left_out = Step::DEFAULT_ORDER.into_iter().filter(|step| !configured.contains(step));
    let mut order: Vec<Step> = first.chain(left_out).collect();
    if !order.contains(&Step::Callout) {
        order.push(Step::Callout);
    }
    order
}

/// Whom a service decides about.
fn delegation(callout: &CalloutOptions) -> Callout {
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    Callout {
        account: account(callout.account.as_deref()),
        auth_users: texts(&callout.auth_users),
        allowed_accounts: texts(&callout.allowed_accounts),
    }
}

/// The account whose users may not speak in the server's name to the service, if there is one.
fn protected(options: &AuthOptions) -> Option<&str> {
    options.callout.as_ref().map(|callout| callout.account.as_deref().unwrap_or(GLOBAL))
}

/// The users of the list, by name and by key.
fn users(options: &AuthOptions) -> Users {
    let listed = options.users.iter().filter(|_| !options.single_user);
    let protected = protected(options);
    let nkeys = options.nkeys.iter().map(|nkey| User {
        types: nkey.types,
        proxy_required: nkey.proxy_required,
        permissions: permissions(nkey.permissions.as_ref(), nkey.account.as_deref(), protected),
        account: account(nkey.account.as_deref()),
        ..User::with_nkey(nkey.key)
    });
    Users::new(listed.map(|listed| user(listed, protected)).chain(nkeys))
}

fn user(options: &crate::options::User, protected: Option<&str>) -> User {
    let of = options.account.as_deref();
    User {
        types: options.types,
        proxy_required: options.proxy_required,
        permissions: permissions(options.permissions.as_ref(), of, protected),
        account: account(of),
        ..User::with_password(&options.name, Secret::new(&options.password))
    }
}

/// The account of a user that names this one.
fn account(name: Option<&str>) -> Arc<str> {
    name.unwrap_or(GLOBAL).into()
}

/// Permissions that take something away; the others are none. Those of users in the `protected`
/// account always do (reference security 10.6).
fn permissions(
    given: Option<&Arc<Permissions>>,
    account: Option<&str>,
    protected: Option<&str>,
) -> Option<Arc<Permissions>> {
    if protected == Some(account.unwrap_or(GLOBAL)) {
        let given = given.map(|given| Permissions::clone(given)).unwrap_or_default();
        return Some(Arc::new(given.without_publishing_to(SUBJECT)));
    }
    given.filter(|rules| !rules.is_unrestricted()).cloned()
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
            auth.order[..5],
            [Step::Token, Step::Jwt, Step::Nkeys, Step::Users, Step::SingleUser]
        );
        assert_eq!(auth.order.last(), Some(&Step::Callout));
        assert_eq!(
            warnings(&options),
            ["authorization order is [token, jwt, nkeys, users, user, callout], \
              nats-server's is [jwt, nkeys, users, token, user, callout]"]
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
