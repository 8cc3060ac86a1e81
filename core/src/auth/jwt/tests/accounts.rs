//! What is wrong with accounts (reference security 4.9).

use super::*;

/// The importing account.
fn importer() -> String {
    key(Role::Account, 7)
}

/// An account with these members of `nats`.
fn account(nats: &Value) -> AccountClaims {
    let by = signer(Role::Operator, 1);
    let mut claims = json!({
        "iss": by.public().to_string(), "sub": importer(),
        "nats": {
            "type": "account", "version": 2,
            "limits": { "imports": -1, "exports": -1, "wildcards": true },
        },
    });
    for (name, value) in nats.as_object().unwrap() {
        claims["nats"][name] = value.clone();
    }
    AccountClaims::decode(&token(HEADER, &claims.to_string(), 2, &by)).unwrap()
}

fn issues(nats: &Value) -> Vec<Issue> {
    account(nats).validate(100)
}

#[test]
fn well_formed_accounts_have_no_issues() {
    let other = key(Role::Account, 8);
    let user = key(Role::User, 2);
    for good in [
        json!({}),
        json!({ "exports": [
            { "subject": "a.*", "type": "stream" }, { "subject": "a.>", "type": "service",
              "response_type": "", "response_threshold": 5, "account_token_position": 0,
              "service_latency": { "sampling": "Headers", "results": "lat" } },
            { "subject": "b.*.c", "type": "stream", "account_token_position": 2,
              "revocations": { "*": 1, &other: 2 } },
            { "subject": "c", "type": "service", "response_type": "Chunked",
              "service_latency": { "sampling": 100, "results": "lat" } },
        ] }),
        json!({ "imports": [
            { "subject": "a.*.*", "account": other, "type": "stream", "local_subject": "x.$2.$1" },
            { "subject": "a.*", "account": other, "type": "stream", "local_subject": "x.*" },
            { "subject": "s", "account": other, "type": "service", "share": true },
            { "subject": "t.>", "account": other, "type": "service", "local_subject": "u.>" },
        ] }),
        json!({ "mappings": { "a.*": [
            { "subject": "b.$1", "weight": 60 }, { "subject": "c.$1", "weight": 40 },
            { "subject": "d.$1", "cluster": "x" },
        ] } }),
        json!({ "authorization": { "auth_users": [user], "allowed_accounts": ["*"],
                                   "xkey": key(Role::Curve, 0) } }),
        json!({ "trace": { "dest": "t", "sampling": 100 }, "cluster_traffic": "owner" }),
        json!({ "limits": { "imports": -1, "exports": 0, "tiered_limits": { "R1": { "streams": 1 } } } }),
        json!({ "signing_keys": [other, { "kind": "user_scope", "key": other, "role": "r",
                "template": { "pub": { "allow": ["{{ name() }}.>"] } } }] }),
    ] {
        assert_eq!(texts(&issues(&good)), [], "{good}");
    }
}

#[test]
fn each_rule_has_its_issue() {
    let other = key(Role::Account, 8);
    let import = |extra: Value| {
        let mut import = json!({ "subject": "a", "account": other, "type": "stream" });
        for (name, value) in extra.as_object().unwrap() {
            import[name] = value.clone();
        }
        json!({ "imports": [import] })
    };
    let export = |extra: Value| {
        let mut export = json!({ "subject": "a.*", "type": "service" });
        for (name, value) in extra.as_object().unwrap() {
            export[name] = value.clone();
        }
        json!({ "exports": [export] })
    };
    for bad in [
        import(json!({ "type": null })),
        import(json!({ "account": "" })),
        import(json!({ "account": key(Role::User, 1) })),
        import(json!({ "subject": "" })),
        import(json!({ "subject": "a..b" })),
        import(json!({ "to": "x", "local_subject": "y", "type": "service" })),
        import(json!({ "subject": "a.*.*", "local_subject": "x.$1" })),
        import(json!({ "subject": "a.*", "local_subject": "x.$1.$2" })),
        import(json!({ "subject": "a.*", "local_subject": "x" })),
        import(json!({ "subject": "a.>", "local_subject": "x" })),
        import(json!({ "share": true })),
        import(json!({ "type": "service", "allow_trace": true })),
        export(json!({ "type": null })),
        export(json!({ "subject": "a b" })),
        export(json!({ "type": "stream", "response_type": "Stream" })),
        export(json!({ "type": "stream", "allow_trace": true })),
        export(json!({ "response_threshold": -1 })),
        export(json!({ "service_latency": { "sampling": 0, "results": "r" } })),
        export(json!({ "service_latency": { "sampling": 101, "results": "r" } })),
        export(json!({ "service_latency": { "sampling": 1, "results": "r.*" } })),
        export(json!({ "revocations": { "x": 1 } })),
        export(json!({ "account_token_position": 1 })),
        export(json!({ "account_token_position": 9 })),
        export(json!({ "description": "x".repeat(8193) })),
        json!({ "exports": [{ "subject": "a.*", "type": "stream" },
                            { "subject": "a.b", "type": "stream" }] }),
        json!({ "imports": [{ "subject": "a.>", "account": other, "type": "service" },
            { "subject": "x", "local_subject": "a.b", "account": other, "type": "service" }] }),
        json!({ "limits": { "imports": 0, "exports": -1 },
                "imports": [{ "subject": "a", "account": other, "type": "stream" }] }),
        json!({ "limits": { "exports": 0, "wildcards": true },
                "exports": [{ "subject": "a", "type": "stream" }] }),
        json!({ "limits": { "exports": 5 }, "exports": [{ "subject": "*", "type": "stream" }] }),
        json!({ "limits": { "disk_storage": 1, "tiered_limits": { "R1": {} } } }),
        json!({ "signing_keys": [key(Role::Operator, 1)] }),
        json!({ "signing_keys": [{ "kind": "user_scope", "key": "x" }] }),
        json!({ "default_permissions": { "pub": { "allow": ["a q"] } } }),
        json!({ "mappings": { "a": [{ "subject": "b", "weight": 101 }, { "subject": "c", "cluster": "x" }] } }),
        json!({ "mappings": { "": [] } }),
        json!({ "mappings": { "a": [{ "subject": "" }] } }),
        json!({ "authorization": { "auth_users": [other] } }),
        json!({ "authorization": { "allowed_accounts": [other] } }),
        json!({ "authorization": { "auth_users": [key(Role::User, 1)], "xkey": "x" } }),
        json!({ "authorization": { "auth_users": [key(Role::User, 1)], "allowed_accounts": ["x"] } }),
        json!({ "authorization": { "auth_users": [key(Role::User, 1)], "allowed_accounts": ["*", other] } }),
        json!({ "trace": { "dest": "" } }),
        json!({ "trace": { "dest": "a.*" } }),
        json!({ "trace": { "dest": "a", "sampling": 101 } }),
        json!({ "info_url": "x".repeat(8193) }),
    ] {
        let found = issues(&bad);
        assert!(blocker(&found, Class::Blocking).is_some(), "{bad}: {found:?}");
    }
    // Both weights count, as do those of each cluster together.
    let heavy = json!({ "mappings": { "a": [
        { "subject": "b", "weight": 60 }, { "subject": "c", "weight": 60 } ] } });
    assert!(issues(&heavy)[0].text.contains("120"));
    let old = import(json!({ "to": "prefix" }));
    assert_eq!(issues(&old)[0].class, Class::Warning);
}

