use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{CountriesError, CountryTable};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(table: &CountryTable, address: &str) -> String {
    let code = table.country(ip(address));
    code.map_or_else(|| "-".to_owned(), |code| String::from_utf8(code.to_vec()).unwrap())
}

fn wrong(text: &str) -> String {
    CountryTable::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn lines_of_addresses_are_read() {
    let text = "first,last,country\r\n1.0.0.0,1.0.0.255,AU\r\n\r\n# a remark\r\n1.0.1.0,1.0.3.255,CN\r\n2.0.0.0,2.0.0.9,-\r\n\
        1.0.4.0,1.0.7.255,\"au\",\"Australia, the\"\r\n\"2001:200::\",2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\r\n\
        255.255.255.255,255.255.255.255,US\nffff::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,FR";
    let table = CountryTable::parse(text.as_bytes()).unwrap();
    for (address, country) in [
        ("0.255.255.255", "-"),
        ("1.0.0.0", "AU"),
        ("1.0.0.255", "AU"),
        ("1.0.1.0", "CN"),
        ("1.0.3.255", "CN"),
        ("1.0.4.0", "AU"),
        ("1.0.8.0", "-"),
        ("2.0.0.5", "-"),
        ("255.255.255.254", "-"),
        ("255.255.255.255", "US"),
        ("::ffff:1.0.0.1", "AU"),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
        ("2001:200::1", "JP"),
        ("2001:201::", "-"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "FR"),
        ("::1.0.0.1", "-"),
    ] {
        assert_eq!(at(&table, address), country, "{address}");
    }
    assert_eq!(table.ranges(), 6);
    assert_eq!(table.iter().count(), 6);
}

#[test]
fn lines_of_numbers_are_read() {
    let v4 = "\"0\",\"16777215\",\"-\",\"-\"\n\"16777216\",\"16777471\",\"US\",\"United States of America\"\n";
    let table = CountryTable::parse(v4.as_bytes()).unwrap();
    assert_eq!(
        (at(&table, "1.0.0.0"), at(&table, "1.0.1.0")),
        ("US".to_owned(), "-".to_owned())
    );
    assert_eq!(at(&table, "::100:0"), "-");
    // The file of IPv6 has those of IPv4 too, mapped.
    let v6 = "\"0\",\"281470681743359\",\"-\",\"-\"\n\"281470698520576\",\"281470698520831\",\"US\",\"x\"\n\
        \"42540528726795050063891204319802818560\",\"42540528806023212578155541913346768895\",\"JP\",\"Japan\"\n\
        \"5\",\"6\",\"DE\",\"Germany\"\n";
    let table = CountryTable::parse(v6.as_bytes()).unwrap();
    for (address, country) in [
        ("1.0.0.0", "US"),
        ("1.0.0.255", "US"),
        ("1.0.1.0", "-"),
        ("2001:200::", "JP"),
        ("::5", "DE"),
        ("0.0.0.5", "-"),
    ] {
        assert_eq!(at(&table, address), country, "{address}");
    }
}

#[test]
fn a_range_over_the_mapped_addresses_is_cut() {
    let table = CountryTable::parse(b"0,340282366920938463463374607431768211455,EU\n").unwrap();
    for address in ["::", "0.0.0.0", "255.255.255.255", "::1:0:0:0", "ffff::"] {
        assert_eq!(at(&table, address), "EU", "{address}");
    }
    assert_eq!(table.ranges(), 3);
}

#[test]
fn wrong_lines_are_named() {
    for (text, why) in [
        (
            "1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.1.255\n",
            "line 2 of the database of countries: it has two fields",
        ),
        (
            "1.0.0.0,1.0.0.255,AU\nx,1.0.1.255,CN\n",
            "line 2 of the database of countries: \"x\" is neither",
        ),
        (
            "1.0.0.0,1.0.0.255,AUS\n",
            "line 1 of the database of countries: \"AUS\" is no country",
        ),
        (
            "1.0.0.9,1.0.0.1,AU\n",
            "line 1 of the database of countries: the range ends before",
        ),
        ("1.0.0.9,::1,AU\n", "different IP versions"),
        ("1.0.0.9,5,AU\n", "one end is an address"),
        (
            "\"1.0.0.9,1.0.0.10,AU\n1.0.0.0,1.0.0.1,AU\n\"x\n",
            "line 3 of the database of countries: a quotation mark",
        ),
        ("1.0.0.0,1.0.0.1,AU\n\"1.0.0.9\"x,1.0.0.10,AU\n", "no comma follows"),
        (
            "1.0.0.0,1.0.0.255,AU\n\n1.0.0.128,1.0.1.255,CN\n",
            "two countries of 1.0.0.128, in lines 1 and 3",
        ),
        (
            "fd00::5,fd00::9,AU\nfd00::,fd00::5,CN\n",
            "two countries of fd00::5, in lines 1 and 2",
        ),
        ("", "no range of addresses"),
        ("first,last,country\n", "no range of addresses"),
        ("1.0.0.0,1.0.0.255,-\n", "no range of addresses"),
        ("1,2,3,4\n\n<html>\n", "line 1"),
        ("<html>\n<body>\n", "line 2"),
    ] {
        assert!(wrong(text).contains(why), "{text:?}: {}", wrong(text));
    }
    // What agrees with itself is no overlap.
    let table = CountryTable::parse(b"1.0.0.0,1.0.0.255,AU\n1.0.0.9,1.0.0.9,AU\n1.0.0.128,1.0.1.255,AU\n").unwrap();
    assert_eq!((table.ranges(), at(&table, "1.0.1.255")), (1, "AU".to_owned()));
}

#[test]
fn what_is_kept_is_read_again_unless_it_is_damaged() {
    let table = CountryTable::parse(b"1.0.0.0,1.0.0.255,AU\nfd00::,fd00::5,CN\nfd00::6,fd00::9,DE\n").unwrap();
    let octets = table.to_bytes();
    assert_eq!(CountryTable::from_bytes(&octets), Ok(table.clone()));
    assert_eq!(CountryTable::parse(&octets), Ok(table));
    for place in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[place] ^= 1;
        // The two reserved octets alone mean nothing.
        assert_eq!(
            CountryTable::from_bytes(&damaged).is_ok(),
            (6..8).contains(&place),
            "{place}"
        );
        let cut = CountryTable::from_bytes(&octets[..place]);
        assert!(matches!(cut, Err(CountriesError::Kept(_))), "{place}: {cut:?}");
    }
}

