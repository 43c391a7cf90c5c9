//! The supervisor's answers, asked over its socket as other programs do.

use std::sync::Arc;

use api::supervisor::{
    ApplyRequest, AuthenticateRequest, ChangePasswordRequest, ConfirmRequest, SettingsQuery, SetupCodeQuery,
    SetupRequest,
};
use api::{FailureKind, server};
use settings::{Exporter, Ipv4Config, Language, Secret, Settings, SnmpCredentials};

use crate::access::{Caller, Identities};
use crate::disk::tests::Fragile;
use crate::engine::{Engine, Paths};
use crate::system;
use crate::vault::Vault;

const PASSWORD: &str = "correct horse battery";

/// Compares with a file below `golden/`, which `BLESS=1 cargo test` rewrites.
pub(crate) fn golden(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs: look at the change, then run with BLESS=1",
        path.display()
    );
}

pub(crate) fn engine(disk: &Fragile) -> Engine {
    let paths = Paths {
        data: "/nonexistent".into(),
        run: "/nonexistent".into(),
        sys: "/nonexistent".into(),
        networkd: "/nonexistent".into(),
        identity: "/nonexistent".into(),
        act: false,
    };
    Engine::start(paths, Identities::default(), Vault::new(disk.clone()))
}

async fn code(engine: &Engine) -> String {
    engine.state.lock().await.setup_code.clone().unwrap()
}

fn setup(code: &str) -> SetupRequest {
    SetupRequest {
        code: code.to_owned(),
        language: Language::English,
        password: PASSWORD.to_owned(),
        hostname: Some("probe-1".to_owned()),
        source: Some([192, 0, 2, 1].into()),
    }
}

fn login(password: &str) -> AuthenticateRequest {
    AuthenticateRequest {
        user: "admin".to_owned(),
        password: password.to_owned(),
        source: Some([192, 0, 2, 1].into()),
    }
}

pub(crate) async fn set_up_engine(disk: &Fragile) -> Engine {
    let engine = engine(disk);
    let code = code(&engine).await;
    engine.set_up(setup(&code)).await.unwrap();
    engine
}

async fn apply(
    engine: &Engine,
    caller: Caller,
    change: impl FnOnce(&mut Settings),
) -> Result<api::supervisor::ApplyAnswer, api::Failure> {
    let mut settings = engine.state.lock().await.settings.clone();
    change(&mut settings);
    let user = "admin".to_owned();
    engine.apply(ApplyRequest { settings, user }, caller).await
}

fn readdress(settings: &mut Settings) {
    settings.management.ipv4 = Ipv4Config::Static {
        address: [192, 0, 2, 10].into(),
        prefix: 24,
        gateway: None,
    };
}

#[tokio::test]
async fn the_first_set_up_needs_the_code_once_and_survives_a_restart() {
    let disk = Fragile::default();
    let first = engine(&disk);
    let printed = code(&first).await;
    assert_eq!(
        code(&engine(&disk)).await,
        printed,
        "the code stays until the set-up is done"
    );
    let wrong = first.set_up(setup("AAAA-AAAA")).await.unwrap_err();
    assert_eq!(wrong.kind, FailureKind::Denied);
    let mut weak = setup(&printed);
    weak.password = "short".to_owned();
    assert_eq!(first.set_up(weak).await.unwrap_err().kind, FailureKind::BadRequest);
    let done = first
        .set_up(setup(&printed.to_lowercase().replace('-', "")))
        .await
        .unwrap();
    assert!(done.done && done.hostname == "probe-1" && done.language == Language::English);
    assert_eq!(
        first.set_up(setup(&printed)).await.unwrap_err().kind,
        FailureKind::Conflict
    );

    let again = engine(&disk);
    assert!(again.state.lock().await.setup_code.is_none());
    assert_eq!(again.setup_state().await, done);
    assert_eq!(
        again.authenticate(login(PASSWORD), Caller::Console).await.unwrap().user,
        "admin"
    );
    let stored = disk
        .files
        .lock()
        .unwrap()
        .values()
        .map(|b| String::from_utf8_lossy(b).into_owned())
        .collect::<String>();
    assert!(!stored.contains(PASSWORD) && !stored.contains(&printed));
}

