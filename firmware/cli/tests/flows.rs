//! `spanwatch flows` as a person or a script runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A TCP exchange of three packets in VLAN 7, an ARP message and a frame that ends too early.
fn capture() -> Vec<u8> {
    let mut file = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    ];
    let mut number = 0_u32;
    let mut add = |frame: &[u8]| {
        number += 1;
        let length = u32::try_from(frame.len()).expect("a small frame");
        for value in [1_700_000_000, number * 1_000, length, length] {
            file.extend(value.to_le_bytes());
        }
        file.extend(frame);
    };
    let tcp = |forward: bool, flags: u8| {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        let mut ends = [[192, 0, 2, 1], [192, 0, 2, 2]];
        let mut ports = [[0xc0, 0, 0, 22], [0, 22, 0xc0, 0]];
        if !forward {
            frame.rotate_left(6);
            ends.reverse();
            ports.reverse();
        }
        frame.extend([0x81, 0, 0, 7, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
        frame.extend(ends.concat());
        frame.extend(ports[0]);
        frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        frame
    };
    add(&tcp(true, 2));
    add(&tcp(false, 0x12));
    add(&tcp(true, 0x10));
    let mut arp = vec![0xff; 6];
    arp.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.extend([0; 20]);
    add(&arp);
    add(&[0; 10]);
    file
}

fn flows(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .arg("flows")
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    // A program that does not want its input closes it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn json_has_these_keys_in_this_order() {
    let output = flows(&["-", "--format", "json"], &capture());
    assert_eq!(
        text(&output.stdout),
        "{\"src_ip\":\"192.0.2.1\",\"dst_ip\":\"192.0.2.2\",\"src_port\":49152,\"dst_port\":22,\"protocol\":6,\
         \"ip_version\":4,\"start\":\"2023-11-14T22:13:20.001000Z\",\"end\":\"2023-11-14T22:13:20.003000Z\",\
         \"packets\":2,\"bytes\":80,\"packets_rev\":1,\"bytes_rev\":40,\"tcp_flags\":18,\"tcp_flags_rev\":18,\
         \"vlan\":7,\"src_mac\":\"02:00:00:00:00:01\",\"dst_mac\":\"02:00:00:00:00:02\",\"app\":\"ssh\",\"l7\":null,\
         \"quality\":{\"connect_client_us\":1000,\"connect_server_us\":1000,\"responses\":0,\
         \"retransmitted\":0,\"out_of_order\":0,\"zero_windows\":1,\"resets\":0,\
         \"retransmitted_rev\":0,\"out_of_order_rev\":0,\"zero_windows_rev\":0,\"resets_rev\":0}}\n"
    );
    assert_eq!(
        text(&output.stderr),
        "5 frames read: 3 IP packets (120 B) in 1 flow\nnot metered: 1 ARP, 1 malformed (link_header)\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn csv_and_table_say_the_same() {
    let output = flows(&["-", "--format", "csv"], &capture());
    assert_eq!(
        text(&output.stdout),
        "src_ip,dst_ip,src_port,dst_port,protocol,ip_version,start,end,packets,bytes,packets_rev,bytes_rev,\
         tcp_flags,tcp_flags_rev,vlan,src_mac,dst_mac,app,confidence,host,alpn,ja4,tls_version,cipher,subject,issuer,\
         certificate_names,dns_type,dns_code,method,path,status,agent,server,content_type,user,anomaly,version,ja3,\
         tls_client_version,valid_from,valid_until,key_algorithm,dns_answers,connect_client_us,connect_server_us,\
         responses,response_us,response_max_us,retransmitted,out_of_order,zero_windows,resets,rtp_packets,rtp_lost,\
         rtp_jitter_us,retransmitted_rev,out_of_order_rev,zero_windows_rev,resets_rev,rtp_packets_rev,rtp_lost_rev,\
         rtp_jitter_us_rev\r\n\
         192.0.2.1,192.0.2.2,49152,22,6,4,2023-11-14T22:13:20.001000Z,2023-11-14T22:13:20.003000Z,2,80,1,40,18,18,7,\
         02:00:00:00:00:01,02:00:00:00:00:02,ssh,,,,,,,,,,,,,,,,,,,,,,,,,,,1000,1000,0,,,0,0,1,0,,,,0,0,0,0,,,\r\n"
    );
    let output = flows(&["-"], &capture());
    assert_eq!(
        text(&output.stdout),
        "START (UTC)              DURATION  PROTO  SOURCE           DESTINATION   PACKETS  BACK  BYTES  BACK  FLAGS      CONNECT  RESPONSE  RETRANS  APP  HOST\n\
         2023-11-14 22:13:20.001   0.002 s  TCP    192.0.2.1:49152  192.0.2.2:22        2     1   80 B  40 B  ...A..S.  2.000 ms                  0  ssh\n"
    );
}

#[test]
fn a_summary_has_a_line_an_application() {
    let output = flows(&["-", "--format", "summary"], &capture());
    assert_eq!(
        text(&output.stdout),
        "APP    FLOWS  PACKETS  BYTES     SHARE\n\
         ssh        1        3  120 B  100.00 %\n\
         total      1        3  120 B  100.00 %\n"
    );
    assert!(text(&output.stderr).starts_with("5 frames read: 3 IP packets (120 B) in 1 flow\n"));
    let both = flows(&["-", "--format", "summary", "--logs"], &capture());
    assert!(!both.status.success() && text(&both.stderr).contains("choose --format json"));
}

/// A DNS question and the answer that there is no such name, 7 ms later.
fn dns() -> Vec<u8> {
    let mut file = capture()[..24].to_vec();
    for (forward, micros, flags) in [(true, 1_000_u32, [1, 0]), (false, 8_000, [0x81, 0x83])] {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, 0, 57, 0, 0, 0, 0, 64, 17, 0, 0]);
        let mut ends = [[192, 0, 2, 1], [192, 0, 2, 53]];
        let mut ports = [[0xc0, 0, 0, 53], [0, 53, 0xc0, 0]];
        if !forward {
            ends.reverse();
            ports.reverse();
        }
        frame.extend(ends.concat());
        frame.extend(ports[0]);
        frame.extend([0, 37, 0, 0, 7, 7]);
        frame.extend(flags);
        frame.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        frame.extend(b"\x07Example\x03com\0");
        frame.extend([0, 1, 0, 1]);
        let length = u32::try_from(frame.len()).expect("a small frame");
        for value in [1_700_000_000, micros, length, length] {
            file.extend(value.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

#[test]
fn layer_7_is_told_of_a_flow_and_logged_by_transaction() {
    let said = text(&flows(&["-", "--format", "json"], &dns()).stdout);
    let expected = "\"app\":\"dns\",\"l7\":{\"app\":\"dns\",\"confidence\":\"parsed\",\"host\":\"example.com\",\
                    \"dns\":{\"query\":\"example.com\",\"type\":\"A\",\"code\":\"NXDOMAIN\"}},\
                    \"quality\":{\"responses\":1,\"response_us\":7000,\"response_max_us\":7000}}\n";
    assert!(said.ends_with(expected), "{said}");
    let by_port = text(&flows(&["-", "--format", "json", "--ports-only"], &dns()).stdout);
    assert!(by_port.contains("\"app\":\"dns\",\"l7\":null"), "{by_port}");
    let logs = text(&flows(&["-", "--format", "json", "--logs"], &dns()).stdout);
    let log: serde_json::Value = serde_json::from_str(logs.trim()).expect("one line of JSON");
    for (key, value) in [
        ("kind", "dns"),
        ("severity", "warning"),
        ("client_ip", "192.0.2.1"),
        ("app", "dns"),
        ("code", "NXDOMAIN"),
        ("client", "192.0.2.1:49152"),
        ("server", "192.0.2.53:53"),
        ("response_us", "7000"),
    ] {
        assert_eq!(log[key], value, "{logs}");
    }
    for format in ["csv", "table"] {
        let logs = text(&flows(&["-", "--format", format, "--logs"], &dns()).stdout);
        assert!(logs.contains("example.com") && logs.contains("NXDOMAIN"), "{logs}");
    }
}

#[test]
fn signatures_name_applications_and_their_errors_have_a_place() {
    let path = std::env::temp_dir().join(format!("spanwatch-signatures-{}.sig", std::process::id()));
    let file = path.display().to_string();
    std::fs::write(&path, "app ssh udp payload 0 hex 0707\n").expect("a file for the test");
    let output = flows(&["-", "--format", "json", "--signatures", &file], &dns());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    std::fs::write(&path, "# ours\napp erp host erp.example.com\n").expect("a file for the test");
    let output = flows(&["-", "--signatures", &file], &dns());
    std::fs::remove_file(&path).expect("the file was there");
    let said = text(&output.stderr);
    assert!(said.contains(&file) && said.contains("line 2, column 5"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_capture_that_is_cut_off_gives_what_it_has_and_fails() {
    let whole = capture();
    let output = flows(&["-", "--format", "json"], &whole[..24 + 2 * (16 + 58) + 20]);
    assert!(text(&output.stdout).contains("\"packets\":1,\"bytes\":40,\"packets_rev\":1"));
    let said = text(&output.stderr);
    assert!(
        said.contains("the capture is cut off: it ends at byte 192, within the packet that starts at byte 172"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_read_is_said_once() {
    for (arguments, input, expected) in [
        (&["/nonexistent.pcap"][..], &b""[..], "/nonexistent.pcap: No such file"),
        (&["-"], b"", "the file is empty"),
        (
            &["-"],
            b"no capture, but long enough for one",
            "not a pcap or pcapng capture",
        ),
    ] {
        let output = flows(arguments, input);
        let said = text(&output.stderr);
        assert_eq!(
            (text(&output.stdout), output.status.code()),
            (String::new(), Some(1)),
            "{said}"
        );
        assert_eq!(said.matches(expected).count(), 1, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    // More output than a pipe holds, to a reader who is gone.
    let mut file = capture();
    let frame = file[24..24 + 16 + 58].to_vec();
    for port in 0..5_000_u16 {
        let mut next = frame.clone();
        next[16 + 38..16 + 40].copy_from_slice(&port.to_be_bytes());
        file.extend(next);
    }
    let path = std::env::temp_dir().join(format!("spanwatch-flows-{}.pcap", std::process::id()));
    std::fs::write(&path, &file).expect("a file for the test");
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .args(["flows", "--format", "json"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    std::fs::remove_file(&path).expect("the file was there");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
