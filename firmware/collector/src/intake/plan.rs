//! What is to be received, and from whom.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use api::collector::SocketPurpose;
use foldhash::fast::RandomState;
use model::{Definitions, HomeNetworks, LinkId};
use settings::{Collection, Exporter, Listen, Role, Settings};

/// A registered exporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExporterPlan {
    pub(crate) link: LinkId,
    pub(crate) settings: Exporter,
    /// How it is polled.
    pub(crate) agent: Option<snmp::Agent>,
}

impl ExporterPlan {
    /// Each sampled packet stands for so many, whatever the exporter says.
    pub(crate) fn sampling(&self) -> Option<NonZeroU32> {
        self.settings.sampling.and_then(NonZeroU32::new)
    }

    /// Seconds east of UTC that its clock shows.
    pub(crate) fn utc_offset_s(&self) -> i32 {
        i32::from(self.settings.utc_offset_min) * 60
    }
}

/// The exporters, found by any of their addresses.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    exporters: Vec<Arc<ExporterPlan>>,
    places: HashMap<IpAddr, usize, RandomState>,
    /// Whether senders that are not registered are listed.
    pub(crate) discovery: bool,
    pub(crate) home: HomeNetworks,
    /// The applications that the firmware does not know.
    pub(crate) definitions: Arc<Definitions>,
}

impl Registry {
    pub(crate) fn new(exporters: Vec<ExporterPlan>, discovery: bool, home: HomeNetworks) -> Self {
        let exporters: Vec<Arc<ExporterPlan>> = exporters.into_iter().map(Arc::new).collect();
        let of = |(place, exporter): (usize, &Arc<ExporterPlan>)| {
            let addresses = exporter.settings.addresses.clone();
            addresses
                .into_iter()
                .map(move |address| (address.to_canonical(), place))
        };
        Self {
            places: exporters.iter().enumerate().flat_map(of).collect(),
            exporters,
            discovery,
            home,
            definitions: Arc::default(),
        }
    }

    /// With the applications that the firmware does not know.
    pub(crate) fn with_definitions(self, definitions: &Arc<Definitions>) -> Self {
        Self {
            definitions: definitions.clone(),
            ..self
        }
    }

    /// The place of the exporter that has an address, whether enabled or not.
    #[inline]
    pub(crate) fn place(&self, address: IpAddr) -> Option<usize> {
        self.places.get(&address).copied()
    }

    /// The enabled exporter that has an address.
    pub(crate) fn enabled(&self, address: IpAddr) -> Option<&Arc<ExporterPlan>> {
        let exporter = self.exporters.get(self.place(address.to_canonical())?)?;
        exporter.settings.enabled.then_some(exporter)
    }

    pub(crate) fn by_link(&self, link: LinkId) -> Option<&Arc<ExporterPlan>> {
        self.exporters.iter().find(|e| e.link == link)
    }

    /// All of them, by number.
    pub(crate) fn exporters(&self) -> &[Arc<ExporterPlan>] {
        &self.exporters
    }
}

/// What is to be received, and from whom.
#[derive(Debug, Default)]
pub(crate) struct IntakePlan {
    pub(crate) listens: BTreeSet<(SocketPurpose, u16)>,
    pub(crate) registry: Arc<Registry>,
}

impl IntakePlan {
    /// The ports on which something is received.
    pub(crate) fn ports(&self, purpose: SocketPurpose) -> impl Iterator<Item = u16> {
        let of = move |(for_it, _): &&(SocketPurpose, u16)| *for_it == purpose;
        self.listens.iter().filter(of).map(|(_, port)| *port)
    }
}