#[tokio::test]
async fn wrong_codes_and_passwords_lock_out() {
    let disk = Fragile::default();
    let engine = engine(&disk);
    for _ in 0..5 {
        assert_eq!(
            engine.set_up(setup("AAAA-AAAA")).await.unwrap_err().kind,
            FailureKind::Denied
        );
    }
    let right = code(&engine).await;
    assert_eq!(
        engine.set_up(setup(&right)).await.unwrap_err().kind,
        FailureKind::LockedOut
    );

    let engine = set_up_engine(&Fragile::default()).await;
    for _ in 0..5 {
        assert_eq!(
            engine
                .authenticate(login("wrong"), Caller::Console)
                .await
                .unwrap_err()
                .kind,
            FailureKind::Denied
        );
    }
    assert_eq!(
        engine
            .authenticate(login(PASSWORD), Caller::Console)
            .await
            .unwrap_err()
            .kind,
        FailureKind::LockedOut
    );
    // Who stands before the box may enter, and unlocks the network.
    engine.authenticate(login(PASSWORD), Caller::Physical).await.unwrap();
    engine.authenticate(login(PASSWORD), Caller::Console).await.unwrap();
}

#[tokio::test]
async fn a_changed_password_is_a_new_generation() {
    let engine = set_up_engine(&Fragile::default()).await;
    let change = |current: &str, new: &str| ChangePasswordRequest {
        user: "admin".to_owned(),
        current: current.to_owned(),
        new: new.to_owned(),
        source: None,
    };
    let refused = |result: Result<_, api::Failure>| result.map(|_: api::supervisor::Account| ()).unwrap_err().kind;
    assert_eq!(
        refused(
            engine
                .change_password(change("wrong", "another password"), Caller::Admin)
                .await
        ),
        FailureKind::Denied
    );
    assert_eq!(
        refused(engine.change_password(change(PASSWORD, PASSWORD), Caller::Admin).await),
        FailureKind::BadRequest
    );
    let account = engine
        .change_password(change(PASSWORD, "another password"), Caller::Admin)
        .await
        .unwrap();
    assert_eq!(account.generation, 2);
    assert!(engine.authenticate(login(PASSWORD), Caller::Console).await.is_err());
    assert!(
        engine
            .authenticate(login("another password"), Caller::Console)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn network_changes_come_back_unless_they_are_confirmed() {
    let disk = Fragile::default();
    let first = set_up_engine(&disk).await;
    let before = first.state.lock().await.settings.management.clone();
    let label = apply(&first, Caller::Console, |s| s.hostname = "other".to_owned())
        .await
        .unwrap();
    assert_eq!(label.confirm_until, None, "only the network needs confirmation");
    let answer = apply(&first, Caller::Console, readdress).await.unwrap();
    assert!(answer.confirm_until.is_some());
    assert_eq!(
        apply(&first, Caller::Console, |s| s.hostname = "x".to_owned())
            .await
            .unwrap_err()
            .kind,
        FailureKind::Conflict
    );

    // A restarted supervisor knows; within the time nothing happens, after it the old settings are back.
    let second = engine(&disk);
    let (boot, now) = (system::boot_id(), system::uptime_s());
    second.take_back(&boot, now).await;
    assert_ne!(second.state.lock().await.settings.management, before);
    second.take_back(&boot, now + 130).await;
    {
        let state = second.state.lock().await;
        assert_eq!(state.settings.management, before);
        assert_eq!(state.settings.hostname, "other");
        assert!(state.settings.revision > answer.revision);
    }
    assert_eq!(engine(&disk).state.lock().await.settings.management, before);

    apply(&second, Caller::Console, readdress).await.unwrap();
    second.take_back("another boot", 0).await;
    assert_eq!(second.state.lock().await.settings.management, before);

    apply(&second, Caller::Console, readdress).await.unwrap();
    let user = "admin".to_owned();
    second
        .confirm(ConfirmRequest { user: user.clone() }, Caller::Console)
        .await
        .unwrap();
    assert_eq!(
        second
            .confirm(ConfirmRequest { user }, Caller::Console)
            .await
            .unwrap_err()
            .kind,
        FailureKind::Conflict
    );
    second.take_back(&boot, now + 1_000).await;
    assert_ne!(engine(&disk).state.lock().await.settings.management, before);
}

#[tokio::test]
async fn before_the_set_up_the_physical_console_sets_the_network_and_no_more() {
    let engine = engine(&Fragile::default());
    assert_eq!(
        apply(&engine, Caller::Console, readdress).await.unwrap_err().kind,
        FailureKind::Denied
    );
    let renamed = apply(&engine, Caller::Physical, |s| s.hostname = "x".to_owned()).await;
    assert_eq!(renamed.unwrap_err().kind, FailureKind::Denied);
    assert_eq!(
        apply(&engine, Caller::Physical, readdress).await.unwrap().confirm_until,
        None
    );
}

#[tokio::test]
async fn stale_and_wrong_settings_are_refused() {
    let engine = set_up_engine(&Fragile::default()).await;
    let stale = apply(&engine, Caller::Admin, |s| s.revision += 1).await.unwrap_err();
    assert_eq!(stale.kind, FailureKind::Conflict);
    let wrong = apply(&engine, Caller::Admin, |s| s.flow.idle_s = 0).await.unwrap_err();
    assert_eq!(wrong.kind, FailureKind::BadRequest);
    assert!(wrong.message.starts_with("flow.idle_s"), "{wrong}");
}

fn exporter(address: [u8; 4]) -> Exporter {
    Exporter {
        name: format!("exporter {}", std::net::Ipv4Addr::from(address)),
        addresses: vec![address.into()],
        enabled: true,
        sampling: None,
        utc_offset_min: 0,
        snmp: None,
        interfaces: std::collections::BTreeMap::new(),
    }
}

fn add_exporter(settings: &mut Settings) {
    let number = settings.next_exporter_number();
    let host = u8::try_from(number).unwrap();
    settings.exporters.insert(number, exporter([192, 0, 2, host]));
}

#[tokio::test]
async fn the_number_of_an_exporter_is_never_given_again() {
    let disk = Fragile::default();
    let first = set_up_engine(&disk).await;
    apply(&first, Caller::Console, add_exporter).await.unwrap();
    apply(&first, Caller::Console, |s| s.exporters.clear()).await.unwrap();
    let again = apply(&first, Caller::Console, |s| {
        s.exporters.insert(1, exporter([192, 0, 2, 9]));
    });
    let refused = again.await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::BadRequest);
    assert!(refused.message.starts_with("exporters: "), "{refused}");

    // Settings that are taken back do not take the numbers back that were given meanwhile.
    let both = |s: &mut Settings| {
        readdress(s);
        add_exporter(s);
    };
    apply(&first, Caller::Console, both).await.unwrap();
    first.take_back("another boot", 0).await;
    let second = engine(&disk);
    let state = second.state.lock().await;
    assert!(state.settings.exporters.is_empty());
    assert_eq!(state.settings.next_exporter_number(), 3);
}

fn add_application(settings: &mut Settings) {
    let number = settings.next_object_number();
    let endpoint = model::Endpoint {
        protocol: Some(6),
        ..model::Endpoint::default()
    };
    let application = model::Application {
        name: format!("erp{number}"),
        endpoints: vec![endpoint],
    };
    settings.objects.applications.insert(number, application);
}

#[tokio::test]
async fn the_number_of_an_object_is_never_given_again() {
    let disk = Fragile::default();
    let first = set_up_engine(&disk).await;
    apply(&first, Caller::Console, add_application).await.unwrap();
    let cleared = |s: &mut Settings| s.objects = model::Objects::default();
    apply(&first, Caller::Console, cleared).await.unwrap();
    let again = apply(&first, Caller::Console, |s| {
        s.objects = model::Objects::default();
        add_application(s);
    });
    let refused = again.await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::BadRequest);
    assert!(refused.message.starts_with("objects.applications.1: "), "{refused}");

    let both = |s: &mut Settings| {
        readdress(s);
        add_application(s);
    };
    apply(&first, Caller::Console, both).await.unwrap();
    first.take_back("another boot", 0).await;
    let second = engine(&disk);
    let state = second.state.lock().await;
    assert!(state.settings.objects.applications.is_empty());
    assert_eq!(state.settings.next_object_number(), 3);
}

