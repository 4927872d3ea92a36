//! OpenTelemetry's own variables, as far as they mean something here.

use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use url::Url;

use super::exporter;
use super::queue::Limits;
use crate::settings::{Setting, Settings};

/// Whether and where traces go.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    pub(super) collector: Option<Collector>,
    pub(super) headers: Headers,
    pub(super) name: Option<String>,
    pub(super) attributes: Pairs,
    pub(super) sampling: Sampling,
    pub(super) limits: Limits,
}

impl TelemetrySettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let collector = settings.optional("OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces go; unset: none are made");
        let headers = settings.secret_or("OTEL_EXPORTER_OTLP_HEADERS", "", "Headers for the collector");
        let name = settings.optional("OTEL_SERVICE_NAME", "The service's name in traces, else the program's");
        let attributes = settings.or("OTEL_RESOURCE_ATTRIBUTES", "", "What else traces say of this process");
        let sampler = settings.or("OTEL_TRACES_SAMPLER", "parentbased_always_on", "Which requests are traced");
        let share = settings.or("OTEL_TRACES_SAMPLER_ARG", "1", "Which share of them, with a ratio sampler");
        let limits = limits(settings);
        Some(Self {
            collector: collector?,
            headers: headers?,
            name: name?,
            attributes: attributes?,
            sampling: Sampling::new(sampler?, share?),
            limits: limits?,
        })
    }

    /// Switches traces on if they are to be. `service` is the program's name; what is sent is sent on this runtime.
    pub fn start(self, service: &'static str, runtime: Handle) {
        if let Some(collector) = self.collector.clone() {
            exporter::start(self, &collector, service, runtime);
        }
    }
}

fn limits(settings: &mut Settings<'_>) -> Option<Limits> {
    let waiting = settings.or("OTEL_BSP_MAX_QUEUE_SIZE", "2048", "Most steps of traces that wait; more are dropped");
    let batch = settings.or("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", "Most steps of one post to the collector");
    let delay = settings.or("OTEL_BSP_SCHEDULE_DELAY", "5000", "How long a step waits for others");
    let (Steps(waiting), Steps(batch), Millis(delay)) = (waiting?, batch?, delay?);
    if batch > waiting {
        settings.fault("OTEL_BSP_MAX_EXPORT_BATCH_SIZE is larger than OTEL_BSP_MAX_QUEUE_SIZE");
    }
    Some(Limits { waiting, batch, delay })
}

/// A number of steps. Most have less than a KiB, so that all that wait have some tens of MiB at most, and one post is far
/// from the 64 MiB at which it would not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps(usize);

impl Setting for Steps {
    const FORM: &'static str = "a whole number from 1 to 32768";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|steps| (1..=32_768).contains(steps)).map(Self).ok_or_else(String::new)
    }
}

/// A time as OpenTelemetry writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Millis(Duration);

impl Setting for Millis {
    const FORM: &'static str = "milliseconds, from 1 to 3600000";

    fn parse(text: &str) -> Result<Self, String> {
        let millis = text.parse().ok().filter(|millis| (1..=3_600_000).contains(millis));
        millis.map(Duration::from_millis).map(Self).ok_or_else(String::new)
    }
}

/// Where traces are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collector(pub(super) String);

impl Setting for Collector {
    const FORM: &'static str = "http://host:port of a collector that takes OTLP over HTTP (protobuf)";

    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| String::new())?;
        if url.scheme() == "https" {
            return Err("TLS to a collector elsewhere is for a collector here to speak".to_owned());
        }
        let plain = url.scheme() == "http" && url.has_host() && url.username().is_empty() && url.password().is_none();
        if !plain || url.query().is_some() || url.fragment().is_some() {
            return Err(String::new());
        }
        Ok(Self(format!("{}/v1/traces", url.as_str().trim_end_matches('/'))))
    }
}

/// Headers, written as [`Pairs`] are. May hold what lets one in at the collector.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Headers(pub(super) HeaderMap);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Setting for Headers {
    const FORM: &'static str = Pairs::FORM;

    fn parse(text: &str) -> Result<Self, String> {
        let header = |(name, value): (String, String)| {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        };
        let headers = Pairs::parse(text)?.0.into_iter().map(header).collect::<Option<_>>();
        headers.map(Self).ok_or_else(|| "a header has other characters than these may have".to_owned())
    }
}

/// `name=value,name=value`, values percent-encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Setting for Pairs {
    const FORM: &'static str = "name=value,name=value with percent-encoded values";

    fn parse(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').ok_or_else(String::new)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| String::new())?;
            let name = name.trim();
            if name.is_empty() || value.chars().any(char::is_control) {
                return Err(String::new());
            }
            Ok((name.to_owned(), value.into_owned()))
        };
        text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect::<Result<_, _>>().map(Self)
    }
}

