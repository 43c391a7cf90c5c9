//! Frames on a cable between network namespaces, through collector and analyzer as they run on the
//! appliance, with each of them killed, the cable pulled and the disk full.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod lab;

use lab::Lab;
use model::{App, Application, Endpoint, PortRange};

const UDP_HEADERS: u64 = 20 + 8;
const ETHERNET: u64 = 14;

#[test]
fn what_was_sent_is_what_is_stored() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_analyzer();
    lab.start_collector();
    for port in 2_000..2_020u16 {
        lab.send(port, 50, usize::from(port) - 1_990);
    }
    lab.send(53, 3, 100);
    for port in 2_000..2_020u16 {
        lab.wait_for_packets(port, 50);
        let records = lab.records();
        let mine: Vec<_> = records.iter().filter(|r| r.dst_port == port).collect();
        let octets: u64 = mine.iter().map(|r| r.bytes).sum();
        assert_eq!(octets, 50 * (UDP_HEADERS + u64::from(port) - 1_990));
        for r in mine {
            assert_eq!((r.src_ip, r.dst_ip), ([10, 9, 0, 1].into(), [10, 9, 0, 2].into()));
            assert_eq!((r.protocol, r.packets_rev, r.link), (17, 0, model::LinkId(1)));
            assert_eq!(r.dst_mac.unwrap().to_string(), "02:00:00:00:00:02");
        }
    }
    lab.wait_for_packets(53, 3);
    assert!(
        lab.records()
            .iter()
            .filter(|r| r.dst_port == 53)
            .all(|r| r.app == App::by_port(17, 1, 53))
    );
    let octets: u64 = (2_000..2_020u64)
        .map(|p| 50 * (ETHERNET + UDP_HEADERS + p - 1_990))
        .sum();
    let sent = (1_003, octets + 3 * (ETHERNET + UDP_HEADERS + 100));
    lab.wait("all frames in the windows", |lab| (lab.frames() == sent).then_some(()));
    let status = lab.wait("all frames in the status", |lab| {
        let status = lab.collector_status().unwrap();
        (status.ports[0].counters.frames.total.packets == 1_003).then_some(status)
    });
    assert_eq!(status.analyzer, Ok(()));
}

#[test]
fn several_rings_are_one_port() {
    let Some(mut lab) = Lab::new() else { return };
    let three = settings::Port {
        rings: Some(3),
        ..settings::Port::default()
    };
    lab.settings.ports.insert("rx0".to_owned(), three);
    lab.start_analyzer();
    lab.start_collector();
    let send = |lab: &Lab| {
        for host in 3..=30 {
            let socket = lab.socket_of(host);
            for _ in 0..10 {
                socket.send_to(&[7; 50], ("10.9.0.2", 4_000)).unwrap();
            }
        }
    };
    send(&lab);
    lab.wait_for_packets(4_000, 280);
    let octets = 280 * (ETHERNET + UDP_HEADERS + 50);
    lab.wait("all frames in the windows", |lab| {
        (lab.frames() == (280, octets)).then_some(())
    });
    assert!(lab.series().points.iter().all(|p| p.seconds == 1));
    let status = lab.wait("all frames in the status", |lab| {
        let port = lab.collector_status().unwrap().ports.remove(0);
        let frames: u64 = port.rings.iter().map(|r| r.frames).sum();
        (frames == 280 && port.counters.frames.total.packets == 280).then_some(port)
    });
    assert_eq!(status.rings.len(), 3);
    // 28 pairs of addresses: the chance that all meet on one ring is 3⁻²⁷.
    assert!(
        status.rings.iter().filter(|r| r.frames > 0).count() > 1,
        "{:?}",
        status.rings
    );
    assert!(
        status
            .rings
            .iter()
            .all(|r| r.frames % 10 == 0 && r.memory_bytes > 0 && r.drops == 0)
    );
    assert_eq!(status.counters.sizes, Some([0, 280, 0, 0, 0, 0, 0]));
    assert_eq!(status.counters.nic.crc, None, "no cable, no checksum");
    assert_eq!((status.driver.as_deref(), status.mtu), (Some("veth"), Some(1_500)));
    assert_eq!(status.timestamps, api::collector::Timestamps::Software);

    // Another interface of the same name: the group is opened again.
    lab.unplug();
    let trouble = |lab: &Lab| lab.collector_status().unwrap().ports[0].trouble.clone();
    lab.wait("the trouble", |lab| trouble(lab));
    lab.plug_in();
    lab.wait("the port captures again", |lab| trouble(lab).is_none().then_some(()));
    send(&lab);
    lab.wait_for_packets(4_000, 560);

    // Other settings: fewer rings, and nothing of before is lost.
    lab.settings.ports.clear();
    lab.reload();
    lab.wait("one ring", |lab| {
        let port = lab.collector_status().unwrap().ports.remove(0);
        (port.rings.len() == 1 && port.trouble.is_none()).then_some(())
    });
    send(&lab);
    lab.wait_for_packets(4_000, 840);
}