#[tokio::test]
async fn secrets_are_told_to_the_collector_and_kept_for_everyone_else() {
    let disk = Fragile::default();
    let engine = set_up_engine(&disk).await;
    let v2 = |community: &str| SnmpCredentials::V2c {
        community: Secret::new(community),
    };
    let told = async |caller| engine.settings(SettingsQuery::default(), caller).await.settings;
    apply(&engine, Caller::Console, |s| {
        s.snmp.insert("lab".to_owned(), v2("secret-community"));
    })
    .await
    .unwrap();
    for caller in [Caller::Root, Caller::Collector] {
        assert_eq!(told(caller).await.snmp["lab"], v2("secret-community"));
    }
    for caller in [
        Caller::Console,
        Caller::Admin,
        Caller::Physical,
        Caller::Analyzer,
        Caller::Stranger,
    ] {
        assert_eq!(told(caller).await.snmp["lab"], v2(Secret::HIDDEN), "{caller:?}");
    }

    // What the console read comes back with another change in it.
    let mut settings = told(Caller::Console).await;
    settings.hostname = "other".to_owned();
    let request = |settings| ApplyRequest {
        settings,
        user: "admin".to_owned(),
    };
    engine.apply(request(settings), Caller::Console).await.unwrap();
    let kept = told(Caller::Root).await;
    assert_eq!(
        (kept.hostname.as_str(), &kept.snmp["lab"]),
        ("other", &v2("secret-community"))
    );

    let mut unchanged = told(Caller::Console).await;
    let before = kept.revision;
    let answer = engine.apply(request(unchanged.clone()), Caller::Console).await.unwrap();
    assert_eq!(answer.revision, before, "hidden secrets are no change");
    let moved = unchanged.snmp.remove("lab").unwrap();
    unchanged.snmp.insert("renamed".to_owned(), moved);
    let refused = engine.apply(request(unchanged), Caller::Console).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::BadRequest);
    assert!(refused.message.contains("\"renamed\""), "{refused}");
    let files = disk.files.lock().unwrap();
    let stored = files.values().map(|bytes| String::from_utf8_lossy(bytes));
    assert!(stored.into_iter().all(|text| !text.contains(Secret::HIDDEN)));
}

