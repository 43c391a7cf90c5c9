//! The services as the tests play them, over real sockets.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use api::alarms::{AlarmCounts, Alarms};
use api::analyzer::{AnalyzerRequest, Countries, FilterAnswer, Logs, Point, QueryState, Series, Started, Top};
use api::collector::CollectorRequest;
use api::server::{listen, reply, serve};
use api::supervisor::{Account, AccountRole, ApplyAnswer, SettingsAnswer, SetupState, SupervisorRequest};
use api::{Failure, FailureKind, Service};
use model::{
    Answer, Ask, Found, LinkCounters, LinkId, LogRecord, LogSource, Severity, Split, Sums, Timestamp, TopTable,
};
use settings::{Language, Settings};
use tokio::task::JoinHandle;

/// The password that the played supervisor takes.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A run folder with a supervisor in it.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    /// Whether the first set-up is done.
    pub(crate) set_up: Arc<AtomicBool>,
    /// The end of the newest second of the played analyzer.
    pub(crate) newest: Arc<AtomicU64>,
    /// The played supervisor's settings.
    pub(crate) settings: Arc<Mutex<Settings>>,
    /// So many changes are refused because someone else was faster.
    pub(crate) conflicts: Arc<AtomicU64>,
}

impl Stage {
    /// A supervisor alone.
    pub(crate) fn open() -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
            set_up: Arc::new(AtomicBool::new(true)),
            newest: Arc::new(AtomicU64::new(0)),
            settings: Arc::default(),
            conflicts: Arc::default(),
        };
        let held = (stage.set_up.clone(), stage.settings.clone(), stage.conflicts.clone());
        let listener = listen(&stage.socket(Service::Supervisor), 0o600).unwrap();
        tokio::spawn(serve(listener, move |request: SupervisorRequest, _| {
            let (done, settings, conflicts) = held.clone();
            async move {
                match request {
                    SupervisorRequest::Settings(_) => reply(SettingsAnswer {
                        change: 1,
                        settings: settings.lock().unwrap().clone(),
                        ports: Vec::new(),
                        unconfirmed_until: None,
                    }),
                    SupervisorRequest::Apply(request) => {
                        if conflicts
                            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                            .is_ok()
                        {
                            return Err(Failure::new(FailureKind::Conflict, "someone else was faster"));
                        }
                        let mut held = settings.lock().unwrap();
                        let mut next = request.settings;
                        next.follow(&held)
                            .map_err(|e| Failure::new(FailureKind::BadRequest, e.to_string()))?;
                        *held = next;
                        held.revision += 1;
                        let revision = held.revision;
                        reply(ApplyAnswer {
                            revision,
                            confirm_until: None,
                        })
                    }
                    request => supervisor(&request, &done),
                }
            }
        }));
        stage
    }

    /// Adds a collector that is well.
    pub(crate) fn collector(&self) -> JoinHandle<()> {
        let listener = listen(&self.socket(Service::Collector), 0o600).unwrap();
        tokio::spawn(serve(listener, |_: CollectorRequest, _| async {
            reply(crate::pulse::tests::collector())
        }))
    }

    /// Adds an analyzer: every second carries as many octets as its number, but each that 10 divides is missing.
    pub(crate) fn analyzer(&self) -> JoinHandle<()> {
        let newest = self.newest.clone();
        let listener = listen(&self.socket(Service::Analyzer), 0o600).unwrap();
        tokio::spawn(serve(listener, move |request: AnalyzerRequest, _| {
            let newest = newest.load(Ordering::SeqCst);
            async move { analyzer(&request, newest) }
        }))
    }

    fn socket(&self, service: Service) -> std::path::PathBuf {
        let path = self.dir.path().join(service.socket());
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        path
    }
}

fn supervisor(request: &SupervisorRequest, done: &AtomicBool) -> api::server::Reply {
    let state = |done| SetupState {
        done,
        language: Language::Chinese,
        hostname: "box".into(),
        version: "1".into(),
    };
    match request {
        SupervisorRequest::SetupState(_) => reply(state(done.load(Ordering::SeqCst))),
        SupervisorRequest::Setup(setup) if setup.code == "ABCD-2345" => {
            done.store(true, Ordering::SeqCst);
            reply(state(true))
        }
        SupervisorRequest::Setup(_) => Err(Failure::new(FailureKind::Denied, "the setup code is wrong")),
        SupervisorRequest::Authenticate(login) if login.password == PASSWORD => reply(Account {
            user: login.user.clone(),
            role: AccountRole::Administrator,
            generation: 1,
        }),
        SupervisorRequest::Authenticate(login) if login.password == "locked" => Err(Failure::new(
            FailureKind::LockedOut,
            "too many wrong attempts: try again in 30 s, or later",
        )),
        SupervisorRequest::Authenticate(_) => Err(Failure::new(FailureKind::Denied, "wrong password")),
        _ => Err(Failure::new(FailureKind::Unavailable, "not played")),
    }
}

