//! The gateway's settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use otp_nats::bus::BusSettings;
use otp_nats::keys::KeyList;
use otp_nats::network::ConnectionCap;
use otp_nats::settings::{List, Settings};
use otp_nats::stream::RETENTION_GRACE;

use crate::altcha::{Cost, Policy};
use crate::apps::{App, Origins, Quotas, Registry, file};
use crate::client_ip::{ProxyHeader, TrustedProxies};
use crate::code::CODE_LENGTHS;
use crate::domain::DnsPolicy;
use crate::lists::{self, ListFiles, Lists};
use crate::place::PlaceHeader;
use crate::report::PublicUrl;
use crate::store::{CodePolicy, MAX_ATTEMPTS, RedisUrl};

/// What the cooldown doubles up to.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(15 * 60);

/// The setting of the file of applications, and how logs and metrics call that.
pub const APPS_FILE: &str = "OTP_APPS_FILE";

/// The gateway's configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API and the page are served.
    pub listen: SocketAddr,
    /// Where health, readiness and metrics are served.
    pub admin_listen: SocketAddr,
    /// NATS and the streams.
    pub bus: BusSettings,
    /// Redis.
    pub redis_url: RedisUrl,
    /// Where people reach the gateway; `None` when mails have no links to it.
    pub public_url: Option<PublicUrl>,
    /// Where clients watch.
    pub events_url: String,
    /// Seals requests for the mailer.
    pub seal_keys: KeyList,
    /// Signs tickets.
    pub ticket_keys: KeyList,
    /// Hashes codes and names.
    pub hash_keys: KeyList,
    /// Signs proofs.
    pub signing_keys: KeyList,
    /// `iss` of the proof.
    pub issuer: String,
    /// `aud` of the proof in open mode.
    pub audience: String,
    /// Life of a proof.
    pub token_ttl: Duration,
    /// Who may ask, and what holds for each.
    pub apps: Registry,
    /// Whether requests of an IP address are limited unless an application says otherwise.
    pub limits_ip: bool,
    /// Mails of all together a day; `None` when that is not limited.
    pub total_budget: Option<u64>,
    /// How much work a proof of work is.
    pub proof_of_work_cost: Cost,
    /// Lists of domains and recipients.
    pub lists: Lists,
    /// Whose word on the client is believed.
    pub trusted_proxies: TrustedProxies,
    /// The header that it stands in.
    pub proxy_header: ProxyHeader,
    /// The header in which proxies write where roughly somebody asks from; `None` when mails do not say.
    pub place_header: Option<PlaceHeader>,
    /// How long browsers keep to TLS (RFC 6797); `None` when they are not told.
    pub hsts: Option<Duration>,
    /// DNS servers, none for the system's.
    pub dns_servers: List<SocketAddr>,
    /// Whether domains are checked.
    pub dns_policy: DnsPolicy,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections of one network at once.
    pub connection_cap: ConnectionCap,
}

