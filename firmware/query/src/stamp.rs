//! A number that says which definitions rollups were made by.

use model::Objects;

/// Counts the ways in which rollups were made: another one makes all of them anew.
const MADE: u32 = 1;

/// The stamp of the definitions that rollups depend on: of applications, businesses and IP groups, names left out. Equal
/// definitions have equal stamps, on every machine and in every release that makes rollups the same way.
#[must_use]
pub fn stamp(objects: &Objects) -> u64 {
    let applications: Vec<_> = objects.applications.iter().map(|(n, a)| (n, &a.endpoints)).collect();
    let businesses: Vec<_> = objects.businesses.iter().map(|(n, b)| (n, &b.endpoints)).collect();
    let groups: Vec<_> = objects.ip_groups.iter().map(|(n, g)| (n, &g.addresses)).collect();
    let octets = postcard::to_allocvec(&(MADE, applications, businesses, groups)).unwrap_or_default();
    // FNV-1a: nobody gains by definitions that collide.
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use model::IpGroup;

    use super::*;

    #[test]
    fn the_stamp_follows_what_is_defined_and_not_its_name() {
        let group = |name: &str, address: &str| IpGroup {
            name: name.to_owned(),
            addresses: vec![address.parse().unwrap()],
        };
        let with = |number, group| {
            stamp(&Objects {
                ip_groups: [(number, group)].into(),
                ..Objects::default()
            })
        };
        let one = with(1, group("a", "10.0.0.0/8"));
        assert_eq!(one, with(1, group("b", "10.0.0.0/8")));
        assert_ne!(one, with(1, group("a", "10.0.0.0/9")));
        assert_ne!(one, with(2, group("a", "10.0.0.0/8")));
        assert_ne!(one, stamp(&Objects::default()));
        // It is stored: another value makes all rollups anew.
        assert_eq!(stamp(&Objects::default()), 0xad2a_ca77_4798_5764);
    }
}