fn analyzer(request: &AnalyzerRequest, newest: u64) -> api::server::Reply {
    match request {
        AnalyzerRequest::Status(_) => reply(crate::pulse::tests::analyzer((newest > 0).then_some(newest))),
        AnalyzerRequest::Series(query) => {
            let (from, to) = (query.from.as_secs(), query.to.map_or(newest, Timestamp::as_secs));
            let step = u64::from(query.step_s);
            let points = (from..to)
                .step_by(query.step_s as usize)
                .filter_map(|at| point(at, step));
            reply(Series {
                step_s: query.step_s,
                capacity_bps: None,
                points: points.collect(),
            })
        }
        AnalyzerRequest::Top(query) => reply(Top {
            from: query.from,
            to: query.to.unwrap_or_default(),
            seconds: 1,
            table: TopTable::default(),
            total: Split::default(),
            exact: true,
        }),
        AnalyzerRequest::Links(_) => reply(Vec::<api::analyzer::LinkNow>::new()),
        // Three records in all, two a page.
        AnalyzerRequest::Logs(query) => {
            let begin = query.after.as_ref().map_or(0, |after| after.parse().unwrap_or(3_u32));
            let records = (begin..3).take(2).map(log).collect();
            reply(Logs {
                records,
                next: (begin == 0).then(|| "2".to_owned()),
                read: 3,
                complete: true,
            })
        }
        AnalyzerRequest::StartQuery(start) if start.query.filter.contains("srk") => {
            Err(Failure::new(FailureKind::BadRequest, "srk is no word of a filter"))
        }
        AnalyzerRequest::StartQuery(_) => reply(Started { id: QUESTION }),
        AnalyzerRequest::PollQuery(poll) if poll.id == QUESTION => reply(question(poll.wait_ms > 0)),
        AnalyzerRequest::PollQuery(_) => Err(Failure::new(FailureKind::NotFound, "there is no such question")),
        AnalyzerRequest::CancelQuery(_) => reply(()),
        // What was asked for, said again.
        AnalyzerRequest::Alarms(query) => reply(Alarms {
            now: query.from.unwrap_or_default(),
            counts: AlarmCounts {
                critical: query.limit,
                warning: u32::from(query.severity.is_some()),
                unseen: u32::from(query.text == "bay 2"),
            },
            open: Vec::new(),
            history: Vec::new(),
            next: query.before,
        }),
        AnalyzerRequest::AcknowledgeAlarm(seen) if seen.id == 7 && seen.user == "admin" => reply(()),
        AnalyzerRequest::AcknowledgeAlarm(_) => Err(Failure::new(FailureKind::NotFound, "there is no such alarm")),
        AnalyzerRequest::Filter(filter) => reply(FilterAnswer {
            filter: Some(filter.text.clone()),
            problem: None,
            completions: Vec::new(),
        }),
        AnalyzerRequest::ImportCountries(import) => reply(Countries {
            name: import.name.clone(),
            imported: None,
            // As many as characters came before, and in this part.
            ranges: import.offset + import.part.len() as u64,
        }),
        _ => Err(Failure::new(FailureKind::Unavailable, "not played")),
    }
}

/// The number of the played question.
pub(crate) const QUESTION: u64 = 9_007_199_254_740_993;

/// It is answered when somebody waits for it.
fn question(done: bool) -> QueryState {
    let answer = Answer {
        from: Timestamp::EPOCH,
        to: Timestamp::from_secs(1),
        filter: String::new(),
        found: Found::Totals {
            total: Sums {
                bytes: 7,
                ..Sums::default()
            },
            before: None,
            distinct: Vec::new(),
            quality: None,
        },
        read: model::Read::default(),
        complete: true,
        exact: true,
        notes: Vec::new(),
    };
    let ask = Ask::Totals {
        distinct: Vec::new(),
        compare: false,
        quality: false,
    };
    QueryState {
        query: model::Query {
            from: answer.from,
            to: Some(answer.to),
            scope: None,
            filter: String::new(),
            ask,
            timeout_ms: 1,
        },
        progress: model::Progress::default(),
        done,
        answer: done.then_some(answer),
    }
}

fn log(number: u32) -> LogRecord {
    LogRecord {
        time: Timestamp::from_secs(1_000 - u64::from(number)),
        received: Timestamp::from_secs(1_000),
        exporter: LinkId::of_exporter(1),
        peer: [192, 0, 2, 1].into(),
        source: LogSource::Syslog,
        severity: Severity::Warning,
        facility: 23,
        host: "core".into(),
        app: "IFMGR".into(),
        pid: String::new(),
        code: "LINK_DOWN".into(),
        text: format!("=down, \"{number}\""),
        data: String::new(),
    }
}

fn point(at: u64, step: u64) -> Option<Point> {
    let seconds: Vec<u64> = (at..at + step).filter(|second| second % 10 != 0).collect();
    let mut counters = LinkCounters::default();
    counters.frames.total.bytes = seconds.iter().sum();
    (!seconds.is_empty()).then_some(Point {
        at: Timestamp::from_secs(at),
        seconds: u32::try_from(seconds.len()).unwrap_or(u32::MAX),
        counters,
        utilisation: None,
    })
}
