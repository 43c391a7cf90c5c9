//! From a filter to tests of columns: names become numbers, lists become ranges, and what means several tests becomes
//! those.

pub(crate) mod ask;
pub(crate) mod endpoints;
pub(crate) mod narrow;
pub(crate) mod needs;
pub(crate) mod probe;
pub(crate) mod ranges;
pub(crate) mod texts;

use filter::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Quantity, Sign, Test};
use model::{App, Confidence, Field, InterfaceId, LinkId, PortRange, Scope};

use crate::context::Context;
use crate::error::QueryError;
use ranges::{Addresses, joined};
use texts::Texts;

/// Protocols that have ports.
pub(crate) const WITH_PORTS: [u64; 3] = [6, 17, 132];

/// Which records are meant, in terms of a block's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    All,
    None,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(Leaf),
}

/// A test of one column or a few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// The address of a column is one of these; an absent one is not.
    Address(Field, Addresses),
    /// The value of a column is in one of these ranges; an absent one is not.
    Number(Field, Vec<(u64, u64)>),
    /// The hardware address is one of these: sorted.
    Mac(Field, Vec<u64>),
    /// The application is one of these, sorted, by today's definitions where the record's is unknown.
    App(Vec<u16>),
    /// All bits of the first are set in one of both directions, none of the second is.
    Flags(u8, u8),
    /// The quantity lies in the range.
    Quantity(Quantity, u64, u64),
    /// The country of the address is one of these, sorted.
    Country(Field, Vec<[u8; 2]>),
    /// The text of a column is as one of these says; an absent one is not.
    Text(Field, Texts),
}

impl Node {
    pub(crate) fn and(nodes: impl IntoIterator<Item = Node>) -> Self {
        let mut all = Vec::new();
        for node in nodes {
            match node {
                Self::All => {}
                Self::None => return Self::None,
                Self::And(more) => all.extend(more),
                node => all.push(node),
            }
        }
        match all.len() {
            0 => Self::All,
            1 => all.swap_remove(0),
            _ => Self::And(all),
        }
    }

    pub(crate) fn or(nodes: impl IntoIterator<Item = Node>) -> Self {
        let mut any = Vec::new();
        for node in nodes {
            match node {
                Self::None => {}
                Self::All => return Self::All,
                Self::Or(more) => any.extend(more),
                node => any.push(node),
            }
        }
        match any.len() {
            0 => Self::None,
            1 => any.swap_remove(0),
            _ => Self::Or(any),
        }
    }

    pub(crate) fn not(node: Node) -> Self {
        match node {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Not(node) => *node,
            node => Self::Not(Box::new(node)),
        }
    }

    pub(crate) fn number(field: Field, ranges: Vec<(u64, u64)>) -> Self {
        if ranges.is_empty() {
            return Self::None;
        }
        Self::Leaf(Leaf::Number(field, joined(ranges)))
    }

    pub(crate) fn address(field: Field, addresses: Addresses) -> Self {
        if addresses == Addresses::default() {
            return Self::None;
        }
        Self::Leaf(Leaf::Address(field, addresses))
    }

    /// Records of protocols with ports.
    pub(crate) fn with_ports() -> Self {
        Self::number(Field::Protocol, WITH_PORTS.map(|p| (p, p)).to_vec())
    }
}

/// The links of a scope.
pub(crate) fn scope(scope: Scope) -> Node {
    let exporters = u64::from(LinkId::EXPORTERS) + 1;
    let range = match scope {
        Scope::Ports => (0, exporters - 1),
        Scope::Exporters => (exporters, u64::from(u32::MAX)),
        Scope::Link(link) => (link.0.into(), link.0.into()),
    };
    Node::number(Field::Link, vec![range])
}

