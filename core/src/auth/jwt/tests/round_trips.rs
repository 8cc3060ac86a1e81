//! What is written is read again, and nothing that is read makes the reader fall over.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["", "[a-c.*>]{1,6}", "[<&>\"\\\\\u{2028}é\u{10348} ]{1,4}", "\\PC{0,5}"]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(-1), Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

fn list() -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::of(prop::collection::vec(text(), 0..3))
}

fn lists() -> impl Strategy<Value = SubjectLists> {
    (list(), list()).prop_map(|(allow, deny)| SubjectLists { allow, deny })
}

fn permissions() -> impl Strategy<Value = UserPermissions> {
    let resp = (number(), number()).prop_map(|(max, ttl)| ResponsePermission { max, ttl });
    (lists(), lists(), prop::option::of(resp))
        .prop_map(|(publish, subscribe, resp)| UserPermissions { publish, subscribe, resp })
}

fn limits() -> impl Strategy<Value = UserLimits> {
    let range = (text(), text()).prop_map(|(start, end)| TimeRange { start, end });
    let times = prop::option::of(prop::collection::vec(range, 0..2));
    let flags = (any::<bool>(), any::<bool>());
    let numbers = (number(), number(), number());
    (permissions(), list(), times, text(), numbers, flags, list()).prop_map(
        |(permissions, src, times, times_location, (subs, data, payload), flags, types)| {
            UserLimits {
                permissions,
                src,
                times,
                times_location,
                subs,
                data,
                payload,
                bearer_token: flags.0,
                proxy_required: flags.1,
                allowed_connection_types: types,
            }
        },
    )
}

/// Common claims of a subject around `nats`.
fn around<T: core::fmt::Debug>(
    subject: Role,
    nats: impl Strategy<Value = T>,
) -> impl Strategy<Value = Claims<T>> {
    let tags = prop::collection::vec(text(), 0..3);
    (text(), number(), number(), text(), number(), tags, nats).prop_map(
        move |(aud, exp, iat, name, nbf, tags, nats)| Claims {
            aud,
            exp,
            iat,
            name,
            nbf,
            tags,
            sub: key(subject, 2),
            jti: String::new(),
            iss: String::new(),
            version: 2,
            nats,
        },
    )
}

/// What is written and read again is the same, and so is what is written then.
fn comes_back<T: Body + Clone + PartialEq + core::fmt::Debug>(
    claims: &Claims<T>,
    by: &Signer,
) -> Result<(), TestCaseError> {
    let written = claims.encode(by).unwrap();
    let read = Claims::<T>::decode(&written).unwrap();
    let expected = Claims { iss: by.public().to_string(), jti: read.jti.clone(), ..claims.clone() };
    prop_assert_eq!(&read, &expected);
    prop_assert_eq!(read.encode(by).unwrap(), written);
    Ok(())
}

fn jetstream() -> impl Strategy<Value = JetStreamLimits> {
    (number(), number(), number(), any::<bool>()).prop_map(|(one, two, three, required)| {
        JetStreamLimits {
            mem_storage: one,
            disk_storage: two,
            streams: three,
            consumer: one,
            max_ack_pending: two,
            mem_max_stream_bytes: three,
            disk_max_stream_bytes: one,
            max_bytes_required: required,
        }
    })
}

fn export() -> impl Strategy<Value = Export> {
    let sampling = prop_oneof![Just(Sampling::Headers), number().prop_map(Sampling::Percent)];
    let latency =
        (sampling, text()).prop_map(|(sampling, results)| ServiceLatency { sampling, results });
    let kind = prop::option::of(prop_oneof![Just(ExportKind::Stream), Just(ExportKind::Service)]);
    let response = prop_oneof![
        Just(ResponseType::Singleton),
        Just(ResponseType::Stream),
        Just(ResponseType::Chunked)
    ];
    let revocations = prop::collection::btree_map(text(), number(), 0..2).prop_map(Revocations);
    (text(), kind, response, prop::option::of(latency), revocations, number(), any::<u32>())
        .prop_map(|(subject, kind, response_type, service_latency, revocations, ns, position)| {
            Export {
                name: subject.clone(),
                subject,
                kind,
                token_req: ns > 0,
                revocations,
                response_type,
                response_threshold: ns,
                service_latency,
                account_token_position: position,
                advertise: ns < 0,
                allow_trace: position > 9,
                description: String::new(),
                info_url: "x".to_owned(),
            }
        })
}