/// What the settings call for; nothing where the box only analyzes.
pub(crate) fn from_settings(settings: &Settings, definitions: &Arc<Definitions>) -> IntakePlan {
    if settings.role == Role::Analyzer {
        return IntakePlan::default();
    }
    let exporters = settings.exporters.iter().map(|(number, exporter)| {
        let link = LinkId::of_exporter(*number);
        ExporterPlan {
            link,
            agent: agent(link, exporter, settings),
            settings: exporter.clone(),
        }
    });
    IntakePlan {
        listens: listens(&settings.collection),
        registry: Arc::new(
            Registry::new(
                exporters.collect(),
                settings.collection.discovery,
                settings.home_networks.clone(),
            )
            .with_definitions(definitions),
        ),
    }
}

fn listens(collection: &Collection) -> BTreeSet<(SocketPurpose, u16)> {
    let each = [
        (SocketPurpose::Flow, &collection.flow),
        (SocketPurpose::Syslog, &collection.syslog),
        (SocketPurpose::SyslogTls, &collection.syslog_tls),
        (SocketPurpose::Traps, &collection.traps),
    ];
    let ports = |(purpose, listen): (SocketPurpose, &Listen)| {
        let ports = if listen.enabled {
            listen.ports.clone()
        } else {
            Vec::new()
        };
        ports.into_iter().map(move |port| (purpose, port))
    };
    each.into_iter().flat_map(ports).collect()
}

fn agent(link: LinkId, exporter: &Exporter, settings: &Settings) -> Option<snmp::Agent> {
    let polling = exporter.snmp.as_ref().filter(|_| exporter.enabled)?;
    Some(snmp::Agent {
        id: link,
        address: exporter.addresses.first()?.to_canonical(),
        port: polling.port,
        credentials: credentials(settings.snmp.get(&polling.credentials)?),
        interval: Duration::from_secs(polling.interval_s.into()).clamp(snmp::INTERVAL_MIN, snmp::INTERVAL_MAX),
    })
}

fn credentials(from: &settings::SnmpCredentials) -> snmp::Credentials {
    use settings::SnmpCredentials as From;
    match from {
        From::V1 { community } => snmp::Credentials::V1 {
            community: community.expose().to_owned(),
        },
        From::V2c { community } => snmp::Credentials::V2c {
            community: community.expose().to_owned(),
        },
        From::V3 {
            user,
            authentication,
            privacy,
        } => snmp::Credentials::V3(snmp::User {
            name: user.clone(),
            context: String::new(),
            security: match (authentication, privacy) {
                (None, _) => snmp::Security::None,
                (Some((auth, password)), None) => snmp::Security::Auth {
                    auth: hash(*auth),
                    auth_password: password.expose().to_owned(),
                },
                (Some((auth, password)), Some((privacy, secret))) => snmp::Security::AuthPriv {
                    auth: hash(*auth),
                    auth_password: password.expose().to_owned(),
                    privacy: cipher(*privacy),
                    priv_password: secret.expose().to_owned(),
                },
            },
        }),
    }
}

fn hash(from: settings::SnmpAuthentication) -> snmp::AuthProtocol {
    use settings::SnmpAuthentication as From;
    match from {
        From::Md5 => snmp::AuthProtocol::Md5,
        From::Sha1 => snmp::AuthProtocol::Sha1,
        From::Sha224 => snmp::AuthProtocol::Sha224,
        From::Sha256 => snmp::AuthProtocol::Sha256,
        From::Sha384 => snmp::AuthProtocol::Sha384,
        From::Sha512 => snmp::AuthProtocol::Sha512,
    }
}

fn cipher(from: settings::SnmpPrivacy) -> snmp::PrivProtocol {
    use settings::SnmpPrivacy as From;
    match from {
        From::Des => snmp::PrivProtocol::Des,
        From::Aes128 => snmp::PrivProtocol::Aes128,
        From::Aes192 => snmp::PrivProtocol::Aes192,
        From::Aes256 => snmp::PrivProtocol::Aes256,
        From::Aes192Cisco => snmp::PrivProtocol::Aes192Cisco,
        From::Aes256Cisco => snmp::PrivProtocol::Aes256Cisco,
    }
}
