//! Which questions rollups can answer, and with which tables.

use filter::{End, Expr, InterfaceEnd, InterfaceTerm, Test};
use model::{AddressRange, Ask, InterfaceId, Key, KeyValue, LinkId, Measure, Scope};

use crate::context::Context;
use crate::rollup::{RollupScope, Table};

/// What rollups are read for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serving {
    /// Of these.
    pub(crate) scopes: Vec<RollupScope>,
    /// The groups of records that are asked for.
    pub(crate) groups: Groups,
    /// Only records with one of these values of a key: the sums of their rows are the total.
    pub(crate) pick: Option<(Table, Vec<KeyValue>)>,
}

/// How a question groups records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Groups {
    /// It does not.
    None,
    /// By the rows of a table.
    Of(Table),
    /// By link: the total of each scope is a group.
    Scopes,
    /// The rows of tables are counted, table by table.
    Counted(Vec<Table>),
}

impl Serving {
    /// Whether the rows change with an administrator's definitions.
    pub(crate) fn follows_definitions(&self) -> bool {
        let groups = match &self.groups {
            Groups::Of(table) => table.follows_definitions(),
            Groups::Counted(tables) => tables.iter().any(|table| table.follows_definitions()),
            Groups::None | Groups::Scopes => false,
        };
        groups || self.pick.as_ref().is_some_and(|(table, _)| table.follows_definitions())
    }
}

/// How rollups answer a question; `None`: they cannot. `steps` are the seconds a point, and the zone, of a series.
pub(crate) fn serving(
    ask: &Ask,
    scope: Option<Scope>,
    expr: &Expr,
    steps: Option<(u32, i32)>,
    context: &Context,
) -> Option<Serving> {
    // Rollups are made without them.
    if scope == Some(Scope::Link(LinkId::SELF_TEST)) {
        return None;
    }
    let mut counted = Vec::new();
    let by: &[Key] = match ask {
        Ask::Records { .. } => return None,
        Ask::Top {
            measure: Measure::P95, ..
        }
        | Ask::Series {
            measure: Measure::P95, ..
        }
        | Ask::Top { quality: true, .. }
        | Ask::Series { quality: true, .. }
        | Ask::Totals { quality: true, .. } => return None,
        Ask::Top { measure, .. } | Ask::Series { measure, .. } if measure.is_quality() => return None,
        Ask::Top { by, .. } => by,
        Ask::Series { by, .. } => {
            if steps.is_none_or(|(step, zone)| step % 3_600 != 0 || zone % 3_600 != 0) {
                return None;
            }
            by
        }
        Ask::Totals { distinct, .. } => {
            // Values of several keys could not be told from each other.
            if distinct.len() > 1 {
                return None;
            }
            counted = distinct.iter().map(|key| Table::of(*key)).collect::<Option<_>>()?;
            &[]
        }
    };
    let mut chosen = Chosen::default();
    chosen.read(expr, context)?;
    let scopes = match (scope, &chosen.links) {
        (None, None) => vec![RollupScope::PORTS, RollupScope::EXPORTERS],
        (Some(Scope::Ports), None) => vec![RollupScope::PORTS],
        (Some(Scope::Exporters), None) => vec![RollupScope::EXPORTERS],
        (Some(Scope::Link(link)), None) => vec![RollupScope::of_link(link)?],
        (scope, Some(links)) => {
            let held = links
                .iter()
                .filter(|link| scope.is_none_or(|scope| scope.holds(**link)));
            held.map(|link| RollupScope::of_link(*link)).collect::<Option<_>>()?
        }
    };
    let of_links = chosen.links.is_some() || matches!(scope, Some(Scope::Link(_)));
    let groups = match by {
        [] if counted.is_empty() => Groups::None,
        // A table has the values of one key, so it cannot be searched by another.
        _ if chosen.pick.is_some() => return None,
        // The links are not in the tables of links.
        [] if of_links && counted.contains(&Table::Link) => return None,
        [] => Groups::Counted(counted),
        [Key::Link] if of_links => Groups::Scopes,
        [key] => Groups::Of(Table::of(*key)?),
        _ => return None,
    };
    Some(Serving {
        scopes,
        groups,
        pick: chosen.pick,
    })
}

/// What a filter chooses.
#[derive(Debug, Default)]
struct Chosen {
    /// Sorted; `None`: all.
    links: Option<Vec<LinkId>>,
    pick: Option<(Table, Vec<KeyValue>)>,
}

