//! A server of one shard and one client inside a bare wasm module. `tests/tidy` looks at what the
//! module imports: nothing.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::link::{Endpoint, Origin, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{CloseReason, ShardId, Time};

/// Plays a client's life through every call that a driver makes; returns how many bytes the
/// client got.
#[allow(unsafe_code, reason = "an export needs a name of its own")]
// SAFETY: no other symbol of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn play(seed: u64) -> usize {
    let settings = Arc::new(Settings::default());
    let mut shard = Shard::new(ShardId(0), Shared::new(1), settings.clone(), seed);
    let at = |millis: u64| Time::ZERO.after(Duration::from_millis(millis));
    let peer = ([127, 0, 0, 1], 1).into();
    let mut endpoint = Endpoint::new(peer, Transport::WebSocket, Arc::default(), [b'0'; 15]);
    endpoint.info_first = true;
    let Some(link) = shard.open(at(0), endpoint) else { return 0 };
    shard.admitted(at(1), link, Origin::Peer, None);
    let text =
        b"CONNECT {\"headers\":true}\r\nSUB a.* q 1\r\nPUB a.b 2\r\nhi\r\nPING\r\nNONSENSE\r\n";
    shard.receive(at(2), link, text);
    shard.wake(at(3));
    shard.timeout(at(300_000));
    shard.reconfigure(at(300_001), settings);
    shard.lame_duck(at(300_002), Duration::ZERO, Duration::ZERO);
    shard.shutdown(at(300_003));
    let mut heard = 0;
    while shard.poll() != Output::Idle(None) {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = shard.outbound(link).map_or(0, |outbound| outbound.slices(&mut slices));
        let count = slices[..filled].iter().map(|slice| slice.len()).sum();
        heard += count;
        shard.written(at(300_004), link, count);
        shard.closed(at(300_005), link, CloseReason::ClientClosed);
    }
    heard
}
