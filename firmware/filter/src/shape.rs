//! The normal form, and the size of a filter.

use crate::{Expr, Test};

impl Expr {
    /// Those that all of these mean: of one its own, of none all.
    #[must_use]
    pub fn all_of(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All => {}
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.remove(0),
            _ => Self::And(flat),
        }
    }

    /// Those that one of these means: of one its own; there is one at least.
    #[must_use]
    pub fn any_of(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All => return Self::All,
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.remove(0),
            _ => Self::Or(flat),
        }
    }

    /// Tests and the members of their lists, together.
    pub(crate) fn terms(&self) -> usize {
        match self {
            Self::All => 0,
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Test(test) => test.terms(),
        }
    }

    /// Parentheses and `not` around the innermost test, as it is printed.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::All | Self::Test(_) => 0,
            Self::And(parts) => {
                let within = |part: &Self| part.depth() + usize::from(matches!(part, Self::And(_) | Self::Or(_)));
                parts.iter().map(within).max().unwrap_or(0)
            }
            Self::Or(parts) => {
                let within = |part: &Self| part.depth() + usize::from(matches!(part, Self::Or(_)));
                parts.iter().map(within).max().unwrap_or(0)
            }
            Self::Not(inner) => 1 + inner.depth() + usize::from(matches!(**inner, Self::And(_) | Self::Or(_))),
        }
    }
}

impl Test {
    fn terms(&self) -> usize {
        match self {
            Self::Address(_, list) | Self::NextHop(list) => list.len(),
            Self::IpGroup(_, list)
            | Self::App(list)
            | Self::Business(list)
            | Self::Link(list)
            | Self::LinkGroup(list)
            | Self::Exporter(list)
            | Self::Domain(list)
            | Self::Detail(_, list)
            | Self::InterfaceGroup(_, list) => list.len(),
            Self::Port(_, list) => list.len(),
            Self::Protocol(list) | Self::Dscp(list) => list.len(),
            Self::Interface(_, list) => list.len(),
            Self::Direction(list) => list.len(),
            Self::Vlan(list) => list.len(),
            Self::Mac(_, list) => list.len(),
            Self::As(_, list) => list.len(),
            Self::Country(_, list) => list.len(),
            Self::EndReason(list) => list.len(),
            Self::Confidence(list) => list.len(),
            Self::Flags(..) | Self::Compare(_) | Self::IpVersion(_) | Self::Icmp(..) | Self::Measured => 1,
        }
    }
}
