//! The local stack: servers, inbox, DNS zone and services, started, minded and ended together.
//!
//! `cargo dev up` runs one; the system tests run their own in temporary directories on free ports.

mod access;
mod caller;
mod control;
mod keys;
mod launch;
mod links;
mod lock;
mod members;
mod nats;
mod notices;
mod operator;
mod options;
mod part;
mod ports;
mod probe;
mod relay;
mod state;
mod status;
mod supervisor;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::join_all;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::dns::Zone;
use crate::inbox::Inbox;
use access::{Access, OPERATOR};
use links::Links;
use lock::StackLock;
use members::{Plan, Planner};
use nats::Routes;
use ports::local;
use probe::Probe;
use relay::Relay;
use state::Roster;
use supervisor::Supervised;

pub use caller::CallerVariables;
pub use launch::tail;
pub use links::{Link, Wire};
pub use lock::{holder, stop};
pub use members::Programs;
pub use nats::NatsNodes;
pub use notices::Notices;
pub use operator::shown;
pub use options::{Claim, Options};
pub use part::{Instance, Part};
pub use ports::{NodePorts, Ports, WantedPorts};
pub use probe::http_client;
pub use state::{Phase, StackFile};
pub use status::{Line, Status};
pub use supervisor::Condition;

/// Longest wait for a part to be ready: seconds on a machine at rest, and much more while two cores compile.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a part that is not ready yet is asked.
const READY_POLL: Duration = Duration::from_millis(50);
/// How often a new number for an instance is looked for before giving up; a test has a handful.
const INSTANCES_MAX: u16 = 64;

/// A running stack. Dropping it ends all its processes at once; [`Stack::stop`] does it in order.
#[derive(Debug)]
pub struct Stack {
    members: BTreeMap<Instance, Member>,
    planner: Planner,
    roster: Arc<Roster>,
    notices: Notices,
    relay: Relay,
    client: reqwest::Client,
    in_process: TaskTracker,
    stop_in_process: DropGuard,
    // Last: given back when all else is gone.
    _lock: StackLock,
}

#[derive(Debug)]
struct Member {
    supervised: Supervised,
    probe: Probe,
    port: Option<u16>,
    admin: Option<u16>,
}