fn import() -> impl Strategy<Value = Import> {
    let kind = prop::option::of(prop_oneof![Just(ExportKind::Stream), Just(ExportKind::Service)]);
    (text(), text(), text(), text(), kind, any::<bool>()).prop_map(
        |(name, subject, token, to, kind, share)| Import {
            local_subject: name.clone(),
            account: to.clone(),
            name,
            subject,
            token,
            to,
            kind,
            share,
            allow_trace: !share,
        },
    )
}

fn account() -> impl Strategy<Value = Account> {
    let scope = (text(), limits(), text()).prop_map(|(key, template, role)| {
        let kind = ScopeKind::User;
        let description = role.clone();
        SigningKey::Scoped(Box::new(Scope { kind, key, role, template, description }))
    });
    let keys = prop_oneof![text().prop_map(SigningKey::Plain), scope];
    let mapping = (text(), any::<u8>(), text())
        .prop_map(|(subject, weight, cluster)| WeightedMapping { subject, weight, cluster });
    let mappings = prop::collection::btree_map(text(), prop::collection::vec(mapping, 0..3), 0..3);
    let traffic = prop_oneof![
        Just(ClusterTraffic::Unsaid),
        Just(ClusterTraffic::System),
        Just(ClusterTraffic::Owner)
    ];
    let tiers = prop::collection::btree_map("R[13]", jetstream(), 0..2);
    let trace = (text(), number()).prop_map(|(dest, sampling)| Trace { dest, sampling });
    let lists = (
        prop::collection::vec(import(), 0..2),
        prop::collection::vec(export(), 0..2),
        prop::collection::vec(keys, 0..3),
    );
    let limits = (number(), any::<bool>(), jetstream(), tiers);
    let more = (permissions(), mappings, traffic, prop::option::of(trace), list(), text());
    (lists, limits, more).prop_map(|(lists, limits, more)| {
        let (imports, exports, signing_keys) = lists;
        let (number, flag, jetstream, tiered_limits) = limits;
        let (default_permissions, mappings, cluster_traffic, trace, keys, text) = more;
        let keys = keys.unwrap_or_default();
        Account {
            imports,
            exports,
            limits: AccountLimits {
                subs: number,
                data: 5,
                payload: number,
                imports: -1,
                exports: number,
                wildcards: flag,
                disallow_bearer: !flag,
                conn: number,
                leaf: 0,
                jetstream,
                tiered_limits,
            },
            signing_keys,
            revocations: Revocations(BTreeMap::from([(text.clone(), number)])),
            default_permissions,
            mappings,
            authorization: CalloutAuthorization {
                auth_users: keys.clone(),
                allowed_accounts: keys,
                xkey: text.clone(),
            },
            trace,
            cluster_traffic,
            description: text.clone(),
            info_url: text,
        }
    })
}

fn request() -> impl Strategy<Value = AuthorizationRequest> {
    let chains = prop::collection::vec(prop::collection::vec(text(), 0..2), 0..2);
    let tls = (text(), list(), chains).prop_map(|(version, certs, verified_chains)| ClientTls {
        cipher: version.clone(),
        version,
        certs: certs.unwrap_or_default(),
        verified_chains,
    });
    (text(), text(), any::<u64>(), number(), prop::option::of(tls), list()).prop_map(
        |(one, two, id, protocol, client_tls, tags)| AuthorizationRequest {
            server_id: ServerId {
                name: one.clone(),
                id: two.clone(),
                tags: tags.clone().unwrap_or_default(),
                ..ServerId::default()
            },
            user_nkey: one.clone(),
            client_info: ClientInformation {
                id,
                user: two.clone(),
                client_type: one.clone(),
                tags: tags.unwrap_or_default(),
                ..ClientInformation::default()
            },
            connect_opts: ConnectOptions {
                pass: two,
                auth_token: one,
                protocol,
                ..ConnectOptions::default()
            },
            client_tls,
            request_nonce: String::new(),
        },
    )
}