/// An application on a UDP port.
fn application(name: &str, port: u16) -> Application {
    let endpoint = Endpoint {
        protocol: Some(17),
        ports: PortRange::new(port, port).into_iter().collect(),
        addresses: vec!["10.9.0.0/24".parse().unwrap()],
    };
    Application {
        name: name.to_owned(),
        endpoints: vec![endpoint],
    }
}

#[test]
fn an_application_that_is_defined_names_new_records_and_no_packet_is_lost_for_it() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_analyzer();
    lab.settings.objects.applications.insert(3, application("erp", 5_000));
    lab.start_collector();
    let apps = |lab: &Lab, port| -> Vec<App> {
        let records = lab.records().into_iter().filter(|r| r.dst_port == port);
        records.map(|r| r.app).collect()
    };
    lab.send(5_000, 5, 10);
    lab.send(5_001, 5, 10);
    lab.wait_for_packets(5_000, 5);
    lab.wait_for_packets(5_001, 5);
    let (erp, oa) = (App::defined(3).unwrap(), App::defined(4).unwrap());
    assert!(apps(&lab, 5_000).iter().all(|app| *app == erp));
    assert!(apps(&lab, 5_001).iter().all(|app| *app == App::UNKNOWN));

    // The other is defined while a flow to it goes on, and the collector runs.
    lab.settings.objects.applications.insert(4, application("oa", 5_001));
    let socket = lab.socket();
    let mut sent = 5;
    let mut send = || {
        socket.send_to(&[7; 10], ("10.9.0.2", 5_001)).unwrap();
        sent += 1;
    };
    send();
    lab.reload();
    lab.wait("the new application's name", |lab| {
        send();
        apps(lab, 5_001).contains(&oa).then_some(())
    });
    lab.wait_for_packets(5_001, sent);
    assert_eq!(lab.packets_to(5_000), 5);
    assert!(apps(&lab, 5_000).iter().all(|app| *app == erp), "what is stored stays");
}

#[test]
fn a_killed_analyzer_loses_and_doubles_nothing() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_analyzer();
    lab.start_collector();
    let mut sent = 0;
    for round in 0..5u16 {
        // Records are on their way, unacknowledged, while it dies.
        let socket = lab.socket();
        for n in 0..200 {
            socket
                .send_to(&[round.to_le_bytes()[0]; 32], ("10.9.0.2", 3_000 + round))
                .unwrap();
            sent += 1;
            if n % 20 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(u64::from(round) * 37 + 20));
            }
        }
        lab.kill_analyzer();
        lab.send(4_000 + round, 10, 10);
        sent += 10;
        lab.start_analyzer();
    }
    for round in 0..5 {
        lab.wait_for_packets(3_000 + round, 200);
        lab.wait_for_packets(4_000 + round, 10);
    }
    lab.wait("all frames in the windows, once", |lab| {
        let (frames, _) = lab.frames();
        assert!(frames <= sent, "{frames} frames in the windows, {sent} were sent");
        (frames == sent).then_some(())
    });
    lab.wait("everything acknowledged", |lab| {
        (lab.collector_status().unwrap().unacknowledged == 0).then_some(())
    });
    assert_eq!(lab.collector_status().unwrap().drops.records, 0);
}

#[test]
fn a_killed_collector_comes_back_and_what_was_acknowledged_stays() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_analyzer();
    lab.start_collector();
    lab.send(5_000, 100, 10);
    lab.wait_for_packets(5_000, 100);
    for round in 1..4 {
        lab.kill_collector();
        lab.start_collector();
        lab.send(5_000 + round, 100, 10);
        lab.wait_for_packets(5_000 + round, 100);
        for before in 0..round {
            assert_eq!(lab.packets_to(5_000 + before), 100);
        }
    }
}

