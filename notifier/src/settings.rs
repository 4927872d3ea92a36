//! The notifier's settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use otp_nats::bus::BusSettings;
use otp_nats::keys::KeyList;
use otp_nats::network::ConnectionCap;
use otp_nats::settings::Settings;
use otp_nats::watched_file::InForce;

use crate::lifetime::Times;
use crate::origin::{self, APPS_FILE, Origins};

/// The drain's spread of closes ends at this share of the drain's deadline, so that the close handshakes fit in.
const SPREAD_SHARE: f64 = 0.5;

/// What a notifier needs to know.
#[derive(Debug, Clone)]
pub struct NotifierSettings {
    /// How to reach NATS.
    pub bus: BusSettings,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where health, readiness and metrics are.
    pub admin_listen: SocketAddr,
    /// The keys that tickets are checked with.
    pub ticket_keys: KeyList,
    /// Which web pages may connect: those of the settings, and of the gateway's file of applications.
    pub origins: InForce<Origins>,
    /// Connections at once, handshakes included.
    pub max_connections: usize,
    /// Connections of one network at once.
    pub connection_cap: ConnectionCap,
    /// Events in the ring at most.
    pub ring_events: usize,
    /// Bytes in the ring at most.
    pub ring_bytes: usize,
    /// Timelines that are read from the stream at once.
    pub history_reads: usize,
    /// The drain closes the connections over so much time at most.
    pub close_spread: Duration,
    /// The times of a connection's life.
    pub times: Times,
}

impl NotifierSettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let bus = BusSettings::read(settings);
        let listen = settings.or("OTP_LISTEN", "0.0.0.0:5001", "Where WebSocket clients connect");
        let admin_listen = settings.or("OTP_ADMIN_LISTEN", "0.0.0.0:9502", "Where health, ready and metrics are");
        let ticket_keys = settings.secret("OTP_TICKET_KEYS", "Keys that the gateway signs tickets with");
        let own: Option<Option<Origins>> =
            settings.optional("OTP_ALLOWED_ORIGINS", "Web pages that may connect; unset: none");
        let apps_file: Option<Option<PathBuf>> =
            settings.optional(APPS_FILE, "The gateway's file of applications: their pages may connect too");
        let max_connections = settings.or("OTP_MAX_CONNECTIONS", "50000", "Connections at once");
        let connection_cap = settings.or(
            "OTP_MAX_CONNECTIONS_PER_IP",
            "off",
            "Those of an IP address (/64 for IPv6); off behind a proxy",
        );
        let ring_events = settings.or("OTP_RING_EVENTS", "65536", "Recent events in memory at most");
        let ring_bytes = settings.or("OTP_RING_BYTES", "67108864", "Bytes of recent events in memory at most");
        let history_reads = settings.or("OTP_HISTORY_READS", "32", "Timelines read from the stream at once");
        let close_spread = settings.or("OTP_CLOSE_SPREAD", "10s", "The drain spreads its closes over at most");
        // Declared by the frame; read here because the spread has to end well within it.
        let drain: Option<Duration> = settings.or("OTP_DRAIN_TIMEOUT", "25s", "Longest drain after SIGTERM");
        let ping = settings.or("OTP_PING_INTERVAL", "25s", "Between pings");
        let pong = settings.or("OTP_PONG_TIMEOUT", "8s", "From a ping to its pong");
        let subscribe = settings.or("OTP_SUBSCRIBE_TIMEOUT", "5s", "From the handshake to the first subscription");
        let origins = apps_file.and_then(|file| {
            let opened = origin::open(own.flatten().unwrap_or_default(), file);
            opened.map_err(|fault| settings.fault(format!("{APPS_FILE}: {fault}"))).ok()
        });
        at_least(settings, "OTP_MAX_CONNECTIONS", max_connections, 1);
        at_least(settings, "OTP_RING_EVENTS", ring_events, 1);
        at_least(settings, "OTP_RING_BYTES", ring_bytes, 65_536);
        at_least(settings, "OTP_HISTORY_READS", history_reads, 1);
        for (name, duration) in
            [("OTP_PING_INTERVAL", ping), ("OTP_PONG_TIMEOUT", pong), ("OTP_SUBSCRIBE_TIMEOUT", subscribe)]
        {
            if duration.is_some_and(|duration: Duration| duration < Duration::from_millis(100)) {
                settings.fault(format!("{name} must be at least 100 ms"));
            }
        }
        Some(Self {
            bus: bus?,
            listen: listen?,
            admin_listen: admin_listen?,
            ticket_keys: ticket_keys?,
            origins: origins?,
            max_connections: max_connections?,
            connection_cap: connection_cap?,
            ring_events: ring_events?,
            ring_bytes: ring_bytes?,
            history_reads: history_reads?,
            close_spread: drain?.mul_f64(SPREAD_SHARE).min(close_spread?),
            times: Times { ping: ping?, pong: pong?, subscribe: subscribe?, ..Times::default() },
        })
    }
}

fn at_least(settings: &mut Settings<'_>, name: &str, value: Option<usize>, least: usize) {
    if value.is_some_and(|value| value < least) {
        settings.fault(format!("{name} must be at least {least}"));
    }
}
