//! CONNECT: no panic, what is read can be read over itself, and no secret is ever shown.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::wire::{ConnectOptions, redacted};

pub(crate) fn run(data: &[u8]) {
    let shown = redacted(data);
    let mut options = ConnectOptions::default();
    if options.apply(data).is_err() {
        return;
    }
    let mut again = options.clone();
    assert!(again.apply(data).is_ok());
    assert_eq!(again, options, "a repeated CONNECT changes something");

    // The redacted text of a valid CONNECT holds no secret: read back, each is gone. (A null in a
    // secret's place is replaced by text that is no JSON; such a CONNECT is passed over.)
    let mut public = ConnectOptions::default();
    if public.apply(shown.as_bytes()).is_ok() {
        let all = public.credentials.unwrap_or_default();
        for secret in [&all.pass, &all.auth_token, &all.jwt, &all.sig, &all.proxy_sig] {
            assert!(secret.is_empty() || &**secret == "[REDACTED]", "a secret is shown");
        }
        assert_eq!(public.verbose, options.verbose);
        assert_eq!(public.protocol, options.protocol);
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