/// Translates a filter.
pub(crate) fn filter(expr: &Expr, context: &Context) -> Result<Node, QueryError> {
    let list = |list: &[Expr]| list.iter().map(|e| filter(e, context)).collect::<Result<Vec<_>, _>>();
    Ok(match expr {
        Expr::All => Node::All,
        Expr::And(all) => Node::and(list(all)?),
        Expr::Or(any) => Node::or(list(any)?),
        Expr::Not(not) => Node::not(filter(not, context)?),
        Expr::Test(test) => self::test(test, context)?,
    })
}

fn ends(end: End, fields: [Field; 2], make: impl Fn(Field) -> Node) -> Node {
    let [src, dst] = fields;
    match end {
        End::Any => Node::or([make(src), make(dst)]),
        End::Src => make(src),
        End::Dst => make(dst),
    }
}

const IPS: [Field; 2] = [Field::SrcIp, Field::DstIp];

fn ones(values: impl IntoIterator<Item = impl Into<u64>>) -> Vec<(u64, u64)> {
    let one = |v: u64| (v, v);
    values.into_iter().map(|v| one(v.into())).collect()
}

/// A number for each name.
fn named<'a, T>(
    kind: &'static str,
    names: &'a [String],
    find: impl Fn(&'a str) -> Vec<T>,
) -> Result<Vec<T>, QueryError> {
    let mut all = Vec::new();
    for name in names {
        let found = find(name);
        if found.is_empty() {
            return Err(QueryError::Unknown {
                kind,
                name: name.clone(),
            });
        }
        all.extend(found);
    }
    Ok(all)
}

fn links(links: impl IntoIterator<Item = LinkId>) -> Node {
    Node::number(Field::Link, ones(links.into_iter().map(|l| l.0)))
}