/// A value of MaxMind DB's data.
#[derive(Debug, Clone)]
enum Value {
    Text(&'static str),
    Number(u32),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
    Boolean,
    Pointer(usize),
}

fn control(kind: u8, size: usize, to: &mut Vec<u8>) {
    let small = u8::try_from(size.min(28)).unwrap();
    let (low, more) = if size < 29 {
        (small, None)
    } else {
        (29, u8::try_from(size - 29).ok())
    };
    if kind > 7 {
        to.extend([low, kind - 7]);
    } else {
        to.push((kind << 5) | low);
    }
    to.extend(more);
}

fn write(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), to);
            to.extend(text.as_bytes());
        }
        Value::Number(number) => {
            control(6, 4, to);
            to.extend(number.to_be_bytes());
        }
        Value::Map(members) => {
            control(7, members.len(), to);
            for (name, value) in members {
                write(&Value::Text(name), to);
                write(value, to);
            }
        }
        Value::List(values) => {
            control(11, values.len(), to);
            values.iter().for_each(|value| write(value, to));
        }
        Value::Boolean => control(14, 1, to),
        Value::Pointer(place) => {
            let place = u16::try_from(*place).unwrap();
            assert!(place < 2_048);
            to.push(0x20 | u8::try_from(place >> 8).unwrap());
            to.push(u8::try_from(place & 0xff).unwrap());
        }
    }
}

/// What a network of a tree leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A tree of networks, as the format has it: two records a node.
struct Tree {
    nodes: Vec<[Leaf; 2]>,
}

impl Tree {
    fn insert(&mut self, address: u128, bits: u8, leaf: Leaf) {
        let mut node = 0;
        for depth in 0..bits {
            let side = usize::from(address >> (127 - depth) & 1 == 1);
            if depth + 1 == bits {
                self.nodes[node][side] = leaf;
            } else {
                let next = match self.nodes[node][side] {
                    Leaf::Node(next) => next,
                    Leaf::Nothing | Leaf::Data(_) => {
                        self.nodes.push([Leaf::Nothing; 2]);
                        self.nodes.len() - 1
                    }
                };
                self.nodes[node][side] = Leaf::Node(next);
                node = next;
            }
        }
    }