impl Stack {
    /// Starts everything and waits until all of it is ready.
    ///
    /// # Errors
    /// As [`Claim::take`], or a part does not become ready; the error shows the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let claim = Claim::take(&options.dir, &options.ports, options.nats_nodes, &options.notices)?;
        Self::start_in(claim, options).await
    }

    /// As [`Stack::start`], in a directory that was claimed before.
    ///
    /// # Errors
    /// A part does not become ready; the error shows the end of its log.
    pub async fn start_in(claim: Claim, options: Options) -> Result<Self> {
        let Claim { dir, ports, lock } = claim;
        let keys = keys::kept_in(&dir.join("keys.env"))?;
        let access = Access::kept_in(&dir, options.tls)?;
        let inbox = Inbox::bind(local(ports.smtp), local(ports.inbox)).await?;
        let zone = Zone::bind(local(ports.dns)).await?.with_texts(keys::sender_records(&keys));
        let relay = Relay::of(&inbox);
        let token = CancellationToken::new();
        let in_process = TaskTracker::new();
        in_process.spawn(minded("the inbox", inbox.run(token.clone()), options.notices.clone()));
        in_process.spawn(minded("the DNS zone", zone.run(token.clone()), options.notices.clone()));
        let links = if options.proxied { Links::lay(&ports).await? } else { Links::default() };
        let routes = if options.proxied { Routes::lay(&ports).await? } else { Routes::default() };
        let (programs, caller) = (options.programs, options.caller);
        let planner = Planner { dir, ports, programs, caller, keys, access, links, routes };
        clear_logs(&planner.logs());
        let roster = Arc::new(Roster::keep(&planner.dir, first_content(&planner)?)?);
        let mut stack = Self {
            members: BTreeMap::new(),
            planner,
            roster,
            notices: options.notices,
            relay,
            client: http_client()?,
            in_process,
            stop_in_process: token.drop_guard(),
            _lock: lock,
        };
        if let Err(error) = stack.bring_up().await {
            stack.stop().await;
            return Err(error);
        }
        stack.roster.update(|file| file.phase = Phase::Ready);
        Ok(stack)
    }

    async fn bring_up(&mut self) -> Result<()> {
        let ports = self.planner.ports;
        let nodes: Vec<Instance> = ports.nats_nodes().instances().collect();
        for node in &nodes {
            self.launch(self.planner.nats(*node)?);
        }
        self.launch(self.planner.redis()?);
        // A cluster is ready when all of it is: no node before it has met another.
        for server in nodes.into_iter().chain([Part::Redis.into()]) {
            self.ready_at_first(server).await?;
        }
        let each = [
            (Part::Gateway, ports.gateway, ports.gateway_admin),
            (Part::Mailer, 0, ports.mailer_admin),
            (Part::Notifier, ports.notifier, ports.notifier_admin),
        ];
        for (part, port, admin) in each {
            self.launch(self.planner.service(part.into(), port, admin, &[])?);
        }
        for part in Part::SERVICES {
            self.ready_at_first(part.into()).await?;
        }
        Ok(())
    }

    fn launch(&mut self, plan: Plan) -> Instance {
        let instance = plan.launch.instance;
        if let Some(admin) = plan.admin {
            let url = format!("http://127.0.0.1:{admin}");
            self.roster.update(|file| drop(file.admin.insert(instance.to_string(), url)));
        }
        let Plan { launch, probe, port, admin } = plan;
        let supervised = Supervised::start(launch, Arc::clone(&self.roster), self.notices.clone());
        self.members.insert(instance, Member { supervised, probe, port, admin });
        instance
    }

    /// Starts one more process of a service on free ports, with these settings above all others, and waits until it is
    /// ready.
    ///
    /// # Errors
    /// It does not become ready, or the part is none of [`Part::SERVICES`].
    pub async fn add(&mut self, part: Part, settings: &[(&str, &str)]) -> Result<Instance> {
        if !Part::SERVICES.contains(&part) {
            bail!("a second {} is no part of this stack", part.name());
        }
        let numbers = (2..INSTANCES_MAX).map(|number| Instance { part, number });
        let instance = numbers.into_iter().find(|instance| !self.members.contains_key(instance));
        let instance = instance.with_context(|| format!("no more than {INSTANCES_MAX} instances"))?;
        let plan = self.planner.service(instance, ports::free()?, ports::free()?, settings)?;
        self.launch(plan);
        if let Err(error) = self.ready_at_first(instance).await {
            self.remove(instance).await?;
            return Err(error);
        }
        Ok(instance)
    }

    /// Ends a process that [`Stack::add`] has started, as a drain.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn remove(&mut self, instance: Instance) -> Result<()> {
        let member = self.members.remove(&instance).with_context(|| format!("there is no {instance}"))?;
        member.supervised.stop().await;
        self.roster.update(|file| drop(file.admin.remove(&instance.to_string())));
        Ok(())
    }

    /// As [`Stack::ready`], but the first death is a failure: at the start that is a fault in settings, not an accident.
    async fn ready_at_first(&self, instance: Instance) -> Result<()> {
        self.await_ready(instance, 1).await
    }

    async fn await_ready(&self, instance: Instance, starts_max: u32) -> Result<()> {
        let member = self.member(instance)?;
        let condition = member.supervised.condition();
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let why = match member.probe.ask(&self.client).await {
                Ok(()) => return Ok(()),
                Err(why) => format!("{why:#}"),
            };
            let now = condition.borrow().clone();
            let ended =
                now.last_end.filter(|_| now.starts >= starts_max && (now.starts > starts_max || now.pid.is_none()));
            let fault = match ended {
                Some(ended) => format!("{instance} ended before it was ready ({ended})"),
                None if Instant::now() >= deadline => format!("{instance} is not ready in time: {why}"),
                None => {
                    tokio::time::sleep(READY_POLL).await;
                    continue;
                }
            };
            let launch = member.supervised.launch();
            bail!("{fault}; the end of {}:\n{}", launch.log.display(), launch.tail());
        }
    }

    /// Ends everything in order: services drain, then the inbox and the zone, then the servers.
    pub async fn stop(self) {
        self.roster.update(|file| file.phase = Phase::Stopping);
        self.stop_parts(&Part::SERVICES).await;
        drop(self.stop_in_process);
        self.in_process.close();
        self.in_process.wait().await;
        let servers = self.members.iter().filter(|(instance, _)| Part::SERVERS.contains(&instance.part));
        join_all(servers.map(|(_, member)| member.supervised.stop())).await;
    }

    async fn stop_parts(&self, parts: &[Part]) {
        let chosen = self.members.iter().filter(|(instance, _)| parts.contains(&instance.part));
        join_all(chosen.map(|(_, member)| member.supervised.stop())).await;
    }

    fn member(&self, instance: Instance) -> Result<&Member> {
        self.members.get(&instance).with_context(|| format!("there is no {instance}"))
    }
}

async fn minded(name: &str, run: impl Future<Output = Result<()>>, notices: Notices) {
    if let Err(error) = run.await {
        notices.say(&format!("{name} failed: {error:#}"));
    }
}

fn first_content(planner: &Planner) -> Result<StackFile> {
    let (ports, access) = (&planner.ports, &planner.access);
    let nats = |port| access.nats_url(OPERATOR, local(port));
    let nodes = ports.nats_nodes().instances().map(|node| node.to_string());
    let urls = ports.nats_clients().into_iter().map(nats).collect::<Result<Vec<_>>>()?;
    Ok(StackFile {
        phase: Phase::Starting,
        gateway: format!("http://127.0.0.1:{}", ports.gateway),
        notifier: format!("ws://127.0.0.1:{}", ports.notifier),
        events: format!("ws://127.0.0.1:{}/v1/events", ports.notifier),
        inbox: format!("http://127.0.0.1:{}", ports.inbox),
        smtp: format!("smtp://127.0.0.1:{}", ports.smtp),
        nats: nats(ports.nats)?,
        nats_nodes: nodes.zip(urls).collect(),
        redis: access.redis_url(OPERATOR, local(ports.redis))?,
        tls: access.identity(OPERATOR),
        dns: format!("dns://127.0.0.1:{}", ports.dns),
        admin: BTreeMap::new(),
        pids: BTreeMap::from([("dev".to_owned(), std::process::id())]),
        logs: planner.logs(),
    })
}

/// Logs are of this run; the tool's own stays, it may be written right now.
fn clear_logs(logs: &Path) {
    let files = std::fs::read_dir(logs).into_iter().flatten().flatten();
    for file in files.filter(|file| file.file_name() != "dev.log") {
        drop(std::fs::remove_file(file.path()));
    }
}