fn test(test: &Test, context: &Context) -> Result<Node, QueryError> {
    let objects = &context.objects;
    Ok(match test {
        Test::Address(end, ranges) => ends(*end, IPS, |f| Node::address(f, Addresses::new(ranges))),
        Test::IpGroup(end, names) => {
            let groups = named("IP group", names, |name| {
                objects.ip_groups.values().filter(|g| g.name == name).collect()
            })?;
            let all = Addresses::new(groups.iter().flat_map(|g| &g.addresses));
            ends(*end, IPS, |f| Node::address(f, all.clone()))
        }
        Test::Port(end, ranges) => Node::and([Node::with_ports(), ports(*end, ranges)]),
        Test::Protocol(list) => Node::number(Field::Protocol, ones(list.iter().copied())),
        Test::App(names) => {
            let mut apps = named("application", names, |name| objects.app_of(name).into_iter().collect())?
                .into_iter()
                .map(App::number)
                .collect::<Vec<_>>();
            apps.sort_unstable();
            apps.dedup();
            Node::Leaf(Leaf::App(apps))
        }
        Test::Business(names) => {
            let found = named("business", names, |name| {
                objects.businesses.values().filter(|b| b.name == name).collect()
            })?;
            Node::or(found.iter().map(|b| endpoints::either(&b.endpoints)))
        }
        Test::Link(names) => links(named("link", names, |name| context.links(name, false))?),
        Test::LinkGroup(names) => {
            let groups = named("link group", names, |name| {
                objects.link_groups.values().filter(|g| g.name == name).collect()
            })?;
            links(groups.iter().flat_map(|g| g.links.iter().copied()))
        }
        Test::Exporter(names) => links(named("exporter", names, |name| context.links(name, true))?),
        Test::Interface(end, terms) => {
            let nodes: Result<Vec<_>, _> = terms.iter().map(|term| interface(*end, term, context)).collect();
            Node::or(nodes?)
        }
        Test::InterfaceGroup(end, names) => {
            let groups = named("interface group", names, |name| {
                objects.interface_groups.values().filter(|g| g.name == name).collect()
            })?;
            interfaces(*end, groups.iter().flat_map(|g| g.interfaces.iter().copied()))
        }
        Test::Direction(list) => Node::number(Field::Direction, ones(list.iter().map(|d| *d as u8))),
        Test::Flags(set, unset) => Node::and([
            Node::number(Field::Protocol, vec![(6, 6)]),
            Node::Leaf(Leaf::Flags(*set, *unset)),
        ]),
        Test::Compare(compare) => self::compare(*compare),
        Test::Vlan(ranges) => {
            let ranges: Vec<_> = ranges.iter().map(|(a, b)| (u64::from(*a), u64::from(*b))).collect();
            Node::or([
                Node::number(Field::Vlan, ranges.clone()),
                Node::number(Field::VlanInner, ranges),
            ])
        }
        Test::Mac(end, list) => {
            let number = |mac: &model::MacAddr| mac.0.iter().fold(0, |n, octet| n << 8 | u64::from(*octet));
            let mut macs: Vec<_> = list.iter().map(number).collect();
            macs.sort_unstable();
            ends(*end, [Field::SrcMac, Field::DstMac], |f| {
                Node::Leaf(Leaf::Mac(f, macs.clone()))
            })
        }
        Test::As(end, ranges) => ends(*end, [Field::SrcAs, Field::DstAs], |f| {
            Node::number(f, ranges.iter().map(|(a, b)| (u64::from(*a), u64::from(*b))).collect())
        }),
        Test::Dscp(list) => {
            let tos = |dscp: &u8| (u64::from(*dscp) << 2, u64::from(*dscp) << 2 | 3);
            Node::number(Field::Tos, list.iter().map(tos).collect())
        }
        Test::Country(end, list) => {
            if context.countries.is_none() {
                return Err(QueryError::NoCountries);
            }
            let mut list = list.clone();
            list.sort_unstable();
            ends(*end, IPS, |f| Node::Leaf(Leaf::Country(f, list.clone())))
        }
        Test::IpVersion(version) => Node::address(Field::SrcIp, Addresses::of_version(*version)),
        Test::Icmp(kind, code) => {
            let kind = u64::from(*kind) << 8;
            let range = code.map_or((kind, kind | 255), |code| {
                (kind | u64::from(code), kind | u64::from(code))
            });
            Node::and([
                Node::number(Field::Protocol, ones([1u8, 58])),
                Node::or([Field::Icmp, Field::IcmpRev].map(|f| Node::number(f, vec![range]))),
            ])
        }
        Test::EndReason(list) => Node::number(Field::EndReason, ones(list.iter().map(|r| *r as u8))),
        Test::NextHop(ranges) => Node::address(Field::NextHop, Addresses::new(ranges)),
        Test::Domain(names) => Node::Leaf(Leaf::Text(Field::Host, Texts::below(names))),
        Test::Detail(key, texts) => Node::Leaf(Leaf::Text(Field::detail(*key), Texts::like(texts))),
        Test::Confidence(list) => {
            let said = Node::number(Field::Confidence, ones(list.iter().map(|c| *c as u8)));
            // Without layer 7 the port is all that is known.
            let silent = Node::not(Node::number(Field::Confidence, vec![(0, u64::MAX)]));
            let port = list.contains(&Confidence::Port);
            Node::or([said, if port { silent } else { Node::None }])
        }
        Test::Measured => measured(),
    })
}

/// Ports of an end, whatever the protocol.
pub(crate) fn ports(end: End, ranges: &[PortRange]) -> Node {
    let ranges: Vec<_> = ranges.iter().map(|r| (r.first().into(), r.last().into())).collect();
    ends(end, [Field::SrcPort, Field::DstPort], |f| {
        Node::number(f, ranges.clone())
    })
}

fn measured() -> Node {
    Node::number(Field::Measured, vec![(1, 1)])
}