    /// The node or leaf that some bits lead to.
    fn at(&self, address: u128, bits: u8) -> Leaf {
        (0..bits).fold(Leaf::Node(0), |leaf, depth| match leaf {
            Leaf::Node(node) => self.nodes[node][usize::from(address >> (127 - depth) & 1 == 1)],
            other => other,
        })
    }

    fn file(&self, size: usize, data: &[u8], ip: u32) -> Vec<u8> {
        let mut file = Vec::new();
        for node in &self.nodes {
            let record = |leaf: Leaf| match leaf {
                Leaf::Nothing => self.nodes.len(),
                Leaf::Node(node) => node,
                Leaf::Data(place) => self.nodes.len() + 16 + place,
            };
            let (left, right) = (
                u32::try_from(record(node[0])).unwrap(),
                u32::try_from(record(node[1])).unwrap(),
            );
            let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
            match size {
                24 => file.extend([l[1], l[2], l[3], r[1], r[2], r[3]]),
                28 => file.extend([l[1], l[2], l[3], (l[0] << 4) | r[0], r[1], r[2], r[3]]),
                _ => file.extend([l, r].concat()),
            }
        }
        file.extend([0; 16]);
        file.extend(data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        let number = |number: usize| Value::Number(u32::try_from(number).unwrap());
        let metadata = Value::Map(vec![
            ("binary_format_major_version", number(2)),
            ("database_type", Value::Text("Test-Country")),
            ("languages", Value::List(vec![Value::Text("en")])),
            ("ip_version", Value::Number(ip)),
            ("node_count", number(self.nodes.len())),
            ("record_size", number(size)),
        ]);
        write(&metadata, &mut file);
        file
    }
}

const CODES: [&str; 4] = ["CN", "DE", "US", "BR"];

/// Data of four countries, in four ways, and where each begins.
fn data() -> (Vec<u8>, Vec<usize>) {
    let mut data = Vec::new();
    let country = |code| Value::Map(vec![("geoname_id", Value::Number(7)), ("iso_code", Value::Text(code))]);
    // What pointers lead to.
    let name = data.len();
    write(&Value::Text("country"), &mut data);
    let shared = data.len();
    write(&country("DE"), &mut data);
    let values = [
        Value::Map(vec![
            (
                "continent",
                Value::Map(vec![(
                    "names",
                    Value::Map(vec![(
                        "a-name-of-more-than-29-characters",
                        Value::List(vec![Value::Boolean]),
                    )]),
                )]),
            ),
            ("country", country("CN")),
            ("registered_country", country("US")),
        ]),
        Value::Map(vec![("country", Value::Pointer(shared))]),
        Value::Map(vec![("registered_country", country("US"))]),
        Value::Map(vec![("country_code", Value::Text("BR"))]),
    ];
    let mut places = Vec::new();
    for value in &values {
        places.push(data.len());
        write(value, &mut data);
    }
    // The second's key is a pointer too.
    let second = places[1];
    places[1] = data.len();
    data.push(0xe1);
    write(&Value::Pointer(name), &mut data);
    write(&Value::Pointer(shared), &mut data);
    assert!(second > 0);
    (data, places)
}

fn mapped(bits: u8) -> u8 {
    96 + bits
}

/// A small database of IPv6, with IPv4 at `::/96` and 6to4 leading there.
fn small(size: usize) -> Vec<u8> {
    let (data, places) = data();
    let mut tree = Tree {
        nodes: vec![[Leaf::Nothing; 2]],
    };
    let v4 = |text: &str| u128::from(u32::from(text.parse::<Ipv4Addr>().unwrap()));
    tree.insert(v4("1.0.1.0"), mapped(24), Leaf::Data(places[0]));
    tree.insert(v4("46.0.0.0"), mapped(8), Leaf::Data(places[1]));
    tree.insert(v4("8.8.8.8"), mapped(32), Leaf::Data(places[2]));
    tree.insert(
        u128::from("2800::".parse::<Ipv6Addr>().unwrap()),
        16,
        Leaf::Data(places[3]),
    );
    tree.insert(
        u128::from("2001:db8::1".parse::<Ipv6Addr>().unwrap()),
        128,
        Leaf::Data(places[0]),
    );
    let root = tree.at(0, 96);
    tree.insert(u128::from("2002::".parse::<Ipv6Addr>().unwrap()), 16, root);
    tree.insert(u128::from("::ffff:0:0".parse::<Ipv6Addr>().unwrap()), 96, root);
    tree.file(size, &data, 6)
}

#[test]
fn maxmind_files_are_read() {
    for size in [24, 28, 32] {
        let table = CountryTable::parse(&small(size)).unwrap();
        for (address, country) in [
            ("1.0.0.255", "-"),
            ("1.0.1.0", "CN"),
            ("1.0.1.255", "CN"),
            ("1.0.2.0", "-"),
            ("46.255.255.255", "DE"),
            ("8.8.8.8", "US"),
            ("8.8.8.9", "-"),
            ("2800:1::", "BR"),
            ("2801::", "-"),
            ("2001:db8::1", "CN"),
            ("2001:db8::2", "-"),
            ("2002:100:100::", "-"),
        ] {
            assert_eq!(at(&table, address), country, "{size} {address}");
        }
    }
    // A database of IPv4 alone.
    let (data, places) = data();
    let mut tree = Tree {
        nodes: vec![[Leaf::Nothing; 2]],
    };
    tree.insert(
        u128::from(u32::from(Ipv4Addr::new(8, 0, 0, 0))) << 96,
        8,
        Leaf::Data(places[2]),
    );
    let table = CountryTable::parse(&tree.file(24, &data, 4)).unwrap();
    assert_eq!(
        (at(&table, "8.1.2.3"), at(&table, "9.1.2.3")),
        ("US".to_owned(), "-".to_owned())
    );
    assert_eq!(table.ranges(), 1);
}

#[test]
fn a_tree_that_is_none_is_refused() {
    let (data, _) = data();
    // Both sides of each node lead to the same: 2^64 paths.
    let nodes: Vec<[Leaf; 2]> = (1..=64)
        .map(|next| [Leaf::Node(next); 2])
        .chain([[Leaf::Nothing; 2]])
        .collect();
    let error = CountryTable::parse(&Tree { nodes }.file(24, &data, 6)).unwrap_err();
    assert_eq!(error, CountriesError::MaxMind("its tree has a node in several places"));
    // A node that leads to itself.
    let nodes = vec![[Leaf::Node(0), Leaf::Nothing]];
    assert!(CountryTable::parse(&Tree { nodes }.file(24, &data, 6)).is_err());
    let nodes = vec![[Leaf::Data(100_000), Leaf::Nothing]];
    assert!(CountryTable::parse(&Tree { nodes }.file(24, &data, 6)).is_err());
}

#[test]
fn damaged_maxmind_files_break_nothing() {
    let file = small(28);
    for place in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            let _ = CountryTable::parse(&damaged);
        }
        let _ = CountryTable::parse(&file[place..]);
        let _ = CountryTable::parse(&file[..place]);
    }
}