/// JSON of any shape, with the names that claims have.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        "user|account|activation|operator|generic|stream|service|headers|user_scope"
            .prop_map(Value::from),
    ];
    let name = "type|Type|version|nats|tags|exp|sub|pub|allow|deny|resp|src|times|start|limits|\
                signing_keys|key|kind|template|imports|exports|revocations|mappings|weight|\
                service_latency|sampling|tiered_limits|issuer_account|[a-b]";
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn read_all(text: &str) {
    let names = ["x".to_owned()];
    let names = Names {
        user: "*",
        user_key: "",
        user_tags: &names,
        account: "",
        account_key: "",
        account_tags: &names,
    };
    if let Ok(user) = UserClaims::decode(text) {
        let _ = user.validate(i64::MAX, &Utc);
        let _ = expand(&user.nats.limits.permissions, &names);
    }
    if let Ok(account) = AccountClaims::decode(text) {
        let _ = account.validate(i64::MIN);
    }
    let _ = OperatorClaims::decode(text).map(|operator| operator.validate(0));
    let _ = ActivationClaims::decode(text).map(|activation| activation.validate(0));
    let _ = AuthorizationRequestClaims::decode(text).map(|request| request.validate(0));
    let _ = AuthorizationResponseClaims::decode(text).map(|response| response.validate(0));
    let _ = GenericClaims::decode(text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn users_come_back(claims in around(Role::User, (limits(), text()).prop_map(
        |(limits, issuer_account)| User { limits, issuer_account }
    ))) {
        comes_back(&claims, &signer(Role::Account, 1))?;
    }

    #[test]
    fn accounts_come_back(claims in around(Role::Account, account())) {
        comes_back(&claims, &signer(Role::Operator, 1))?;
    }

    #[test]
    fn requests_come_back(claims in around(Role::Account, request())) {
        comes_back(&claims, &signer(Role::Server, 1))?;
    }

    #[test]
    fn the_small_ones_come_back(
        texts in (text(), text(), text()),
        keys in list(),
        flag in any::<bool>(),
        members in prop::collection::btree_map("[A-Za-c]{1,3}", json_value(), 0..4),
        common in around(Role::Account, Just(())),
    ) {
        let (one, two, three) = texts;
        let operator = Operator {
            signing_keys: keys.clone().unwrap_or_default(),
            account_server_url: one.clone(),
            operator_service_urls: keys.unwrap_or_default(),
            system_account: two.clone(),
            assert_server_version: three.clone(),
            strict_signing_key_usage: flag,
        };
        let with = |role| Claims { sub: key(role, 2), ..common.clone() };
        comes_back(&replace(with(Role::Operator), operator), &signer(Role::Operator, 1))?;
        let kind = flag.then_some(ExportKind::Stream);
        let activation = Activation { subject: one.clone(), kind, issuer_account: two.clone() };
        comes_back(&replace(with(Role::Account), activation), &signer(Role::Account, 1))?;
        let response = AuthorizationResponse { jwt: one, error: two, issuer_account: three };
        comes_back(&replace(with(Role::User), response), &signer(Role::Account, 1))?;
        let members = members.into_iter().filter(|(_, value)| !value.is_f64() && is_plain(value));
        let generic = Generic { kind: "anything".to_owned(), members: members.collect() };
        comes_back(&replace(with(Role::User), generic), &signer(Role::Cluster, 1))?;
    }

    #[test]
    fn nothing_makes_the_reader_fall_over(
        octets in prop::collection::vec(any::<u8>(), 0..60),
        chunks in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,3}",
    ) {
        read_all(&String::from_utf8_lossy(&octets));
        read_all(&chunks);
    }

    #[test]
    fn nor_does_what_is_signed(
        nats in json_value(),
        top in json_value(),
        kind in 0..7_usize,
        version in 1..=2_u8,
    ) {
        let (name, role) = [
            ("user", Role::Account),
            ("account", Role::Operator),
            ("operator", Role::Operator),
            ("activation", Role::Account),
            ("authorization_request", Role::Server),
            ("authorization_response", Role::Account),
            ("generic", Role::User),
        ][kind];
        let by = signer(role, 1);
        let mut claims = if top.is_object() { top } else { json!({}) };
        claims["iss"] = by.public().to_string().into();
        claims["nats"] = if nats.is_object() { nats } else { json!({}) };
        if version == 1 {
            claims["type"] = name.into();
        } else {
            claims.as_object_mut().unwrap().remove("type");
            claims["nats"]["type"] = name.into();
            claims["nats"]["version"] = 2.into();
        }
        read_all(&token(HEADER, &claims.to_string(), version, &by));
    }
}

fn replace<T>(common: Claims<()>, nats: T) -> Claims<T> {
    let Claims { aud, exp, jti, iat, iss, name, nbf, sub, tags, version, nats: () } = common;
    Claims { aud, exp, jti, iat, iss, name, nbf, sub, tags, version, nats }
}

/// Without fractions, which are not exact in text.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(members) => members.values().all(is_plain),
        _ => true,
    }
}