/// The samplers that every OpenTelemetry SDK knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampler {
    AlwaysOn,
    AlwaysOff,
    Ratio,
    ParentOrOn,
    ParentOrOff,
    ParentOrRatio,
}

impl Setting for Sampler {
    const FORM: &'static str = "always_on, always_off, traceidratio, or one of them behind parentbased_";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "always_on" => Ok(Self::AlwaysOn),
            "always_off" => Ok(Self::AlwaysOff),
            "traceidratio" => Ok(Self::Ratio),
            "parentbased_always_on" => Ok(Self::ParentOrOn),
            "parentbased_always_off" => Ok(Self::ParentOrOff),
            "parentbased_traceidratio" => Ok(Self::ParentOrRatio),
            _ => Err(String::new()),
        }
    }
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(f64);

impl Setting for Share {
    const FORM: &'static str = "a number from 0 to 1";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Self).ok_or_else(String::new)
    }
}

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampling {
    share: f64,
    asks_parent: bool,
}

impl Sampling {
    fn new(sampler: Sampler, Share(share): Share) -> Self {
        let (share, asks_parent) = match sampler {
            Sampler::AlwaysOn => (1.0, false),
            Sampler::AlwaysOff => (0.0, false),
            Sampler::Ratio => (share, false),
            Sampler::ParentOrOn => (1.0, true),
            Sampler::ParentOrOff => (0.0, true),
            Sampler::ParentOrRatio => (share, true),
        };
        Self { share, asks_parent }
    }

    /// Whether a request is traced: as its caller says where that one's word counts, else by lot (`chance` from 0 to 1).
    /// By lot and not by the trace id, which a stranger may choose.
    pub(super) fn takes(self, said: Option<bool>, chance: f64) -> bool {
        said.filter(|_| self.asks_parent).unwrap_or(chance < self.share)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_collector_is_asked_at_its_path() {
        let parsed = |text| Collector::parse(text).map(|collector| collector.0);
        assert_eq!(parsed("http://localhost:4318").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(parsed("http://otel/in/").unwrap(), "http://otel/in/v1/traces");
        for bad in ["https://otel:4318", "otel:4318", "http://user:word@otel", "http://otel?x=1", "grpc://otel", ""] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_are_decoded() {
        let pairs = Pairs::parse("authorization=Bearer%20abc, x=1,").unwrap();
        let expected = [("authorization", "Bearer abc"), ("x", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(pairs.0, expected);
        assert_eq!(Pairs::parse("").unwrap(), Pairs::default());
        assert!(Pairs::parse("x").is_err() && Pairs::parse("=1").is_err() && Pairs::parse("x=%0A").is_err());
    }

    #[test]
    fn headers_are_decoded_once_and_their_values_are_not_shown() {
        let headers = Headers::parse("authorization=Bearer%20abc%2541,x-tenant=shop").unwrap();
        assert_eq!(headers.0["authorization"], "Bearer abc%41");
        assert_eq!(headers.0["x-tenant"], "shop");
        let shown = format!("{headers:?} {:?}", headers.0);
        assert!(shown.contains("authorization") && !shown.contains("abc"), "{shown}");
        assert!(Headers::parse("a b=c").is_err());
    }

    #[test]
    fn all_that_is_set_is_checked() {
        let read = |variables: &[(&'static str, &str)]| {
            let environment: HashMap<&str, String> =
                variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            let mut settings = Settings::new(&environment);
            let read = TelemetrySettings::read(&mut settings);
            settings.finish(read)
        };
        let defaults = read(&[]).unwrap();
        assert_eq!(defaults.collector, None);
        assert_eq!(defaults.limits, Limits { waiting: 2048, batch: 512, delay: Duration::from_secs(5) });
        let faults = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "8"), ("OTEL_TRACES_SAMPLER", "always_on")]).unwrap_err();
        assert_eq!(faults.0, ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE is larger than OTEL_BSP_MAX_QUEUE_SIZE"]);
        for (name, value) in [
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel:4318"),
        ] {
            assert!(read(&[(name, value)]).unwrap_err().0[0].starts_with(name), "{name}");
        }
    }

    #[test]
    fn the_word_of_a_caller_counts_where_it_is_asked_for() {
        let sampling = |sampler, share| Sampling::new(sampler, Share(share));
        assert!(sampling(Sampler::ParentOrOff, 1.0).takes(Some(true), 0.5));
        assert!(!sampling(Sampler::ParentOrOn, 1.0).takes(Some(false), 0.5));
        assert!(!sampling(Sampler::AlwaysOff, 1.0).takes(Some(true), 0.0));
        assert!(sampling(Sampler::Ratio, 0.5).takes(Some(false), 0.49));
        assert!(!sampling(Sampler::ParentOrRatio, 0.5).takes(None, 0.5));
        assert!(Share::parse("1.1").is_err() && Share::parse("NaN").is_err());
    }
}
