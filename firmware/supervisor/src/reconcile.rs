//! Brings the system in line with the settings: network files, packet filter, host name, roles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::supervisor::{NetworkPort, PortRole};
use settings::{Role, Settings};

use crate::disk::{self, Folder};
use crate::engine::Engine;
use crate::{command, firewall, network, ports, system};

/// How often ports are looked at and deadlines are checked.
const TICK: Duration = Duration::from_secs(2);
/// The same in the first seconds, while interfaces and addresses appear.
const EARLY_TICK: Duration = Duration::from_millis(500);
const EARLY: Duration = Duration::from_secs(60);

const COLLECTOR: &str = "spanwatch-collector.service";
/// More addresses than this are not given to the collector's unit: a command line has bounds.
const FENCE_MAX: usize = 1_024;

/// The services that a role may leave out, and the file in the run folder whose presence keeps one from starting.
const ROLE_SERVICES: [(&str, &str, Role); 2] = [
    (COLLECTOR, "without-collector", Role::Analyzer),
    ("spanwatch-analyzer.service", "without-analyzer", Role::Collector),
];

/// What was last done to the system.
#[derive(Default)]
pub(crate) struct Applied {
    rules: Option<String>,
    /// The addresses that the packet filter lets in, and the revision that named them; `None` where that is not known.
    senders: Option<(u64, BTreeSet<IpAddr>)>,
    /// The addresses that the collector's unit is bound to.
    fence: Option<Vec<String>>,
    /// The processors that the collector's unit is kept on; empty: all.
    near: Option<String>,
    role: Option<Role>,
    cpu: Option<(Instant, system::CpuTimes)>,
}

/// What comes before the supervisor is ready: networkd and the services start after that, so they find it done.
pub(crate) async fn before_ready(engine: &Engine) {
    look(engine).await;
    let (settings, ports) = snapshot(engine).await;
    if engine.paths.act {
        write_network(engine, &settings, &ports).await;
        set_hostname(engine, &settings).await;
    }
    mark_role(engine, settings.role).await;
}

/// Follows settings and ports for ever.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut applied = Applied::default();
    let boot = system::boot_id();
    let start = Instant::now();
    loop {
        engine.take_back(&boot, system::uptime_s()).await;
        look(&engine).await;
        sample(&engine, &mut applied).await;
        let (settings, ports) = snapshot(&engine).await;
        if engine.paths.act {
            write_network(&engine, &settings, &ports).await;
            set_hostname(&engine, &settings).await;
            write_keys(&engine, &settings).await;
            filter(&engine, &mut applied, &ports, &settings).await;
            allow(&engine, &mut applied, &settings).await;
            fence(&engine, &mut applied, &settings).await;
            keep_near(&engine, &mut applied, &ports).await;
            follow_role(&engine, &mut applied, settings.role).await;
        }
        let tick = if start.elapsed() < EARLY { EARLY_TICK } else { TICK };
        let _ = tokio::time::timeout(tick, engine.wake.notified()).await;
    }
}

async fn snapshot(engine: &Engine) -> (Settings, Vec<NetworkPort>) {
    let state = engine.state.lock().await;
    (state.settings.clone(), state.ports.clone())
}

/// Notes ports that came, went or changed.
async fn look(engine: &Engine) {
    let addresses = ports::addresses();
    let mut found = ports::enumerate(&engine.paths.sys, &addresses);
    let mut state = engine.state.lock().await;
    ports::assign(&mut found, &state.settings.collection);
    if let (Some(port), Some(vlan)) = (found.first_mut(), state.settings.management.vlan) {
        let there = addresses.get(&network::vlan_name(vlan));
        port.addresses = there.cloned().unwrap_or_default();
    }
    if state.ports == found {
        return;
    }
    if engine.paths.act && state.settings.role != Role::Analyzer {
        // Before the collector hears of them and asks whose clock it has.
        stamp(ports::new_captures(&state.ports, &found)).await;
    }
    let names = |ports: &[NetworkPort]| ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    if names(&state.ports) != names(&found) {
        let management = found
            .iter()
            .find(|p| p.role == PortRole::Management)
            .map_or("none", |p| p.name.as_str());
        log::info!(event = "ports", management = management; "network ports: {}", names(&found).join(" "));
    }
    state.ports = found;
    drop(state);
    engine.changed();
}

/// Has NICs stamp what comes in with their own clocks, where they can: the collector may not ask for that.
async fn stamp(ports: Vec<String>) {
    let asked = tokio::task::spawn_blocking(move || {
        for port in ports {
            if capture::nic::Device::new(&port).stamp_packets() {
                log::info!(event = "timestamps", port = port.as_str(); "{port} stamps packets with its own clock");
            }
        }
    });
    if let Err(e) = asked.await {
        log::error!(event = "timestamps"; "the network cards could not be asked for timestamps: {e}");
    }
}

