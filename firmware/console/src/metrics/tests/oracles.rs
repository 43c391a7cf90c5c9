//! Prometheus' own programs read what we write (Debian's package prometheus).

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::stage::{Appliance, full};
use super::*;

/// What promtool says, and whether it found nothing; `None`, and a word about it, where it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: Debian's package prometheus is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// The format is read, and the linter that knows Prometheus' rules of naming finds nothing.
#[test]
fn promtool_finds_nothing_wrong() {
    let mut hostile = full();
    for name in ["a\"b", "a\\", "a\nb", "{}", "#", " ", "温度", "\u{1b}[0m", "a\r\nb", ""] {
        let exporters = &mut hostile.exporters.as_mut().unwrap().exporters;
        let one = exporters[0].clone();
        exporters.push(api::collector::ExporterStatus {
            name: name.to_owned(),
            ..one
        });
    }
    for (what, snapshot) in [("full", full()), ("hostile", hostile), ("empty", Snapshot::default())] {
        let Some((good, said)) = promtool(&["check", "metrics"], &snapshot.text()) else {
            return;
        };
        assert!(good && said.trim().is_empty(), "{what}: {said}");
    }
}

/// The blocks of the document that are written in a language.
fn blocks(language: &str) -> Vec<String> {
    let document = include_str!("../../../../../docs/metrics.md");
    let parts = document.split("```").skip(1).step_by(2);
    let same = parts.filter_map(|part| part.strip_prefix(language));
    same.map(str::to_owned).collect()
}

/// The document's rules are rules, and speak of families that there are.
#[test]
fn the_document_s_rules_and_configuration_are_good() {
    let dir = tempfile::tempdir().unwrap();
    let [configuration, rules] = &blocks("yaml\n")[..] else {
        panic!("the document has a configuration and rules");
    };
    assert!(configuration.contains("server_name: spanwatch"), "{configuration}");
    for word in rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        let known = ALL.iter().any(|family| family.name == word);
        assert!(known || !word.starts_with("spanwatch_"), "there is no {word}");
    }
    let path = dir.path().join("rules.yml");
    std::fs::write(&path, rules).unwrap();
    let Some((good, said)) = promtool(&["check", "rules", path.to_str().unwrap()], "") else {
        return;
    };
    assert!(good, "{said}");
    // The files that the configuration names are the reader's own.
    let own = |name: &str| {
        std::fs::write(dir.path().join(name), "x").unwrap();
        dir.path().join(name).display().to_string()
    };
    let configuration = configuration
        .replace("/etc/prometheus/spanwatch.token", &own("token"))
        .replace("/etc/prometheus/spanwatch.pem", &own("pem"))
        .replace("/etc/prometheus/spanwatch-rules.yml", path.to_str().unwrap());
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, configuration).unwrap();
    let (good, said) = promtool(&["check", "config", "--syntax-only", path.to_str().unwrap()], "").unwrap();
    assert!(good, "{said}");
}

/// Ends the server with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Prometheus server that trusts the box's certificate and has the token reads the box.
#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_server_reads_the_box() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        eprintln!("skipped: Debian's package prometheus is not installed");
        return;
    }
    let appliance = Appliance::start(full()).await;
    let token = appliance.new_token().await;
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let certificate = certificate(dir.path(), appliance.dir());
    std::fs::write(dir.path().join("token"), token).unwrap();
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
         scrape_configs:\n- job_name: spanwatch\n  scheme: https\n  authorization: {{ credentials_file: {token} }}\n  \
         tls_config: {{ ca_file: {certificate}, server_name: spanwatch }}\n  static_configs: [{{ targets: ['127.0.0.1:{}'] }}]\n",
        appliance.port,
        token = dir.path().join("token").display(),
        certificate = certificate.display(),
    );
    std::fs::write(dir.path().join("prometheus.yml"), configuration).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    for (query, expected) in [
        ("up{job=\"spanwatch\"}", "1"),
        ("spanwatch_capture_packets_total{direction=\"in\"}", "60"),
        ("sum(spanwatch_service_up)", "4"),
    ] {
        let mut said = String::new();
        let mut found = false;
        for _ in 0..240 {
            let mut curl = Command::new("curl");
            curl.args(["-s", "-m", "5", "-G", "--data-urlencode", &format!("query={query}")]);
            curl.arg(format!("http://127.0.0.1:{port}/api/v1/query"));
            let output = tokio::task::spawn_blocking(move || curl.output())
                .await
                .unwrap()
                .unwrap();
            said = String::from_utf8_lossy(&output.stdout).into_owned();
            let answer: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            if answer
                .pointer("/data/result/0/value/1")
                .and_then(|value| value.as_str())
                == Some(expected)
            {
                found = true;
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        assert!(found, "{query} is not {expected}: {said}");
    }
    drop(server);
}

/// The file with the box's certificate alone, as its reader keeps it.
fn certificate(dir: &Path, of: &Path) -> std::path::PathBuf {
    let text = std::fs::read_to_string(of.join("identity.pem")).unwrap();
    let begin = text.find("-----BEGIN CERTIFICATE-----").unwrap();
    let path = dir.join("spanwatch.pem");
    std::fs::write(&path, &text[begin..]).unwrap();
    path
}
