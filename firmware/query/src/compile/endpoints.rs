//! Where something is served, as tests.

use filter::End;
use model::{Endpoint, Field};

use super::ranges::Addresses;
use super::{Node, ports};

/// Flows of which either end matches one of the endpoints.
pub(crate) fn either(endpoints: &[Endpoint]) -> Node {
    Node::or(endpoints.iter().map(|endpoint| {
        let protocol = endpoint
            .protocol
            .map_or(Node::All, |p| Node::number(Field::Protocol, vec![(p.into(), p.into())]));
        let ends = [(End::Src, Field::SrcIp), (End::Dst, Field::DstIp)].map(|(end, field)| {
            let address = if endpoint.addresses.is_empty() {
                Node::All
            } else {
                Node::address(field, Addresses::new(&endpoint.addresses))
            };
            let port = if endpoint.ports.is_empty() {
                Node::All
            } else {
                ports(end, &endpoint.ports)
            };
            Node::and([address, port])
        });
        Node::and([protocol, Node::or(ends)])
    }))
}