async fn sample(engine: &Engine, applied: &mut Applied) {
    let Some(now) = system::cpu_times() else {
        return;
    };
    match applied.cpu {
        Some((at, _)) if at.elapsed() < TICK => {}
        earlier => {
            if let Some(used) = earlier.and_then(|(_, earlier)| now.used_since(earlier)) {
                engine.state.lock().await.cpu_used = Some(used);
            }
            applied.cpu = Some((Instant::now(), now));
        }
    }
}

/// Keeps or clears the note of work that fails; says so once.
async fn note(engine: &Engine, work: &'static str, result: Result<(), String>) {
    let mut state = engine.state.lock().await;
    match result {
        Ok(()) => {
            if state.failures.remove(work).is_some() {
                log::info!(event = "recovered", work = work; "{work} works again");
            }
        }
        Err(message) => {
            if state.failures.get(work) != Some(&message) {
                log::error!(event = "failed", work = work; "{message}");
            }
            state.failures.insert(work, message);
        }
    }
}

async fn write_network(engine: &Engine, settings: &Settings, ports: &[NetworkPort]) {
    let wanted = network::files(ports, settings);
    let result = match write_files(&engine.paths.networkd, &wanted) {
        // At the boot networkd starts later and finds the files.
        Ok(true) if Path::new("/run/systemd/netif/state").exists() => {
            reload(&stale_vlans(&engine.paths.sys, settings)).await
        }
        Ok(_) => Ok(()),
        Err(e) => Err(format!(
            "the network settings cannot be written to {}: {e}",
            engine.paths.networkd.display()
        )),
    };
    note(engine, "network", result).await;
}

/// The VLANs of ours that the settings no longer name: networkd forgets them and leaves them where they are.
fn stale_vlans(sys: &Path, settings: &Settings) -> Vec<String> {
    let wanted = settings.management.vlan.map(network::vlan_name);
    let there = fs::read_dir(sys.join("class/net")).into_iter().flatten().flatten();
    let names = there.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with(network::VLAN_PREFIX) && Some(name) != wanted.as_ref())
        .collect()
}

async fn reload(stale: &[String]) -> Result<(), String> {
    let run = async |args: &[&str]| {
        let done = command::run("networkctl", args, "").await;
        done.map(drop).map_err(|e| e.to_string())
    };
    for name in stale {
        run(&["delete", name]).await?;
    }
    run(&["reload"]).await
}