#[tokio::test]
async fn a_collection_port_is_there_and_not_for_management_when_it_is_chosen() {
    use api::supervisor::PortRole;
    let engine = set_up_engine(&Fragile::default()).await;
    engine.state.lock().await.ports = vec![
        crate::network::tests::port("enp0s2", "0000:00:02.0", None),
        crate::network::tests::port("enp0s3", "0000:00:03.0", Some(1)),
    ];
    let choose = |name: &'static str| {
        apply(&engine, Caller::Console, move |s| {
            s.collection.port = Some(name.to_owned())
        })
    };
    for bad in ["enp0s2", "enp9s9"] {
        let refused = choose(bad).await.unwrap_err();
        assert!(
            refused.message.starts_with("collection.port: ") && refused.message.contains(bad),
            "{refused}"
        );
    }
    assert_eq!(choose("enp0s3").await.unwrap().confirm_until, None);
    let roles = |state: &crate::engine::State| state.ports.iter().map(|p| (p.role, p.link)).collect::<Vec<_>>();
    {
        let mut state = engine.state.lock().await;
        assert_eq!(
            roles(&state),
            [(PortRole::Management, None), (PortRole::Collection, Some(1))]
        );
        state.ports.pop();
    }
    // One that went away since does not keep other settings from being changed, and is told of.
    apply(&engine, Caller::Console, |s| s.hostname = "x".to_owned())
        .await
        .unwrap();
    let answer = engine.status().await;
    assert!(
        answer
            .troubles
            .iter()
            .any(|t| t.contains("collection port enp0s3 is not there"))
    );
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let disk = Fragile::default();
    let engine = set_up_engine(&disk).await;
    *disk.operations_left.lock().unwrap() = Some(0);
    let failed = apply(&engine, Caller::Admin, |s| s.hostname = "x".to_owned())
        .await
        .unwrap_err();
    assert_eq!(failed.kind, FailureKind::Unavailable);
    assert_eq!(engine.state.lock().await.settings.hostname, "probe-1");
}

#[tokio::test]
async fn the_socket_answers_and_a_question_for_news_waits_for_a_change() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("supervisor")).unwrap();
    let engine = Arc::new(engine(&Fragile::default()));
    let listener = server::listen(&dir.path().join("supervisor/api.sock"), 0o660).unwrap();
    let serving = engine.clone();
    tokio::spawn(server::serve(listener, move |request, peer| {
        let engine = serving.clone();
        async move { engine.answer(request, peer).await }
    }));
    let client = api::client::Client::new(dir.path());
    if !nix::unistd::geteuid().is_root() {
        let refused = client.call(SetupCodeQuery {}).await.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::Denied);
        return;
    }
    let first = client.call(SettingsQuery::default()).await.unwrap();
    let waiting = client.call(SettingsQuery {
        newer_than: Some(first.change),
    });
    let changing = async {
        tokio::task::yield_now().await;
        apply(&engine, Caller::Physical, readdress).await.unwrap();
    };
    let (news, ()) = tokio::join!(waiting, changing);
    let news = news.unwrap();
    assert!(news.change > first.change && news.settings.revision == 1);
    let shown = client.call(SetupCodeQuery {}).await.unwrap();
    assert_eq!(shown.code, Some(code(&engine).await));
}
