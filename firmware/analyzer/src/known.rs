//! What names mean and what definitions say now: from the settings, the links and what exporters call their interfaces.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use api::client::Client;
use api::supervisor::{SettingsAnswer, SettingsQuery};
use model::{InterfaceId, LinkId};
use query::Context;
use store::Keep;

use crate::writer::Shared;

/// Pause after the supervisor did not answer.
const SETTINGS_RETRY: Duration = Duration::from_secs(2);
/// Names of interfaces are read anew after so long.
const FRESH: Duration = Duration::from_secs(10);

/// What questions are understood by.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) context: Context,
    pub(crate) names: filter::Names,
}

/// What is known from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// `None` until the supervisor has answered.
    settings: RwLock<Option<Arc<SettingsAnswer>>>,
    named: Mutex<Option<(Instant, Arc<Named>)>>,
}

impl Known {
    /// The settings; `None` until they are known.
    pub(crate) fn settings(&self) -> Option<Arc<SettingsAnswer>> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes new settings.
    pub(crate) fn set(&self, answer: SettingsAnswer) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(answer));
        self.forget();
    }

    /// Names changed: they are read anew when they are next needed.
    pub(crate) fn forget(&self) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What names mean now. Reads from the disk now and then.
pub(crate) fn named(shared: &Shared) -> Arc<Named> {
    let known = &shared.known;
    {
        let named = known.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, named)) = &*named
            && at.elapsed() < FRESH
        {
            return named.clone();
        }
    }
    let context = context(shared);
    let named = Arc::new(Named {
        names: query::names(&context),
        context,
    });
    *known.named.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), named.clone()));
    named
}

fn context(shared: &Shared) -> Context {
    let mut context = Context {
        countries: shared.countries.table(),
        ..Context::default()
    };
    {
        let links = shared.links.read().unwrap_or_else(PoisonError::into_inner);
        for (info, _) in links.all() {
            context
                .links
                .insert(info.id, vec![info.name.clone(), info.label.clone()]);
        }
    }
    if let Some(answer) = shared.known.settings() {
        context.objects = Arc::new(answer.settings.objects.clone());
        let mut add = |link: LinkId, name: &str| {
            let names = context.links.entry(link).or_default();
            if !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        };
        for (number, exporter) in &answer.settings.exporters {
            add(LinkId::of_exporter(*number), &exporter.name);
        }
        for port in &answer.ports {
            let Some(number) = port.link else { continue };
            let link = LinkId(number.into());
            add(link, &port.name);
            if let Some(port) = answer.settings.ports.get(&port.name) {
                add(link, &port.label);
            }
        }
    }
    match shared.store.interface_facts(None) {
        Ok(all) => {
            for (exporter, interfaces) in all {
                for facts in interfaces {
                    let id = InterfaceId {
                        exporter,
                        index: facts.index,
                    };
                    let names = vec![facts.name, facts.description, facts.alias, facts.label];
                    context.interfaces.insert(id, names);
                }
            }
        }
        // Interfaces are known by their numbers then.
        Err(problem) => shared.store.report(problem),
    }
    context
}

/// Keeps what is known up to date; for ever.
pub(crate) async fn follow(client: Client, shared: Arc<Shared>) {
    let mut newer_than = None;
    let mut silent = false;
    loop {
        match client.call(SettingsQuery { newer_than }).await {
            Ok(answer) => {
                silent = false;
                // The same answer again is the end of a wait in which nothing changed.
                if newer_than.replace(answer.change) != Some(answer.change) {
                    shared.store.set_keep(Keep::of(&answer.settings.retention));
                    shared.known.set(answer);
                }
            }
            Err(e) => {
                if !std::mem::replace(&mut silent, true) {
                    log::warn!(EVENT = "no_settings"; "the settings cannot be read, the last ones stay: {e}");
                }
                // A supervisor that starts anew counts its changes anew.
                newer_than = None;
                tokio::time::sleep(SETTINGS_RETRY).await;
            }
        }
    }
}