fn shown(address: u128, v4: bool) -> String {
    match v4 {
        true => Ipv4Addr::from(u32::try_from(address).unwrap()).to_string(),
        false => Ipv6Addr::from(address).to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Disjoint ranges in any order, against a search of all of them; and what is kept against what was read.
    #[test]
    fn answers_are_those_of_a_search_of_all_lines(
        cuts in prop::collection::btree_set(0_u32..2_000, 2..60),
        high in any::<bool>(),
        codes in prop::collection::vec(0_usize..5, 60),
        order in any::<u64>(),
    ) {
        for v4 in [true, false] {
            let base: u128 = match (v4, high) {
                (true, true) => u128::from(u32::MAX) - 1_999,
                (false, true) => u128::MAX - 1_999,
                (true, false) => 0,
                (false, false) => 0x2001 << 112,
            };
            let cuts: Vec<u128> = cuts.iter().map(|cut| base + u128::from(*cut)).collect();
            let mut lines: Vec<(u128, u128, &str)> = cuts.windows(2).zip(&codes).map(|(pair, code)| {
                (pair[0], pair[1] - 1, CODES.get(*code).copied().unwrap_or("-"))
            }).collect();
            lines.sort_by_key(|(first, ..)| first.wrapping_mul(u128::from(order | 1)).rotate_left(64));
            let text: String = lines.iter().map(|(first, last, code)| {
                format!("{},{},{code}\n", shown(*first, v4), shown(*last, v4))
            }).collect();
            let naive = |address: u128| {
                let line = lines.iter().find(|(first, last, _)| (*first..=*last).contains(&address));
                line.map(|line| line.2).filter(|code| *code != "-")
            };
            let table = match CountryTable::parse(text.as_bytes()) {
                Ok(table) => table,
                Err(CountriesError::Empty) => {
                    prop_assert!(lines.iter().all(|line| line.2 == "-"));
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            prop_assert_eq!(&CountryTable::parse(&table.to_bytes()), &Ok(table.clone()));
            for address in base..=base + 1_999 {
                let ip: IpAddr = shown(address, v4).parse().unwrap();
                let code = table.country(ip);
                prop_assert_eq!(code.as_ref().map(<[u8; 2]>::as_slice), naive(address).map(str::as_bytes), "{}", ip);
            }
            // The ranges are those of the lines, neighbours of one country joined.
            let mut joined: BTreeMap<u128, (u128, &str)> = BTreeMap::new();
            let mut sorted = lines.clone();
            sorted.sort();
            for (first, last, code) in sorted.into_iter().filter(|line| line.2 != "-") {
                match joined.last_entry() {
                    Some(mut entry) if entry.get().0 + 1 == first && entry.get().1 == code => entry.get_mut().0 = last,
                    _ => { joined.insert(first, (last, code)); }
                }
            }
            let ranges: Vec<_> = table.iter().map(|(first, last, code)| {
                (first.to_string(), last.to_string(), String::from_utf8(code.to_vec()).unwrap())
            }).collect();
            let expected: Vec<_> = joined.into_iter().map(|(first, (last, code))| {
                (shown(first, v4), shown(last, v4), code.to_owned())
            }).collect();
            prop_assert_eq!(ranges, expected);
        }
    }

    #[test]
    fn no_octets_break_the_reader(octets in prop::collection::vec(any::<u8>(), 0..200), text in "[0-9a-f:.,\"\n A-Z-]{0,80}") {
        let _ = CountryTable::parse(&octets);
        let _ = CountryTable::parse(text.as_bytes());
        let _ = CountryTable::parse(&[b"SWCO", octets.as_slice()].concat());
        let _ = CountryTable::parse(&[octets.as_slice(), b"\xab\xcd\xefMaxMind.com", octets.as_slice()].concat());
    }

    /// Any tree of a few networks, against the longest prefix.
    #[test]
    fn maxmind_answers_are_those_of_the_networks(
        networks in prop::collection::vec((any::<u32>(), 1_u8..=32, 0_usize..4), 1..30),
        probes in prop::collection::vec(any::<u32>(), 50),
    ) {
        let (data, places) = data();
        let mut tree = Tree { nodes: vec![[Leaf::Nothing; 2]] };
        let mut kept: Vec<(u32, u8, usize)> = Vec::new();
        // Disjoint networks: a tree of this writer has no others.
        for (address, bits, code) in networks {
            let mask = u32::MAX << (32 - bits);
            let same = |one: &(u32, u8, usize)| {
                let wide = u32::MAX << (32 - bits.min(one.1));
                one.0 & wide == address & wide
            };
            if !kept.iter().any(same) {
                kept.push((address & mask, bits, code));
                tree.insert(u128::from(address & mask), mapped(bits), Leaf::Data(places[code]));
            }
        }
        let table = CountryTable::parse(&tree.file(24, &data, 6)).unwrap();
        let edges = kept.iter().flat_map(|(address, bits, _)| {
            let last = address | (u32::MAX.checked_shr(u32::from(*bits)).unwrap_or(0));
            [*address, last, address.wrapping_sub(1), last.wrapping_add(1)]
        });
        for address in edges.chain(probes) {
            let found = kept.iter().find(|(base, bits, _)| address & (u32::MAX << (32 - bits)) == *base);
            let expected = found.map(|(.., code)| CODES[*code].as_bytes().to_vec());
            let said = table.country(IpAddr::V4(Ipv4Addr::from(address))).map(|code| code.to_vec());
            prop_assert_eq!(said, expected, "{}", Ipv4Addr::from(address));
        }
    }
}
