//! TLS between the services and their servers: everything works with it, and nothing without it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use otp_dev::certificates::{Authority, Identity};
use otp_dev::stack::{NatsNodes, Part, StackFile};
use otp_gateway::store::{RedisMetrics, RedisUrl, Store};
use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::settings::Settings;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::permissions::{nothing_refused_and_nothing_told, proves};
use crate::support::{System, eventually};

#[tokio::test]
async fn the_whole_system_speaks_tls_and_nobody_is_served_without() {
    let system = System::with(|options| options.tls = true).await;
    let file = system.stack.file();
    assert!(file.nats.starts_with("tls://") && file.redis.starts_with("rediss://"), "{} {}", file.nats, file.redis);
    proves(&system, "ada@encrypted.test").await;
    nothing_refused_and_nothing_told(&system);
    in_clear_is_refused(&system).await;
    // Another service without a certificate of its own, or that believes another authority, is let in nowhere.
    let folder = tempfile::tempdir().expect("a directory");
    let stranger = Authority::in_folder(folder.path()).expect("an authority").issue("operator", &[]).expect("issued");
    let right = file.tls.clone().expect("certificates");
    assert!(connects(&file, &right).await, "the right certificates");
    for (what, wrong) in [
        ("another authority is believed", Identity { ca: stranger.ca.clone(), ..right.clone() }),
        ("the certificate is another authority's", Identity { ca: right.ca.clone(), ..stranger.clone() }),
    ] {
        assert!(!connects(&file, &wrong).await, "{what}");
    }
    services_refuse_other_servers(&system, &right, &stranger.ca).await;
    system.stack.stop().await;
}

#[tokio::test]
async fn three_nodes_speak_tls_to_each_other() {
    let system = System::with(|options| (options.tls, options.nats_nodes) = (true, NatsNodes::Three)).await;
    proves(&system, "ada@nodes.test").await;
    nothing_refused_and_nothing_told(&system);
    for node in NatsNodes::Three.instances() {
        let url = format!("http://{}/routez", system.stack.monitor(node).expect("a node"));
        let routes: serde_json::Value =
            system.client.get(url).send().await.expect("an answer").json().await.expect("JSON");
        assert!(routes["num_routes"].as_u64() >= Some(2), "{routes}");
        let configuration = system.stack.dir().join(format!("{node}-server.conf"));
        let configuration = std::fs::read_to_string(configuration).expect("the configuration");
        let (_, cluster) = configuration.split_once("\ncluster {").expect("a cluster");
        assert!(cluster.contains("include tls.conf"), "{cluster}");
    }
    // A node of somebody else, who begins without TLS, is told nothing.
    let route = system.stack.routes(NatsNodes::Three.instances().next().expect("a node")).expect("routes");
    let mut stream = BufReader::new(TcpStream::connect(route).await.expect("connected"));
    let mut greeting = String::new();
    // Closed when no TLS has begun in time.
    stream.read_line(&mut greeting).await.expect("closed");
    assert_eq!(greeting, "");
    system.stack.stop().await;
}

/// Whether an operator with these certificates gets an answer from both servers.
async fn connects(file: &StackFile, identity: &Identity) -> bool {
    let file = StackFile { tls: Some(identity.clone()), ..file.clone() };
    let nats = file.connect_nats().await.is_ok();
    let redis = file.redis_client().expect("a client");
    let redis = redis.get_multiplexed_async_connection().await.is_ok();
    assert_eq!(nats, redis, "both servers have the same certificates");
    nats
}

/// A client that begins without TLS learns that it is required, and is told nothing more.
async fn in_clear_is_refused(system: &System) {
    let address = |part: Part| system.stack.address(part).expect("an address");
    let mut nats = BufReader::new(TcpStream::connect(address(Part::Nats)).await.expect("connected"));
    let mut line = String::new();
    nats.read_line(&mut line).await.expect("a greeting");
    assert!(line.contains("\"tls_required\":true") && line.contains("\"tls_verify\":true"), "{line}");
    nats.write_all(b"CONNECT {\"verbose\":true}\r\nPING\r\n").await.expect("sent");
    let mut rest = Vec::new();
    // It may break the connection off instead of closing it.
    drop(tokio::time::timeout(Duration::from_secs(10), nats.read_to_end(&mut rest)).await.expect("closed"));
    assert!(!String::from_utf8_lossy(&rest).contains("PONG"), "{rest:?}");
    let mut redis = TcpStream::connect(address(Part::Redis)).await.expect("connected");
    redis.write_all(b"PING\r\n").await.expect("sent");
    let mut rest = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(10), redis.read_to_end(&mut rest)).await.expect("closed"));
    assert!(!String::from_utf8_lossy(&rest).contains("PONG") && !String::from_utf8_lossy(&rest).contains("NOAUTH"));
}

/// The services' own code: what they join the bus and the store with.
async fn services_refuse_other_servers(system: &System, right: &Identity, other_ca: &Path) {
    let file = system.stack.file();
    let (bus, redis) = (joined(&file, right, &right.ca).await, store(&file, right, &right.ca));
    eventually("the bus", async || bus.is_connected().then_some(())).await;
    assert_eq!(redis.faults().await, [""; 0]);

    let log = system.stack.log(Part::Nats);
    let broken = || std::fs::read_to_string(&log).expect("a log").matches("TLS handshake error").count();
    let before = broken();
    let (bus, redis) = (joined(&file, right, other_ca).await, store(&file, right, other_ca));
    assert_eq!(redis.faults().await, ["Redis does not answer"]);
    eventually("NATS to be refused by its client", async || (broken() > before).then_some(())).await;
    assert!(!bus.is_connected());
}

fn settings(file: &StackFile, identity: &Identity, ca: &Path) -> HashMap<String, String> {
    let mut settings = HashMap::from([
        ("OTP_NATS_URL".to_owned(), file.nats.clone()),
        ("OTP_REDIS_URL".to_owned(), file.redis.clone()),
    ]);
    for server in ["NATS", "REDIS"] {
        for (what, path) in [("CA", ca), ("CERT", &identity.certificate), ("KEY", &identity.key)] {
            settings.insert(format!("OTP_{server}_{what}_FILE"), path.display().to_string());
        }
    }
    settings
}

async fn joined(file: &StackFile, identity: &Identity, ca: &Path) -> Bus {
    let environment = settings(file, identity, ca);
    let mut settings = Settings::new(&environment);
    let read = BusSettings::read(&mut settings);
    let settings = settings.finish(read).expect("settings");
    Bus::connect("test", &settings, BusMetrics::new(&mut Registry::default())).await.expect("begun")
}

fn store(file: &StackFile, identity: &Identity, ca: &Path) -> Store {
    let environment = settings(file, identity, ca);
    let mut settings = Settings::new(&environment);
    let read = RedisUrl::read(&mut settings);
    let url = settings.finish(read).expect("settings");
    Store::open(&url, RedisMetrics::new(&mut Registry::default()))
}
