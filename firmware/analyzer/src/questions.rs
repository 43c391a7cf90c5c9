//! Questions about flow records: those that are being answered, and answers that somebody may still ask for.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::analyzer::{CancelQuery, PollQuery, QueryState, StartQuery, Started};
use api::{Failure, FailureKind};
use model::{Answer, Found};
use query::{Question, Watch};
use tokio::sync::{Semaphore, watch};

use crate::known::named;
use crate::writer::{Shared, now};

/// Questions that are answered or kept at a time.
const KEPT: usize = 16;
/// Those of them that read at a time.
const RUNNING: usize = 2;
/// A question that nobody asks about for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// How long a poll may wait.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Octets of an answer as JSON, below what a frame takes.
const ANSWER_MAX: usize = api::frame::FRAME_MAX - (1 << 20);

/// The questions by number.
#[derive(Debug)]
pub(crate) struct Questions {
    held: Mutex<HashMap<u64, Arc<Held>>>,
    running: Arc<Semaphore>,
    /// Makes numbers that nobody can guess.
    random: RandomState,
}

#[derive(Debug)]
struct Held {
    question: Question,
    watch: Watch,
    state: watch::Sender<State>,
    asked_about: Mutex<Instant>,
}

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Running,
    Done(Arc<Answer>),
    Failed,
}

impl Held {
    fn touch(&self) {
        *self.asked_about.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_forgotten(&self) -> bool {
        let at = *self.asked_about.lock().unwrap_or_else(PoisonError::into_inner);
        at.elapsed() >= FORGOTTEN_AFTER
    }
}

/// Says that a question failed, unless it was answered.
struct Unanswered(Arc<Held>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let unanswered = matches!(state, State::Running);
            if unanswered {
                *state = State::Failed;
            }
            unanswered
        });
    }
}

impl Questions {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            held: Mutex::default(),
            running: Arc::new(Semaphore::new(RUNNING)),
            random: RandomState::new(),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets questions that nobody asks about.
    pub(crate) fn sweep(&self) {
        self.held().retain(|_, held| {
            let forgotten = held.is_forgotten();
            if forgotten {
                held.watch.cancel();
            }
            !forgotten
        });
    }

    /// Gives all questions up: the program stops.
    pub(crate) fn give_up(&self) {
        self.held().drain().for_each(|(_, held)| held.watch.cancel());
    }

    /// Gives a question up.
    pub(crate) fn cancel(&self, query: CancelQuery) {
        if let Some(held) = self.held().remove(&query.id) {
            held.watch.cancel();
        }
    }

    /// How far a question is; waits for its answer where that is wished.
    pub(crate) async fn poll(&self, query: PollQuery) -> Result<QueryState, Failure> {
        let held = self.held().get(&query.id).cloned().ok_or_else(|| {
            Failure::new(
                FailureKind::NotFound,
                "there is no such question: it was given up, or forgotten since nobody asked about it for 30 s",
            )
        })?;
        held.touch();
        let mut changes = held.state.subscribe();
        if query.wait_ms > 0 {
            let wait = Duration::from_millis(query.wait_ms.into()).min(WAIT_MAX);
            let answered = changes.wait_for(|state| !matches!(state, State::Running));
            // When time is over, the state says so.
            let _ = tokio::time::timeout(wait, answered).await;
            held.touch();
        }
        let state = changes.borrow().clone();
        let (done, answer) = match state {
            State::Done(answer) => (true, Some(Answer::clone(&answer))),
            State::Failed => {
                return Err(Failure::new(
                    FailureKind::Unavailable,
                    "the question could not be answered: see the analyzer's log",
                ));
            }
            State::Running if query.partial => {
                let held = held.clone();
                // Copies may be large.
                let work = tokio::task::spawn_blocking(move || held.question.so_far(&held.watch).map(fit));
                (false, work.await.ok().flatten())
            }
            State::Running => (false, None),
        };
        Ok(QueryState {
            query: held.question.query().clone(),
            progress: held.watch.progress(),
            done,
            answer,
        })
    }
}

/// Begins to answer a question. Reads names from the disk.
pub(crate) fn start(shared: &Arc<Shared>, start: &StartQuery) -> Result<Started, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::new(FailureKind::BadRequest, e.to_string());
    let named = named(shared);
    let filter = filter::parse(&start.query.filter, &named.names).map_err(|e| bad(&e))?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let question = Question::new(&start.query, &filter, &named.context, now(), threads).map_err(|e| bad(&e))?;
    let held = Arc::new(Held {
        watch: Watch::new(Duration::from_millis(start.query.timeout_ms.into())),
        question,
        state: watch::Sender::default(),
        asked_about: Mutex::new(Instant::now()),
    });
    let questions = &shared.questions;
    questions.sweep();
    let id = {
        let mut all = questions.held();
        if all.len() >= KEPT {
            return Err(Failure::new(
                FailureKind::Unavailable,
                format!("{KEPT} questions are being answered or kept: wait, or give one up"),
            ));
        }
        let mut salt = all.len();
        let id = loop {
            let id = questions.random.hash_one((Instant::now(), salt));
            if id != 0 && !all.contains_key(&id) {
                break id;
            }
            salt += 1;
        };
        all.insert(id, held.clone());
        id
    };
    let (shared, running) = (shared.clone(), questions.running.clone());
    tokio::runtime::Handle::current().spawn(async move {
        let unanswered = Unanswered(held.clone());
        // A question that waits longer than it may is answered with nothing, and says so.
        let Ok(place) = running.acquire_owned().await else {
            return;
        };
        // A thread of its own, since a low priority cannot be given back.
        let spawned = std::thread::Builder::new().name("question".to_owned()).spawn(move || {
            query::lower_priority();
            let answer = fit(held.question.run(&shared.store, &held.watch));
            held.state.send_replace(State::Done(Arc::new(answer)));
            drop((place, unanswered));
        });
        if let Err(e) = spawned {
            log::error!(EVENT = "failed"; "a question is not answered: no thread can be started: {e}");
        }
    });
    Ok(Started { id })
}

/// An answer that a frame takes: of very long records, fewer.
fn fit(mut answer: Answer) -> Answer {
    loop {
        if !matches!(answer.found, Found::Records { .. }) {
            // Bounded by what may be asked.
            return answer;
        }
        if serde_json::to_vec(&answer).is_ok_and(|json| json.len() <= ANSWER_MAX) {
            return answer;
        }
        if let Found::Records { records, apps, more } = &mut answer.found {
            let half = records.len() / 2;
            records.truncate(half);
            apps.truncate(half);
            *more = true;
            let note = "the page is shorter than was asked for: its records are very long";
            if !answer.notes.iter().any(|n| n == note) {
                answer.notes.push(note.to_owned());
            }
        }
    }
}
