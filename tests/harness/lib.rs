//! What every test binary shares: starting servers, raw wire sessions, finding the real nats-server.
