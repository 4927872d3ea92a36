//! A certificate authority for a stack that speaks TLS: made for one run, its key never written down.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// Longer than any stack runs.
const VALID: Duration = Duration::days(30);
/// Clocks that are a little late still find the certificates valid.
const SKEW: Duration = Duration::hours(1);

/// What somebody needs to speak TLS: whom to believe, and who to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The authority's certificate (PEM).
    pub ca: PathBuf,
    /// One's own certificate (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM), for its owner alone.
    pub key: PathBuf,
}

/// An authority. Its key goes with it.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// A new one, which puts its certificate and all that it issues into this folder.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let mut params = parameters(&[], "DistOTP development")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let authority = Self { issuer, folder: folder.to_owned() };
        fs::write(authority.certificate(), authority.issuer.pem())?;
        Ok(authority)
    }

    /// Its own certificate (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for a server at these names and addresses, or, with none, for a client. The files have
    /// this name.
    ///
    /// # Errors
    /// The folder can't be written, or a name is none.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> Result<Identity> {
        let mut params = parameters(hosts, name)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A node of a cluster is a client of the others.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !hosts.is_empty() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        let key = KeyPair::generate()?;
        let identity = Identity {
            ca: self.certificate(),
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, params.signed_by(&key, &self.issuer)?.pem())?;
        crate::private::write(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }
}

fn parameters(hosts: &[&str], name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - SKEW, now + VALID);
    Ok(params)
}
