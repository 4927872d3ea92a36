//! What certificates a relay may present.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The file with a relay's certificate authorities is of no use.
    #[error("the certificate authorities in {0} cannot be read")]
    Authorities(String),
    /// The system has no certificate authorities.
    #[error("the system has no certificate authorities; install them or name a file with ?ca=PATH")]
    NoSystemAuthorities,
    /// The cryptography does not fit together.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A connector that trusts the authorities in `ca`, or the system's.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, TlsFault> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let unreadable = || TlsFault::Authorities(path.display().to_string());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|_| unreadable())?;
        for certificate in certificates {
            roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
        }
        if roots.is_empty() {
            return Err(unreadable());
        }
    } else {
        // Single certificates that cannot be read are common in system stores and no reason to stop.
        let (added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err(TlsFault::NoSystemAuthorities);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
