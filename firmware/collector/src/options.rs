//! The command line. Without a supervisor the collector runs by what is given here.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Parser;
use model::Prefix;
use settings::{Exporter, FlowTimeouts, Listen, Secret, Settings, SnmpCredentials, SnmpPolling};

/// Captures traffic, receives from exporters and hands flow records to the analyzer.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Where batches wait while the analyzer is away, and what exporters taught is kept.
    #[arg(long, default_value = "/data/collector")]
    pub(crate) data: PathBuf,
    /// Where the sockets are.
    #[arg(long, default_value = api::RUN_DIR)]
    pub(crate) run_dir: PathBuf,
    /// Captures on this interface instead of asking the supervisor; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Vec<String>,
    /// With --interface: a network that counts as inside; the private networks where none is given.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) home: Vec<Prefix>,
    /// With --interface: seconds of silence after which a flow ends.
    #[arg(long, value_name = "SECONDS", requires = "interface", default_value_t = FlowTimeouts::default().idle_s)]
    pub(crate) idle: u32,
    /// With --interface: seconds after which a flow that goes on is reported.
    #[arg(long, value_name = "SECONDS", requires = "interface", default_value_t = FlowTimeouts::default().active_s)]
    pub(crate) active: u32,
    /// MiB of batches that may wait on disk.
    #[arg(long, value_name = "MIB", default_value_t = 1_024)]
    pub(crate) spool_mib: u64,
    /// Seconds that exporters' records wait for a block to fill, 1–60.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) block_seconds: u64,
    /// Takes the settings of collection and exporters from this document instead of asking the supervisor; it is read
    /// again at SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Registers an exporter instead of asking the supervisor: its name and addresses; may be given several times.
    #[arg(long, value_name = "NAME=ADDRESS[,ADDRESS]")]
    pub(crate) exporter: Vec<String>,
    /// Receives NetFlow, IPFIX and sFlow on this UDP port; may be given several times.
    #[arg(long, value_name = "PORT")]
    pub(crate) listen_flow: Vec<u16>,
    /// Receives syslog on this UDP port.
    #[arg(long, value_name = "PORT")]
    pub(crate) listen_syslog: Vec<u16>,
    /// Receives syslog over TLS on this TCP port.
    #[arg(long, value_name = "PORT")]
    pub(crate) listen_syslog_tls: Vec<u16>,
    /// Receives SNMP traps and informs on this UDP port.
    #[arg(long, value_name = "PORT")]
    pub(crate) listen_traps: Vec<u16>,
    /// Polls an exporter by SNMPv2c: its name, the community, and the agent's port where it is not 161.
    #[arg(long, value_name = "NAME=COMMUNITY[@PORT]")]
    pub(crate) snmp: Vec<String>,
    /// With --snmp: seconds between two polls.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) snmp_interval: u32,
    /// Lists senders that are not registered.
    #[arg(long)]
    pub(crate) discovery: bool,
}

impl Options {
    /// Whether the supervisor is not asked.
    pub(crate) fn alone(&self) -> bool {
        !self.interface.is_empty() || self.settings.is_some() || !self.exporter.is_empty() || self.discovery
    }

    /// The settings that the command line gives.
    ///
    /// # Errors
    /// Names the argument that cannot be read, or the file.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = match &self.settings {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                // Not checked as the supervisor's are: exporters on loopback are allowed here.
                serde_json::from_str(&text).with_context(|| path.display().to_string())?
            }
            None => self.by_arguments()?,
        };
        if !self.home.is_empty() {
            settings.home_networks = model::HomeNetworks::new(self.home.clone());
        }
        Ok(settings)
    }

    fn by_arguments(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        let listen = |ports: &[u16]| Listen {
            enabled: !ports.is_empty(),
            ports: ports.to_vec(),
        };
        settings.collection.flow = listen(&self.listen_flow);
        settings.collection.syslog = listen(&self.listen_syslog);
        settings.collection.syslog_tls = listen(&self.listen_syslog_tls);
        settings.collection.traps = listen(&self.listen_traps);
        settings.collection.discovery = self.discovery;
        for (number, exporter) in (1u32..).zip(&self.exporter) {
            let (name, addresses) = exporter
                .split_once('=')
                .with_context(|| format!("--exporter {exporter}: write NAME=ADDRESS[,ADDRESS]"))?;
            let addresses = addresses.split(',').map(str::parse::<IpAddr>);
            let exporter = Exporter {
                name: name.to_owned(),
                addresses: addresses
                    .collect::<Result<_, _>>()
                    .with_context(|| format!("--exporter {exporter}"))?,
                enabled: true,
                sampling: None,
                utc_offset_min: 0,
                snmp: None,
                interfaces: Default::default(),
            };
            settings.exporters.insert(number, exporter);
        }
        for polling in &self.snmp {
            let (name, rest) = polling
                .split_once('=')
                .with_context(|| format!("--snmp {polling}: write NAME=COMMUNITY[@PORT]"))?;
            let (community, port) = match rest.rsplit_once('@') {
                Some((community, port)) => (community, port.parse().with_context(|| format!("--snmp {polling}"))?),
                None => (rest, 161),
            };
            let Some(exporter) = settings.exporters.values_mut().find(|e| e.name == name) else {
                bail!("--snmp {polling}: there is no --exporter {name}=…");
            };
            exporter.snmp = Some(SnmpPolling {
                credentials: name.to_owned(),
                port,
                interval_s: self.snmp_interval,
            });
            let community = Secret::new(community);
            settings
                .snmp
                .insert(name.to_owned(), SnmpCredentials::V2c { community });
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Options {
        Options::parse_from(std::iter::once("collector").chain(args.split_whitespace()))
    }

    #[test]
    fn exporters_and_ports_are_given_by_hand() {
        let options = parse(
            "--exporter r1=10.0.0.1,fe80::1 --exporter r2=10.0.0.2 --listen-flow 2055 --listen-flow 6343 --snmp r2=public@1161",
        );
        assert!(options.alone());
        let settings = options.settings().unwrap();
        assert_eq!(settings.collection.flow.ports, [2055, 6343]);
        assert!(!settings.collection.syslog.enabled);
        assert_eq!(settings.exporters[&1].addresses.len(), 2);
        assert_eq!(settings.exporters[&2].snmp.as_ref().map(|s| s.port), Some(1_161));
        assert!(!parse("").alone());
        assert!(parse("--exporter r1").settings().is_err());
        assert!(parse("--snmp r1=x").settings().is_err());
    }
}
