//! One mail, written by the mailer's composer and read as a mail program reads it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mail_parser::MessageParser;
use otp_mailer::mail::templates::Templates;
use otp_mailer::mail::{Composer, Occasion};
use otp_nats::Timestamp;
use otp_nats::request::MailRequest;
use serde::{Deserialize, Serialize};

/// Longest validity in minutes that is shown: a day.
const MINUTES_MAX: u64 = 24 * 60;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// It is there.
    Yes,
    /// It is not.
    No,
}

/// A colour scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// What a mail is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// How long the code is valid.
    pub minutes: u64,
    /// Where it was asked from.
    pub place: Choice,
    /// The link to report the request.
    pub report: Choice,
    /// The code in the subject.
    pub subject: Choice,
    /// The folder of an application's templates, or empty.
    pub app: String,
}

impl Default for Wish {
    fn default() -> Self {
        Self { minutes: 5, place: Choice::Yes, report: Choice::Yes, subject: Choice::No, app: String::new() }
    }
}

/// A mail's parts, decoded.
#[derive(Debug)]
pub struct Sample {
    /// The subject.
    pub subject: String,
    /// The part for people who read text.
    pub text: String,
    /// The part with a layout.
    pub html: String,
}

impl Sample {
    /// Writes a mail in a language.
    ///
    /// # Errors
    /// Templates that are faulty.
    pub fn of(language: &str, wish: &Wish, templates: Option<&Path>) -> Result<Self> {
        let there = |choice: Choice, text: &str| if choice == Choice::Yes { text.to_owned() } else { String::new() };
        let request = MailRequest {
            email: "ada@example.org".into(),
            code: "418093".into(),
            locale: language.to_owned(),
            app: "Example Shop".to_owned(),
            sender: String::new(),
            templates: wish.app.clone(),
            blocked: false,
            report_url: there(wish.report, "https://otp.example.com/report#u7xq-5b2m-k4").into(),
            place: there(wish.place, "Berlin, DE"),
        };
        let now = Timestamp::now();
        let occasion = Occasion {
            id: "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().context("an id")?,
            generation: 1,
            now,
            expires_at: now + Duration::from_secs(60 * wish.minutes.clamp(1, MINUTES_MAX)),
        };
        let sender = "Example Shop <codes@example.com>".parse().context("a sender")?;
        let composer = Composer::new(Templates::load(templates)?, sender, None, wish.subject == Choice::Yes);
        let message = composer.compose(&request, &occasion)?.text();
        let parsed = MessageParser::default().parse(message.as_slice()).context("the mail is not readable")?;
        let part = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().replace("\r\n", "\n");
        Ok(Self {
            subject: parsed.subject().unwrap_or_default().to_owned(),
            text: part(parsed.body_text(0)),
            html: part(parsed.body_html(0)),
        })
    }

    /// The HTML with the scheme settled in it, as if the reader's system had chosen that one: a frame cannot be told.
    pub fn html_in(&self, scheme: Scheme) -> String {
        let (name, dark, light) = match scheme {
            Scheme::Light => ("light", "(max-width:0px)", "(min-width:0px)"),
            Scheme::Dark => ("dark", "(min-width:0px)", "(max-width:0px)"),
        };
        let mut html = self.html.replace("light dark", name);
        for space in ["", " "] {
            html = html.replace(&format!("(prefers-color-scheme:{space}dark)"), dark);
            html = html.replace(&format!("(prefers-color-scheme:{space}light)"), light);
        }
        html
    }
}

/// The languages that there are templates for.
///
/// # Errors
/// Templates that are faulty.
pub(super) fn languages(templates: Option<&Path>) -> Result<Vec<String>> {
    Ok(Templates::load(templates)?.languages().map(str::to_owned).collect())
}

/// The folders of applications.
///
/// # Errors
/// Templates that are faulty.
pub(super) fn applications(templates: Option<&Path>) -> Result<Vec<String>> {
    Ok(Templates::load(templates)?.apps().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_is_wished_for() {
        let full = Sample::of("de", &Wish { minutes: 1, subject: Choice::Yes, ..Wish::default() }, None).unwrap();
        assert!(full.subject.starts_with("418093") && full.text.contains("1 Minute "), "{full:?}");
        assert!(full.html.contains("Berlin, DE") && full.html.contains("href=\"https://otp.example.com/report#"));
        let bare = Wish { place: Choice::No, report: Choice::No, ..Wish::default() };
        let bare = Sample::of("de", &bare, None).unwrap();
        assert!(!bare.subject.contains("418093") && !bare.html.contains("Berlin") && !bare.html.contains("href"));
    }

    #[test]
    fn a_settled_scheme_leaves_nothing_to_the_browser() {
        let sample = Sample::of("en", &Wish::default(), None).unwrap();
        assert!(sample.html.contains("prefers-color-scheme"));
        let (light, dark) = (sample.html_in(Scheme::Light), sample.html_in(Scheme::Dark));
        for html in [&light, &dark] {
            assert!(!html.contains("prefers-color-scheme") && !html.contains("light dark"));
        }
        assert!(light.contains("@media (max-width:0px)") && dark.contains("@media (min-width:0px)"));
    }
}