#[test]
fn batches_wait_on_disk_while_the_analyzer_is_away() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_collector();
    lab.send(6_000, 100, 10);
    lab.wait("batches in the spool", |lab| {
        let status = lab.collector_status().unwrap();
        assert!(status.analyzer.is_err());
        (status.spooled_bytes > 0 && status.records > 0).then_some(())
    });
    // The flow that is open is not lost when the program is told to stop.
    lab.send(6_001, 7, 10);
    lab.wait("the last frames", |lab| {
        // Counters are shown when their second is over.
        (lab.collector_status().unwrap().ports[0].counters.frames.total.packets == 107).then_some(())
    });
    lab.stop_collector();
    assert!(std::fs::read_dir(lab.spool()).unwrap().count() > 0);
    lab.start_analyzer();
    lab.start_collector();
    lab.wait_for_packets(6_000, 100);
    lab.wait_for_packets(6_001, 7);
    lab.wait("an empty spool", |lab| {
        (lab.collector_status().unwrap().spooled_bytes == 0).then_some(())
    });
    assert_eq!(lab.frames().0, 107);
}

#[test]
fn a_port_that_goes_down_or_away_is_shown_and_comes_back() {
    let Some(mut lab) = Lab::new() else { return };
    lab.start_analyzer();
    lab.start_collector();
    lab.send(7_000, 10, 10);
    lab.wait_for_packets(7_000, 10);

    lab.set_link("down");
    lab.wait("the state shown", |lab| {
        lab.collector_status().unwrap().ports[0].trouble.clone()
    });
    assert!(!lab.collector_status().unwrap().ports[0].info.up);
    lab.set_link("up");
    lab.wait("the link up again", |lab| {
        lab.collector_status().unwrap().ports[0].info.up.then_some(())
    });
    lab.send(7_001, 10, 10);
    lab.wait_for_packets(7_001, 10);

    lab.unplug();
    let why = lab.wait("the state shown", |lab| {
        lab.collector_status().unwrap().ports[0].trouble.clone()
    });
    assert!(why.contains("gone"), "{why}");
    lab.plug_in();
    lab.wait("the link up again", |lab| {
        lab.collector_status().unwrap().ports[0].info.up.then_some(())
    });
    lab.send(7_002, 10, 10);
    lab.wait_for_packets(7_002, 10);
    // While it was down there was nothing to say: no window claims silence.
    let points = lab.series().points;
    let span = points.last().unwrap().at.as_secs() - points[0].at.as_secs() + 1;
    assert!((points.len() as u64) < span, "{} points in {span} s", points.len());
}

#[test]
fn a_full_disk_holds_records_back_and_loses_none() {
    let Some(mut lab) = Lab::new() else { return };
    std::fs::create_dir_all(&lab.data).unwrap();
    let disk = Tmpfs::mount(&lab.data);
    lab.start_analyzer();
    lab.start_collector();
    lab.send(8_000, 10, 10);
    lab.wait_for_packets(8_000, 10);
    // Somebody else fills the disk.
    let ballast = lab.data.join("ballast");
    std::fs::write(&ballast, vec![1; 30 << 20]).unwrap();
    lab.send(8_001, 10, 10);
    let why = lab.wait("the trouble shown", |lab| lab.analyzer_status().unwrap().trouble);
    assert!(why.contains("free"), "{why}");
    // It goes on answering, and the collector keeps what it cannot store.
    assert_eq!(lab.packets_to(8_000), 10);
    lab.wait("records kept back", |lab| {
        (lab.collector_status().unwrap().unacknowledged > 0).then_some(())
    });
    // Live pages go on although nothing is stored.
    let newest = lab.analyzer_status().unwrap().newest_window;
    lab.wait("newer seconds", |lab| {
        (lab.analyzer_status().unwrap().newest_window > newest).then_some(())
    });
    std::fs::remove_file(&ballast).unwrap();
    lab.wait_for_packets(8_001, 10);
    lab.wait("the trouble over", |lab| {
        lab.analyzer_status().unwrap().trouble.is_none().then_some(())
    });
    lab.stop_analyzer();
    drop(disk);
}

/// A small disk at a folder.
struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn mount(at: &std::path::Path) -> Self {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=56m", "none"])
            .arg(at)
            .status();
        assert!(mounted.unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