impl Config {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let listen = settings.or("OTP_LISTEN", "0.0.0.0:5000", "Where the API and the page are served");
        let admin_listen = settings.or("OTP_ADMIN_LISTEN", "0.0.0.0:9500", "Where health, readiness and metrics are");
        let bus = BusSettings::read(settings);
        let redis_url = RedisUrl::read(settings);
        let public_url = settings
            .optional("OTP_PUBLIC_URL", "Where people reach the page, for links in mails; unset: mails have none");
        let events_url: Option<String> =
            settings.required("OTP_EVENTS_URL", "Where clients watch, as wss://otp.example.com/v1/events");
        let keys = Keys::read(settings);
        let issuer = settings.or("OTP_ISSUER", "distotp", "iss of the proof");
        let audience = settings.or("OTP_AUDIENCE", "open", "aud of the proof in open mode");
        let token_ttl = settings.or("OTP_TOKEN_TTL", "10m", "Life of a proof");
        let asking = Asking::read(settings, bus.as_ref().map(|bus| bus.streams.code_ttl));
        let proof_of_work_cost =
            settings.or("OTP_PROOF_OF_WORK_COST", "2000", "Keys that a client derives on average, more under pressure");
        let lists = read_lists(settings, keys.as_ref());
        let trusted_proxies = settings.or("OTP_TRUSTED_PROXIES", "", "Whose word on the client's address is believed");
        let proxy_header = settings.or("OTP_PROXY_HEADER", "x-forwarded-for", "The header that proxies write it into");
        let place_header =
            settings.optional("OTP_PLACE_HEADER", "The header in which proxies write a rough place, for mails to tell");
        let hsts = settings.optional("OTP_HSTS", "How long browsers keep to TLS, as 365d; unset: they are not told");
        let dns_servers = settings.or("OTP_DNS_SERVER", "", "DNS servers as ip:port, unset for the system's");
        let dns_policy = settings.or("OTP_DNS_POLICY", "enforce", "What a domain without mail servers leads to");
        let max_connections = settings.or("OTP_MAX_CONNECTIONS", "10000", "HTTP connections at once");
        let connection_cap =
            settings.or("OTP_MAX_CONNECTIONS_PER_IP", "1000", "Those of an IP address (/64 for IPv6) that is no proxy");
        if events_url.as_ref().is_some_and(|url| !url.starts_with("ws://") && !url.starts_with("wss://")) {
            settings.fault("OTP_EVENTS_URL must begin with ws:// or wss://");
        }
        let (keys, asking) = (keys?, asking?);
        Some(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            bus: bus?,
            redis_url: redis_url?,
            public_url: public_url?,
            events_url: events_url?,
            seal_keys: keys.seal,
            ticket_keys: keys.ticket,
            hash_keys: keys.hash,
            signing_keys: keys.signing,
            issuer: issuer?,
            audience: audience?,
            token_ttl: token_ttl?,
            apps: asking.apps,
            limits_ip: asking.limits_ip,
            total_budget: asking.total_budget,
            proof_of_work_cost: proof_of_work_cost?,
            lists: lists?,
            trusted_proxies: trusted_proxies?,
            proxy_header: proxy_header?,
            place_header: place_header?,
            hsts: hsts?,
            dns_servers: dns_servers?,
            dns_policy: dns_policy?,
            max_connections: max_connections?,
            connection_cap: connection_cap?,
        })
    }
}

/// Who may ask, and for how much.
struct Asking {
    apps: Registry,
    limits_ip: bool,
    total_budget: Option<u64>,
}