/// Makes the folder hold these files of ours and no others; tells whether anything changed.
fn write_files(folder: &Path, wanted: &BTreeMap<String, String>) -> io::Result<bool> {
    let mut changed = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(network::FILE_PREFIX) && !wanted.contains_key(&name) {
            fs::remove_file(entry.path())?;
            changed = true;
        }
    }
    let mut disk = Folder(folder.to_owned());
    for (name, text) in wanted {
        if fs::read_to_string(folder.join(name)).ok().as_deref() != Some(text) {
            disk::replace(&mut disk, name, text.as_bytes(), 0o644)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// The administrator's SSH keys, where sshd looks for them.
async fn write_keys(engine: &Engine, settings: &Settings) {
    let folder = engine.paths.data.join("settings/ssh");
    let mut text = settings.ssh_keys.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    if fs::read_to_string(folder.join("authorized_keys")).unwrap_or_default() == text {
        return;
    }
    let written = fs::create_dir_all(&folder)
        .and_then(|()| disk::replace(&mut Folder(folder.clone()), "authorized_keys", text.as_bytes(), 0o644));
    let result = written.map_err(|e| format!("the SSH keys cannot be written to {}: {e}", folder.display()));
    note(engine, "SSH keys", result).await;
}

async fn set_hostname(engine: &Engine, settings: &Settings) {
    let file = Path::new("/proc/sys/kernel/hostname");
    let current = fs::read_to_string(file).unwrap_or_default();
    if current.trim() != settings.hostname {
        let result = fs::write(file, &settings.hostname).map_err(|e| format!("the host name cannot be set: {e}"));
        note(engine, "host name", result).await;
    }
}

async fn filter(engine: &Engine, applied: &mut Applied, ports: &[NetworkPort], settings: &Settings) {
    let (host, capture) = (firewall::host_rules(ports, settings), firewall::capture_rules(ports));
    let rules = format!("{host}{capture}");
    if applied.rules.as_ref() == Some(&rules) {
        return;
    }
    let result = match load(&rules).await {
        Ok(()) => {
            log::info!(event = "firewall"; "the packet filter follows the ports");
            applied.rules = Some(rules);
            Ok(())
        }
        // Management must not depend on capture ports, one of which may just have gone, nor on what was there.
        Err(e) if load(&host).await.is_ok() => {
            Err(format!("the packet filter for capture ports cannot be loaded: {e}"))
        }
        Err(e) => {
            applied.senders = None;
            let again = load(&format!("{}{host}", firewall::CLEAN)).await;
            Err(format!(
                "the packet filter cannot be loaded: {}",
                again.err().unwrap_or(e)
            ))
        }
    };
    note(engine, "firewall", result).await;
}

/// Lets exporters in, and those that are no longer registered no more.
async fn allow(engine: &Engine, applied: &mut Applied, settings: &Settings) {
    let old = match &applied.senders {
        Some((revision, _)) if *revision == settings.revision => return,
        Some((_, old)) => Some(old),
        None => None,
    };
    let senders = firewall::senders(settings);
    let rules = firewall::sender_rules(old, &senders);
    let result = if rules.is_empty() { Ok(()) } else { load(&rules).await };
    let result = match result {
        Ok(()) => {
            if !rules.is_empty() {
                log::info!(event = "exporters", addresses = senders.len(); "addresses of exporters that the packet filter lets in: {}", senders.len());
            }
            applied.senders = Some((settings.revision, senders));
            Ok(())
        }
        Err(e) => {
            applied.senders = None;
            Err(format!(
                "the exporters' addresses cannot be loaded into the packet filter: {e}"
            ))
        }
    };
    note(engine, "exporters", result).await;
}

/// The addresses that the collector may speak with, for its unit's `IPAddressAllow=`: the exporters', or all of them
/// where discovery is on or there are so many that the packet filter alone has to hold them.
fn fence_of(settings: &Settings) -> Vec<String> {
    let senders = firewall::senders(settings);
    if settings.collection.discovery || senders.len() > FENCE_MAX {
        return vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()];
    }
    senders.iter().map(IpAddr::to_string).collect()
}

/// Binds the collector's control group to the exporters' addresses: a second fence behind the packet filter.
async fn fence(engine: &Engine, applied: &mut Applied, settings: &Settings) {
    let wanted = fence_of(settings);
    if applied.fence.as_ref() == Some(&wanted) {
        return;
    }
    // An empty assignment takes the addresses of before away.
    let mut properties = vec!["IPAddressAllow=".to_owned()];
    properties.extend(wanted.iter().map(|address| format!("IPAddressAllow={address}")));
    let mut args = vec!["set-property", "--runtime", COLLECTOR];
    args.extend(properties.iter().map(String::as_str));
    let result = match command::run("systemctl", &args, "").await {
        Ok(_) => {
            applied.fence = Some(wanted);
            Ok(())
        }
        Err(e) => Err(format!(
            "the exporters' addresses cannot be given to the collector's unit: {e}"
        )),
    };
    note(engine, "fence", result).await;
}

/// Keeps the collector, and with it its memory, on the processors that the capture ports' cards are attached to, on a
/// machine of several nodes. Its unit may not set its threads' processors by itself.
async fn keep_near(engine: &Engine, applied: &mut Applied, ports: &[NetworkPort]) {
    let wanted = ports::near(&engine.paths.sys, ports).unwrap_or_default();
    let before = applied.near.as_ref();
    if before == Some(&wanted) || before.is_none() && wanted.is_empty() {
        return;
    }
    let property = format!("AllowedCPUs={wanted}");
    let args = ["set-property", "--runtime", COLLECTOR, property.as_str()];
    let result = match command::run("systemctl", &args, "").await {
        Ok(_) => {
            log::info!(event = "processors"; "the collector's processors: {}", if wanted.is_empty() { "all" } else { &wanted });
            applied.near = Some(wanted);
            Ok(())
        }
        Err(e) => Err(format!("the collector cannot be kept on the processors {wanted}: {e}")),
    };
    note(engine, "processors", result).await;
}

async fn load(rules: &str) -> Result<(), command::CommandError> {
    command::run("nft", &["-f", "-"], rules).await.map(|_| ())
}

async fn mark_role(engine: &Engine, role: Role) {
    for (_, mark, left_out_by) in ROLE_SERVICES {
        let path = engine.paths.run.join("supervisor").join(mark);
        let result = if role == left_out_by {
            fs::write(&path, "")
        } else {
            remove_if_there(&path)
        };
        if let Err(e) = result {
            note(
                engine,
                "role",
                Err(format!("the role cannot be marked in {}: {e}", path.display())),
            )
            .await;
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

async fn follow_role(engine: &Engine, applied: &mut Applied, role: Role) {
    if applied.role == Some(role) {
        return;
    }
    // A box that does both starts both by itself.
    let by_itself = applied.role.is_none() && role == Role::Standalone;
    applied.role = Some(role);
    if by_itself {
        return;
    }
    mark_role(engine, role).await;
    let mut result = Ok(());
    for (service, _, left_out_by) in ROLE_SERVICES {
        let verb = if role == left_out_by { "stop" } else { "start" };
        if let Err(e) = command::run("systemctl", &["--no-block", verb, service], "").await {
            result = Err(e.to_string());
        }
    }
    note(engine, "role", result).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_speaks_with_registered_exporters_alone() {
        let mut settings = Settings::default();
        assert!(fence_of(&settings).is_empty());
        let exporter = |addresses: Vec<IpAddr>, enabled| settings::Exporter {
            name: "core".to_owned(),
            addresses,
            enabled,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: BTreeMap::new(),
        };
        let (four, six) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        settings.exporters.insert(1, exporter(vec![four, six], true));
        settings
            .exporters
            .insert(2, exporter(vec!["192.0.2.9".parse().unwrap()], false));
        assert_eq!(fence_of(&settings), ["192.0.2.1", "2001:db8::1"]);
        settings.collection.discovery = true;
        assert_eq!(fence_of(&settings), ["0.0.0.0/0", "::/0"]);
        settings.collection.discovery = false;
        let many = (0..=1_024u32).map(|n| IpAddr::V4((0x0a00_0000 + n).into())).collect();
        settings.exporters.insert(3, exporter(many, true));
        assert_eq!(fence_of(&settings), ["0.0.0.0/0", "::/0"]);
    }

    #[test]
    fn vlans_that_the_settings_no_longer_name_are_found() {
        let sys = tempfile::tempdir().unwrap();
        for name in ["enp0s2", "mgmt.7", "mgmt.8", "lo"] {
            fs::create_dir_all(sys.path().join("class/net").join(name)).unwrap();
        }
        let mut settings = Settings::default();
        settings.management.vlan = Some(7);
        assert_eq!(stale_vlans(sys.path(), &settings), ["mgmt.8"]);
        assert!(stale_vlans(Path::new("/nowhere"), &settings).is_empty());
    }

    #[test]
    fn network_files_follow_and_those_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("10-spanwatch-07.network"), "gone").unwrap();
        fs::write(dir.path().join("other.network"), "stays").unwrap();
        let wanted = BTreeMap::from([("10-spanwatch-00.network".to_owned(), "text".to_owned())]);
        assert!(write_files(dir.path(), &wanted).unwrap());
        assert!(!write_files(dir.path(), &wanted).unwrap());
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["10-spanwatch-00.network", "other.network"]);
    }

    async fn nft(args: &[&str], rules: &str) -> String {
        command::run("nft", args, rules).await.unwrap()
    }

    /// In a network namespace of its own; needs root and nftables.
    #[tokio::test]
    async fn the_packet_filter_recovers_and_keeps_the_exporters() {
        if !firewall::tests::available() {
            return;
        }
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let engine = crate::tests::engine(&crate::disk::tests::Fragile::default());
        let mut applied = Applied::default();
        // No interface has such a name: every kernel refuses it.
        let mut ports = [
            network::tests::port("enp0s2", "0000:00:02.0", None),
            network::tests::port("a-name-of-20-letters", "0000:00:03.0", Some(1)),
        ];
        let mut settings = firewall::tests::registered(&[&["192.0.2.2"]]);
        let trouble = async || engine.state.lock().await.failures.get("firewall").cloned();
        let exporters = async || nft(&["list", "set", "inet", "spanwatch", "exporters4"], "").await;

        // Something else has our names, and the capture port is refused.
        nft(
            &["-f", "-"],
            "table inet spanwatch { set management { type ipv4_addr; }; }",
        )
        .await;
        filter(&engine, &mut applied, &ports, &settings).await;
        assert!(trouble().await.is_some());
        allow(&engine, &mut applied, &settings).await;
        assert!(exporters().await.contains("192.0.2.2"));

        // Each try goes on without the capture port, and leaves the exporters alone.
        filter(&engine, &mut applied, &ports, &settings).await;
        assert!(trouble().await.unwrap().contains("capture ports"));
        assert!(exporters().await.contains("192.0.2.2"));

        ports[1].name = "lo".to_owned();
        filter(&engine, &mut applied, &ports, &settings).await;
        assert_eq!(trouble().await, None);
        assert!(exporters().await.contains("192.0.2.2"));

        settings.exporters.clear();
        allow(&engine, &mut applied, &settings).await;
        assert!(exporters().await.contains("192.0.2.2"), "the revision is the same");
        settings.revision += 1;
        allow(&engine, &mut applied, &settings).await;
        assert!(!exporters().await.contains("192.0.2.2"));
    }
}
