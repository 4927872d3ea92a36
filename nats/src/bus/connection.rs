//! The connection itself: to which server, when it is given up, who is told when it is made anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ReconnectToServer, Server};
use tokio::sync::watch;

use super::metrics::BusMetrics;
use super::{BusSettings, ConnectFault, jittered};

/// A server that is not heard for three of these is given up. A node that hangs or is cut off from here would otherwise
/// hold its clients for as long as it stays so, while the others of its cluster work.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for a connection with its login: a node that hangs is still connected to by its kernel, and the next
/// one is tried the sooner.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait before connecting again: short enough to be back within seconds of a server.
const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// One request to JetStream.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// Where answers go to: nats/server/users.conf names the inboxes of each service.
pub(super) const INBOXES: &str = "_INBOX";

/// A connection. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// Counts the connections that were made.
    made: watch::Receiver<u64>,
}

impl Connection {
    /// Starts to connect, in the background while no server can be reached.
    pub(super) async fn open(name: &str, settings: &BusSettings, metrics: BusMetrics) -> Result<Self, ConnectFault> {
        let (counter, made) = watch::channel(0);
        let turn = Arc::new(AtomicUsize::new(rand::random_range(0..=usize::from(u16::MAX))));
        let options = ConnectOptions::new()
            .name(name)
            // Below the prefix that all clients have, so that it works with any permissions; those of nats/server let a
            // service listen here alone, and none hears the answers to another.
            .custom_inbox_prefix(format!("{INBOXES}.{name}"))
            .retry_on_initial_connect()
            .connection_timeout(CONNECT_WITHIN)
            .ping_interval(PING_EVERY)
            .request_timeout(Some(REQUEST_WITHIN))
            .reconnect_delay_callback(reconnect_delay)
            .reconnect_to_server_callback(move |servers, _| std::future::ready(next(&servers, &turn)))
            .event_callback(move |event| {
                note(&metrics, &event);
                if event == Event::Connected {
                    counter.send_modify(|made| *made += 1);
                }
                std::future::ready(())
            });
        let options = settings.access.applied(options).await?;
        let client = options
            .connect(settings.access.servers.as_slice())
            .await
            .map_err(|error| ConnectFault::Setup(error.kind()))?;
        Ok(Self { client, made })
    }

    /// Whether a server is connected now.
    pub(super) fn is_made(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until a server is connected, and gives what tells of the next connection.
    pub(super) async fn made(&self) -> watch::Receiver<u64> {
        let mut made = self.made.clone();
        loop {
            made.mark_unchanged();
            if self.is_made() {
                return made;
            }
            // The sender lives as long as the client, so an error says that nothing is ever connected again.
            if made.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether there is another server to go to.
    pub(super) fn has_others(&self, settings: &BusSettings) -> bool {
        settings.access.servers.len() > 1 || self.client.server_info().connect_urls.len() > 1
    }
}

/// The servers in turn, from a random one on: whoever is given up comes last, also when it can still be connected to.
fn next(servers: &[Server], turn: &AtomicUsize) -> Option<ReconnectToServer> {
    let configured: Vec<&Server> = servers.iter().filter(|server| !server.is_discovered).collect();
    // What servers tell of each other may be the same ones by other names, or unreachable from here.
    let pool = if configured.len() > 1 { configured } else { servers.iter().collect() };
    let index = turn.fetch_add(1, Ordering::Relaxed).checked_rem(pool.len())?;
    Some(ReconnectToServer { addr: pool.get(index)?.addr.clone(), delay: None })
}

/// Jitter on a doubling delay, so that a thousand clients do not come back at once.
fn reconnect_delay(attempts: usize) -> Duration {
    let doubling = u32::try_from(attempts.min(8)).unwrap_or(8);
    jittered((Duration::from_millis(50) * 2_u32.saturating_pow(doubling)).min(RECONNECT_MAX))
}

fn note(metrics: &BusMetrics, event: &Event) {
    match event {
        Event::Connected => {
            metrics.connected(true);
            tracing::info!("connected to NATS");
        }
        Event::Disconnected => {
            metrics.connected(false);
            tracing::warn!("disconnected from NATS");
        }
        Event::LameDuckMode | Event::Draining | Event::Closed => {
            tracing::info!(%event, "the NATS connection changes");
        }
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => {
            tracing::warn!(%event, "the NATS connection has trouble");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, is_discovered: bool) -> Server {
        let addr = address.parse().unwrap();
        Server { addr, failed_attempts: 0, did_connect: true, is_discovered, last_error: None }
    }

    #[test]
    fn servers_take_turns_and_configured_ones_come_first() {
        let turn = AtomicUsize::new(0);
        let chosen = |servers: &[Server]| next(servers, &turn).map(|next| next.addr.host().to_owned());
        let three = [server("a:1", false), server("b:1", false), server("c:1", false), server("d:1", true)];
        let turns: Vec<_> = (0..6).filter_map(|_| chosen(&three)).collect();
        assert!(turns.windows(2).all(|two| two[0] != two[1]) && !turns.contains(&"d".to_owned()), "{turns:?}");
        let one = [server("a:1", false), server("d:1", true)];
        let turns: Vec<_> = (0..2).filter_map(|_| chosen(&one)).collect();
        assert!(turns.contains(&"a".to_owned()) && turns.contains(&"d".to_owned()), "{turns:?}");
        assert_eq!(chosen(&[]), None);
    }
}
