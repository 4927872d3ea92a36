//! `otp-mailer dkim-keys`: fresh keys, as lines for `OTP_DKIM_KEYS`, with the records to publish.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use otp_nats::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::{Algorithm, DkimKey};

/// How it is called.
pub const USAGE: &str = "dkim-keys --domain DOMAIN [--selector NAME] [--rsa PEM]";
/// Bytes of an Ed25519 seed.
const SEED: usize = 32;
/// What makes RSA keys. Nothing here does: what signs has no use for large primes, and this is on every machine where
/// keys are made.
const OPENSSL: [&str; 7] = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform"];

/// Why no keys are printed.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// It was called another way.
    #[error("expected: {USAGE}")]
    Usage,
    /// Domain, selector or key is none.
    #[error("{0}")]
    Key(&'static str),
    /// The file holds no private RSA key.
    #[error("{0} cannot be read as a private RSA key (PEM)")]
    File(PathBuf),
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// What is asked for.
#[derive(Debug, Default)]
struct Wanted {
    domain: String,
    selector: String,
    rsa: Option<PathBuf>,
}

/// A key of each algorithm for a domain, as the arguments say.
///
/// # Errors
/// [`CommandFault`], as its variants say.
pub fn fresh_keys(arguments: &[&str], now: Timestamp) -> Result<Zeroizing<String>, CommandFault> {
    let wanted = Wanted::read(arguments, now)?;
    let mut text = Zeroizing::new(String::with_capacity(8192));
    let mut seed = Zeroizing::new([0; SEED]);
    SystemRandom::new().fill(seed.as_mut()).map_err(|_| CommandFault::Random)?;
    match wanted.rsa_secret()? {
        Some(secret) => wanted.describe(&mut text, Algorithm::Rsa, &secret)?,
        None => text.push_str(
            "# No RSA key: there is no openssl here. Many receivers know no other, so make one elsewhere and say --rsa rsa.pem:\n\
             #   openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem\n",
        ),
    }
    wanted.describe(&mut text, Algorithm::Ed25519, seed.as_slice())?;
    Ok(text)
}

impl Wanted {
    fn read(arguments: &[&str], now: Timestamp) -> Result<Self, CommandFault> {
        let mut wanted = Self::default();
        for pair in arguments.chunks(2) {
            match *pair {
                ["--domain", domain] => domain.clone_into(&mut wanted.domain),
                ["--selector", selector] => selector.clone_into(&mut wanted.selector),
                ["--rsa", path] => wanted.rsa = Some(path.into()),
                _ => return Err(CommandFault::Usage),
            }
        }
        if wanted.domain.is_empty() {
            return Err(CommandFault::Usage);
        }
        if wanted.selector.is_empty() {
            // A key is told from the next by its day.
            let day: String = now.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
            wanted.selector = format!("otp{day}");
        }
        Ok(wanted)
    }

    /// The key in the file, else a fresh one; `None` where there is no openssl to make it.
    fn rsa_secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CommandFault> {
        let Some(path) = &self.rsa else { return Ok(generated()) };
        match PrivateKeyDer::from_pem_file(path) {
            Ok(PrivateKeyDer::Pkcs8(key)) => Ok(Some(key.secret_pkcs8_der().to_vec().into())),
            Ok(PrivateKeyDer::Pkcs1(key)) => Ok(Some(key.secret_pkcs1_der().to_vec().into())),
            Ok(_) | Err(_) => Err(CommandFault::File(path.clone())),
        }
    }

    /// A key's line, below what to publish.
    fn describe(&self, text: &mut String, algorithm: Algorithm, secret: &[u8]) -> Result<(), CommandFault> {
        // Two keys have two names: a receiver that knows one algorithm may give up at the other's record.
        let selector = format!("{}-{}", self.selector, algorithm.as_str());
        let key = DkimKey::new(&selector, &self.domain, algorithm, secret).map_err(CommandFault::Key)?;
        let encoded = Zeroizing::new(BASE64.encode(secret));
        let written = writeln!(
            text,
            "# Publish before this key signs:\n#   {}\n{}:{}:{}:{}",
            key.zone_line(),
            key.selector(),
            key.domain(),
            algorithm.as_str(),
            encoded.as_str()
        );
        debug_assert!(written.is_ok());
        Ok(())
    }
}

fn generated() -> Option<Zeroizing<Vec<u8>>> {
    let (program, arguments) = OPENSSL.split_first()?;
    let made = Command::new(program).args(arguments).arg("DER").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let made = made.ok().filter(|made| made.status.success())?;
    Some(Zeroizing::new(made.stdout))
}