/// Records that have a quantity; all have those that are not of quality.
fn has(quantity: Quantity) -> Node {
    let some = |field: Field| Node::number(field, vec![(0, u64::MAX)]);
    let any = |fields: [Field; 2]| Node::or(fields.map(|field| Node::number(field, vec![(1, u64::MAX)])));
    match quantity {
        Quantity::ConnectClient => some(Field::ConnectClient),
        Quantity::ConnectServer => some(Field::ConnectServer),
        Quantity::Connect => Node::and([some(Field::ConnectClient), some(Field::ConnectServer)]),
        Quantity::Response | Quantity::ResponseMax => Node::number(Field::Responses, vec![(1, u64::MAX)]),
        Quantity::RtpPackets | Quantity::RtpLost | Quantity::Jitter => any([Field::RtpPackets, Field::RtpPacketsRev]),
        Quantity::Retransmissions | Quantity::OutOfOrder | Quantity::ZeroWindows | Quantity::Resets => {
            Node::and([Node::number(Field::Protocol, vec![(6, 6)]), measured()])
        }
        _ => Node::All,
    }
}

fn compare(Compare { quantity, sign, value }: Compare) -> Node {
    Node::and([has(quantity), self::within(quantity, sign, value)])
}

/// Records whose quantity is so, of those that have it.
fn within(quantity: Quantity, sign: Sign, value: u64) -> Node {
    let within = |first: Option<u64>, last: Option<u64>| {
        let (Some(mut first), Some(mut last)) = (first, last) else {
            return Node::None;
        };
        if quantity.is_quality() && quantity.is_time() {
            // Blocks count these in microseconds.
            first = first.div_ceil(1_000);
            last = if last == u64::MAX { last } else { last / 1_000 };
            if first > last {
                return Node::None;
            }
        }
        match quantity {
            Quantity::ConnectClient => Node::number(Field::ConnectClient, vec![(first, last)]),
            Quantity::ConnectServer => Node::number(Field::ConnectServer, vec![(first, last)]),
            Quantity::ResponseMax => Node::number(Field::ResponseMax, vec![(first, last)]),
            _ => Node::Leaf(Leaf::Quantity(quantity, first, last)),
        }
    };
    let (before, after) = (value.checked_sub(1), value.checked_add(1));
    match sign {
        Sign::Less => within(Some(0), before),
        Sign::LessOrEqual => within(Some(0), Some(value)),
        Sign::Equal => within(Some(value), Some(value)),
        Sign::NotEqual => Node::not(within(Some(value), Some(value))),
        Sign::GreaterOrEqual => within(Some(value), Some(u64::MAX)),
        Sign::Greater => within(after, Some(u64::MAX)),
    }
}

const fn sides(end: InterfaceEnd) -> &'static [Field] {
    match end {
        InterfaceEnd::Any => &[Field::IngressIf, Field::EgressIf],
        InterfaceEnd::In => &[Field::IngressIf],
        InterfaceEnd::Out => &[Field::EgressIf],
    }
}

fn interfaces(end: InterfaceEnd, list: impl IntoIterator<Item = InterfaceId>) -> Node {
    let mut by_link = std::collections::BTreeMap::<LinkId, Vec<u32>>::new();
    for id in list {
        by_link.entry(id.exporter).or_default().push(id.index);
    }
    Node::or(by_link.into_iter().map(|(link, indexes)| {
        let indexes = ones(indexes);
        Node::and([
            links([link]),
            Node::or(sides(end).iter().map(|f| Node::number(*f, indexes.clone()))),
        ])
    }))
}

fn interface(end: InterfaceEnd, term: &InterfaceTerm, context: &Context) -> Result<Node, QueryError> {
    let exporters = match &term.exporter {
        None => None,
        Some(name) => Some(named("exporter", std::slice::from_ref(name), |name| {
            context.links(name, true)
        })?),
    };
    let named = context.interfaces(exporters.as_deref(), &term.interface);
    if !named.is_empty() {
        return Ok(interfaces(end, named));
    }
    let Ok(index) = term.interface.parse::<u32>() else {
        return Err(QueryError::Unknown {
            kind: "interface",
            name: match &term.exporter {
                Some(exporter) => format!("{exporter}:{}", term.interface),
                None => term.interface.clone(),
            },
        });
    };
    Ok(match exporters {
        Some(links) => interfaces(end, links.into_iter().map(|exporter| InterfaceId { exporter, index })),
        None => Node::or(sides(end).iter().map(|f| Node::number(*f, ones([index])))),
    })
}
