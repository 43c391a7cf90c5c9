//! SNMPv2-MIB's system group (RFC 3418) and snmpEngineBoots (RFC 3411).

use async_snmp::{Oid, Value, oid};
use model::{SystemFacts, Timestamp};

use crate::delta::Continuity;
use crate::error::Failure;
use crate::mib::{small, text};
use crate::wire::Session;

/// sysUpTime.0.
pub(crate) fn uptime() -> Oid {
    oid!(1, 3, 6, 1, 2, 1, 1, 3, 0)
}

fn engine_boots() -> Oid {
    oid!(1, 3, 6, 1, 6, 3, 10, 2, 1, 2, 0)
}

/// What tells whether the agent ran on; `None` where it does not show its up-time.
pub(crate) async fn continuity(session: &Session) -> Result<Option<Continuity>, Failure> {
    let values = session.get(&[uptime(), engine_boots()]).await?;
    let at = session.now();
    let value = |place: usize| values.get(place)?.as_ref().and_then(small);
    Ok(value(0).map(|uptime| Continuity {
        at,
        uptime,
        boots: value(1),
    }))
}

/// The system group; `None` where the agent shows nothing of it.
pub(crate) async fn read(session: &Session, now: Timestamp) -> Result<Option<SystemFacts>, Failure> {
    let oids: Vec<Oid> = (1..=6).map(|n| oid!(1, 3, 6, 1, 2, 1, 1, n, 0)).collect();
    Ok(facts(&session.get(&oids).await?, now))
}

/// Facts of sysDescr, sysObjectID, sysUpTime, sysContact, sysName and sysLocation, in this order.
fn facts(values: &[Option<Value>], now: Timestamp) -> Option<SystemFacts> {
    let value = |place: usize| values.get(place)?.as_ref();
    let word = |place: usize| value(place).and_then(text).unwrap_or_default();
    values.iter().any(Option::is_some).then(|| SystemFacts {
        description: word(0),
        object_id: value(1)
            .and_then(Value::as_oid)
            .map(ToString::to_string)
            .unwrap_or_default(),
        up_since: value(2)
            .and_then(small)
            .map(|hundredths| Timestamp::from_nanos(now.as_nanos().saturating_sub(u64::from(hundredths) * 10_000_000))),
        contact: word(3),
        name: word(4),
        location: word(5),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_shows_its_name_alone() {
        let mut values = vec![None; 6];
        assert_eq!(facts(&values, Timestamp::EPOCH), None);
        values[4] = Some(Value::OctetString("core-1".into()));
        let facts = facts(&values, Timestamp::EPOCH).unwrap();
        assert_eq!((facts.name.as_str(), facts.up_since), ("core-1", None));
    }
}
