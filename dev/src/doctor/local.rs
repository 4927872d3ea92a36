//! Where settings come from: the process's environment, or the processes of a local stack.

use std::collections::HashMap;
use std::fmt;

use otp_nats::settings::{Environment, ProcessEnvironment};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::Service;
use crate::process;
use crate::stack::StackFile;

/// The variables of a process, and the files of this machine. Its `Debug` shows the names only.
#[derive(Clone, Default)]
pub struct Values(HashMap<String, String>);

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Values {
    /// These variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// With one more, or another value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Environment for Values {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &str) -> std::io::Result<Zeroizing<String>> {
        std::fs::read_to_string(path).map(Zeroizing::new)
    }
}

/// What each service would read, and logins for questions that no service may ask.
pub struct Surroundings {
    environments: [Box<dyn Environment + Send + Sync>; 3],
    /// An operator's URL of NATS.
    pub nats_operator: Option<SecretString>,
    /// An operator's URL of Redis.
    pub redis_operator: Option<SecretString>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Surroundings {
    /// The variables of this process, for all services alike.
    pub fn of_process() -> Self {
        let environment = || -> Box<dyn Environment + Send + Sync> { Box::new(ProcessEnvironment) };
        Self { environments: [environment(), environment(), environment()], nats_operator: None, redis_operator: None }
    }

    /// Variables for each service.
    pub fn given(gateway: Values, mailer: Values, notifier: Values) -> Self {
        let environments =
            [gateway, mailer, notifier].map(|values| -> Box<dyn Environment + Send + Sync> { Box::new(values) });
        Self { environments, nats_operator: None, redis_operator: None }
    }

    /// What the services of a stack on this machine were started with; `None` where the system does not tell.
    pub fn of_stack(file: &StackFile) -> Option<Self> {
        let values = |service: Service| {
            let variables = process::variables(*file.pids.get(service.name())?)?;
            Some(Values::new(variables.into_iter().filter(|(name, _)| name.starts_with("OTP_"))))
        };
        let of = Self::given(values(Service::Gateway)?, values(Service::Mailer)?, values(Service::Notifier)?);
        let (nats, redis) = (file.nats.clone().into(), file.redis.clone().into());
        Some(Self { nats_operator: Some(nats), redis_operator: Some(redis), ..of })
    }

    /// What an operator would join this server with: the login in the URL, and the gateway's certificates.
    pub(super) fn operator(&self, server: &str) -> Option<Values> {
        let url = if server == "NATS" { &self.nats_operator } else { &self.redis_operator };
        let mut values = Values::default().with(&format!("OTP_{server}_URL"), url.as_ref()?.expose_secret());
        for what in ["CA", "CERT", "KEY"] {
            let name = format!("OTP_{server}_{what}_FILE");
            if let Some(path) = self.of(Service::Gateway).variable(&name) {
                values = values.with(&name, &path);
            }
        }
        Some(values)
    }

    pub(super) fn of(&self, service: Service) -> &dyn Environment {
        let [gateway, mailer, notifier] = &self.environments;
        match service {
            Service::Gateway => gateway.as_ref(),
            Service::Mailer => mailer.as_ref(),
            Service::Notifier => notifier.as_ref(),
        }
    }
}