impl Chosen {
    /// `None` where the filter is more than a choice of links and of values of one key.
    fn read(&mut self, expr: &Expr, context: &Context) -> Option<()> {
        match expr {
            Expr::All => Some(()),
            Expr::And(parts) => parts.iter().try_for_each(|part| self.read(part, context)),
            Expr::Or(_) | Expr::Not(_) => None,
            Expr::Test(test) => self.test(test, context),
        }
    }

    fn test(&mut self, test: &Test, context: &Context) -> Option<()> {
        let named = |names: &[String], exporters| names.iter().flat_map(|n| context.links(n, exporters)).collect();
        match test {
            Test::Link(names) => self.links(named(names, false)),
            Test::Exporter(names) => self.links(named(names, true)),
            Test::LinkGroup(names) => {
                let groups = context.objects.link_groups.values();
                let groups = groups.filter(|group| names.contains(&group.name));
                self.links(groups.flat_map(|group| group.links.iter().copied()).collect())
            }
            other => {
                if self.pick.is_some() {
                    return None;
                }
                self.pick = Some(picked(other, context)?);
                Some(())
            }
        }
    }

    fn links(&mut self, mut links: Vec<LinkId>) -> Option<()> {
        links.sort_unstable();
        links.dedup();
        match &mut self.links {
            Some(before) => before.retain(|link| links.contains(link)),
            None => self.links = Some(links),
        }
        Some(())
    }
}

/// The rows that a test means. Where records have several values of a key, only one may be asked for: the sums of two
/// would count some twice.
fn picked(test: &Test, context: &Context) -> Option<(Table, Vec<KeyValue>)> {
    let objects = &context.objects;
    let one = |table, value| Some((table, vec![value]));
    match test {
        Test::Protocol(numbers) => {
            let mut numbers = numbers.clone();
            numbers.sort_unstable();
            numbers.dedup();
            let values = numbers.into_iter().map(|n| KeyValue::Number(n.into()));
            Some((Table::Protocol, values.collect()))
        }
        Test::Dscp(numbers) => {
            let mut numbers = numbers.clone();
            numbers.sort_unstable();
            numbers.dedup();
            let values = numbers.into_iter().map(|n| KeyValue::Number(n.into()));
            Some((Table::Dscp, values.collect()))
        }
        Test::IpVersion(version) => one(Table::IpVersion, KeyValue::Number((*version).into())),
        Test::App(names) => {
            let mut apps: Vec<_> = names.iter().map(|name| objects.app_of(name)).collect::<Option<_>>()?;
            apps.sort_unstable();
            apps.dedup();
            Some((Table::App, apps.into_iter().map(KeyValue::App).collect()))
        }
        Test::Direction(directions) => {
            let mut directions = directions.clone();
            directions.sort_unstable();
            directions.dedup();
            Some((
                Table::Direction,
                directions.into_iter().map(KeyValue::Direction).collect(),
            ))
        }
        Test::Business(names) => {
            let [name] = names.as_slice() else { return None };
            let number = objects.businesses.iter().find(|(_, b)| b.name == *name)?.0;
            one(Table::Business, KeyValue::Object(*number))
        }
        Test::IpGroup(end, names) => {
            let [name] = names.as_slice() else { return None };
            let number = objects.ip_groups.iter().find(|(_, g)| g.name == *name)?.0;
            let table = match end {
                End::Any => Table::IpGroup,
                End::Src => Table::SrcGroup,
                End::Dst => Table::DstGroup,
            };
            one(table, KeyValue::Object(*number))
        }
        Test::Address(end, ranges) => {
            let [AddressRange::One(address)] = ranges.as_slice() else {
                return None;
            };
            let table = match end {
                End::Any => Table::Host,
                End::Src => Table::SrcIp,
                End::Dst => Table::DstIp,
            };
            one(table, KeyValue::Address(*address))
        }
        Test::Interface(end, terms) => {
            let [term] = terms.as_slice() else { return None };
            let table = match end {
                InterfaceEnd::Any => Table::Interface,
                InterfaceEnd::In => Table::InIf,
                InterfaceEnd::Out => Table::OutIf,
            };
            one(table, KeyValue::Interface(interface(term, context)?))
        }
        _ => None,
    }
}

/// The one interface that a term means; `None` where it may mean several.
fn interface(term: &InterfaceTerm, context: &Context) -> Option<InterfaceId> {
    let exporters = context.links(term.exporter.as_deref()?, true);
    let [exporter] = exporters.as_slice() else { return None };
    let named = context.interfaces(Some(&exporters), &term.interface);
    match named.as_slice() {
        [one] => Some(*one),
        [] => Some(InterfaceId {
            exporter: *exporter,
            index: term.interface.parse().ok()?,
        }),
        _ => None,
    }
}