#[test]
fn a_scope_of_another_kind_makes_the_account_unreadable() {
    let by = signer(Role::Operator, 1);
    let claims = json!({
        "iss": by.public().to_string(), "sub": importer(),
        "nats": { "type": "account", "version": 2, "signing_keys": [
            { "kind": "other_scope", "key": key(Role::Account, 2) } ] },
    });
    let error = AccountClaims::decode(&token(HEADER, &claims.to_string(), 2, &by)).unwrap_err();
    assert!(matches!(error, DecodeError::Json { part: Part::Nats, .. }), "{error}");
}

#[test]
fn what_a_template_leaves_out_is_unlimited_and_elsewhere_it_is_nothing() {
    let account = account(&json!({ "limits": {}, "signing_keys": [
        { "kind": "user_scope", "key": key(Role::Account, 2), "template": { "Subs": 5 } } ] }));
    let SigningKey::Scoped(scope) = &account.nats.signing_keys[0] else { panic!("a scope") };
    let UserLimits { subs, data, payload, .. } = scope.template;
    assert_eq!((subs, data, payload), (5, -1, -1));
    assert_eq!(account.nats.limits, AccountLimits::default());
}

/// What an import with this activation is told.
fn activated(import: &str, change: fn(&mut ActivationClaims)) -> Vec<(Class, String)> {
    let exporter = signer(Role::Account, 8);
    let mut activation = ActivationClaims {
        sub: importer(),
        nats: Activation {
            subject: "pub.*".to_owned(),
            kind: Some(ExportKind::Stream),
            ..Activation::default()
        },
        ..ActivationClaims::default()
    };
    change(&mut activation);
    let by = if activation.nats.issuer_account.is_empty() {
        &exporter
    } else {
        &signer(Role::Account, 9)
    };
    let nats = json!({ "imports": [{
        "subject": import, "account": exporter.public().to_string(), "type": "stream",
        "token": activation.encode(by).unwrap(),
    }] });
    issues(&nats).into_iter().map(|issue| (issue.class, issue.text)).collect()
}

#[test]
fn an_activation_fits_the_import_it_is_in() {
    let blocking = |text: &str| vec![(Class::Blocking, text.to_owned())];
    assert_eq!(activated("pub.a", |_| {}), []);
    assert_eq!(activated("pub.*", |_| {}), []);
    assert_eq!(activated("pub.a", |it| it.nats.issuer_account = key(Role::Account, 8)), []);
    assert_eq!(
        activated("pub.a", |it| it.nats.subject = "other".to_owned()),
        blocking(r#"activation token import subject "other" doesn't match import "pub.a""#)
    );
    assert_eq!(
        activated("pub.a", |it| it.sub = key(Role::Account, 3)),
        blocking(r#"activation token doesn't match account it is being included in, "pub.a""#)
    );
    assert_eq!(
        activated("pub.a", |it| it.nats.issuer_account = key(Role::Account, 3)),
        blocking(r#"activation token doesn't match account for import "pub.a""#)
    );
    assert_eq!(
        activated("pub.a", |it| it.nats.kind = Some(ExportKind::Service)),
        blocking(r#"activation token of import "pub.a" is not for a stream"#)
    );
    let expired = vec![(Class::Time, "claim is expired".to_owned())];
    assert_eq!(activated("pub.a", |it| it.exp = 99), expired);
    let garbage = json!({ "imports": [{
        "subject": "pub.a", "account": key(Role::Account, 8), "type": "stream", "token": "x",
    }] });
    let text = r#"import "pub.a" contains an invalid activation token"#;
    assert_eq!(texts(&issues(&garbage)), [(Class::Blocking, text)]);
}
