//! The console's login page over HTTPS, as a browser gets it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long the page may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Octets of the page that are read.
const PAGE_MAX: u64 = 64 << 10;

/// Fetches the login page.
pub(crate) struct Probe {
    console: SocketAddr,
    tls: TlsConnector,
}

impl Probe {
    /// A probe of the console at this address.
    pub(crate) fn new(console: SocketAddr) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OurOwn(provider)))
            .with_no_client_auth();
        Ok(Self {
            console,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Fetches the page and looks whether it is one.
    ///
    /// # Errors
    /// When it cannot be fetched in time, or is no page.
    pub(crate) async fn check(&self) -> Result<()> {
        let page = tokio::time::timeout(WITHIN, self.fetch())
            .await
            .context("it does not come in time")??;
        judge(&page)
    }

    async fn fetch(&self) -> Result<String> {
        let stream = TcpStream::connect(self.console).await.context("nobody listens")?;
        let name = ServerName::from(self.console.ip());
        let mut stream = self.tls.connect(name, stream).await.context("no TLS")?;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut page = Vec::new();
        // The end of the connection without TLS's own end is a matter of style.
        let read = stream.take(PAGE_MAX).read_to_end(&mut page).await;
        if page.is_empty() {
            read.context("nothing comes")?;
        }
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}

fn judge(page: &str) -> Result<()> {
    let status = page.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        bail!("the console answers {status:?}");
    }
    if !page.contains("<script") {
        bail!("what the console serves is not its page");
    }
    Ok(())
}

/// Takes the console's certificate, whatever it is: the connection stays within the box, and administrators may have
/// given it any certificate. Signatures are checked, since the handshake itself is to be tested.
#[derive(Debug)]
struct OurOwn(Arc<CryptoProvider>);

impl ServerCertVerifier for OurOwn {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::ServerConfig;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// A server with a certificate of its own that answers one request with `answer`.
    async fn server(answer: &'static str) -> SocketAddr {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        });
        address
    }

    #[tokio::test]
    async fn a_page_is_a_page_and_nothing_else_is() {
        let page = "HTTP/1.1 200 OK\r\n\r\n<!doctype html><script src=x></script>";
        let check = async |answer| Probe::new(server(answer).await).unwrap().check().await;
        assert!(check(page).await.is_ok());
        let unavailable = check("HTTP/1.1 503 Service Unavailable\r\n\r\n").await.unwrap_err();
        assert!(unavailable.to_string().contains("503"), "{unavailable}");
        assert!(check("HTTP/1.1 200 OK\r\n\r\nempty").await.is_err());
        assert!(check("").await.is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        drop(taken);
        let error = Probe::new(address).unwrap().check().await.unwrap_err();
        assert!(format!("{error:#}").contains("nobody listens"), "{error:#}");
    }
}