impl Asking {
    fn read(settings: &mut Settings<'_>, ttl: Option<Duration>) -> Option<Self> {
        let apps_file: Option<Option<PathBuf>> =
            settings.optional(APPS_FILE, "The file of applications and their keys (TOML)");
        let open: Option<bool> =
            settings.or("OTP_OPEN_MODE", "false", "Whether anyone may ask for a verification without an app's key");
        let allowed_origins: Option<List<String>> =
            settings.or("OTP_ALLOWED_ORIGINS", "", "Origins of pages that may call the API in open mode");
        let code_length = settings.or("OTP_CODE_LENGTH", "6", "Digits of a code, 4 to 10");
        let policy = read_policy(settings, ttl);
        let ip = settings.or("OTP_LIMIT_IP", "10/1m,60/1h", "Requests of an IP address (/64 for IPv6)");
        let domain = settings.or("OTP_LIMIT_DOMAIN", "off", "Mails of an app to the addresses of a domain");
        let app = settings.or("OTP_LIMIT_APP", "off", "Mails of an app, and of open mode");
        let status = settings.or("OTP_LIMIT_STATUS", "600/1m", "Reads of a verification");
        let proof_of_work: Option<Policy> =
            settings.or("OTP_PROOF_OF_WORK", "off", "When a request has to bring proof of work");
        let total_budget: Option<Option<u64>> =
            settings.optional("OTP_DAILY_BUDGET", "Mails of all together a day (UTC), unset for any number");
        if open == Some(false) && apps_file == Some(None) {
            settings.fault("neither OTP_APPS_FILE nor OTP_OPEN_MODE=true is set: nobody could use the gateway");
        }
        if code_length.is_some_and(|length| !CODE_LENGTHS.contains(&length)) {
            settings.fault("OTP_CODE_LENGTH must lie between 4 and 10");
        }
        let defaults = App {
            id: String::new(),
            name: String::new(),
            allowed_origins: Origins::new(allowed_origins?.0),
            frame_origins: Vec::new(),
            sender: String::new(),
            templates: String::new(),
            locale: String::new(),
            code_length: code_length?,
            policy: policy?,
            proof_of_work: proof_of_work?,
            quotas: Quotas { ip: ip?, domain: domain?, app: app?, daily_budget: None, status: status? },
        };
        let limits_ip = !defaults.quotas.ip.is_off();
        let open = open?.then(|| defaults.clone());
        let apps = file::open(apps_file?, defaults, open)
            .map_err(|faults| faults.iter().for_each(|fault| settings.fault(format!("{APPS_FILE}: {fault}"))));
        Some(Self { apps: apps.ok()?, limits_ip, total_budget: total_budget? })
    }
}

fn read_lists(settings: &mut Settings<'_>, keys: Option<&Keys>) -> Option<Lists> {
    let disposable = settings.optional(lists::DISPOSABLE, "Domains whose mailboxes are thrown away, a line for each");
    let allowed = settings.optional(lists::ALLOWED, "Domains that are not, whatever that list says");
    let blocked = settings.optional(lists::BLOCKED, "Domains and recipients that never get mail");
    let files = ListFiles { disposable: disposable?, allowed: allowed?, blocked: blocked? };
    Lists::open(files, &keys?.hash)
        .map_err(|faults| faults.iter().for_each(|(name, fault)| settings.fault(format!("{name}: {fault}"))))
        .ok()
}

struct Keys {
    seal: KeyList,
    ticket: KeyList,
    hash: KeyList,
    signing: KeyList,
}

impl Keys {
    fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let seal = settings.secret("OTP_SEAL_KEYS", "Seal requests for the mailer");
        let ticket = settings.secret("OTP_TICKET_KEYS", "Sign tickets");
        let hash = settings.secret("OTP_HASH_KEYS", "Hash codes and recipients");
        let signing = settings.secret("OTP_SIGNING_KEYS", "Sign proofs (Ed25519 seeds)");
        Some(Self { seal: seal?, ticket: ticket?, hash: hash?, signing: signing? })
    }
}

fn read_policy(settings: &mut Settings<'_>, ttl: Option<Duration>) -> Option<CodePolicy> {
    let attempts: Option<u32> = settings.or("OTP_MAX_ATTEMPTS", "5", "Guesses for one code, 1 to 10");
    let cooldown = settings.or("OTP_RESEND_COOLDOWN", "60s", "Time between two mails to a recipient; it doubles");
    let recipient = settings.or("OTP_LIMIT_RECIPIENT", "5/1h,12/1d", "Mails to a recipient");
    let guesses = settings.or("OTP_LIMIT_GUESSES", "15/1d", "Wrong guesses at a recipient's codes");
    if attempts.is_some_and(|attempts| !(1..=MAX_ATTEMPTS).contains(&attempts)) {
        settings.fault("OTP_MAX_ATTEMPTS must lie between 1 and 10");
    }
    Some(CodePolicy {
        ttl: ttl?,
        retention: RETENTION_GRACE,
        attempts: attempts?,
        cooldown: cooldown?,
        longest_cooldown: LONGEST_COOLDOWN,
        recipient: recipient?,
        guesses: guesses?,
    })
}
