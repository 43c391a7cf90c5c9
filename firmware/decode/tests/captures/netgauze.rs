//! NetGauze's captures of Cisco's and Huawei's exporters.

use decode::{Config, Decoder, Record, Sink};

use crate::corpus;

#[derive(Default)]
struct Json(Vec<u8>);

impl Sink for Json {
    const RECORDS: bool = true;

    fn flow(&mut self, _: &decode::Origin, _: &model::FlowRecord) {}

    fn record(&mut self, record: &Record<'_>) {
        record.write_json(&mut self.0);
        self.0.push(b'\n');
    }
}

#[test]
fn smoke() {
    let Some(folder) = corpus::folder("netgauze/pcap") else {
        return;
    };
    for path in corpus::files(&folder) {
        let mut decoder = Decoder::new(Config::default());
        let mut sink = Json::default();
        corpus::decode(&path, &mut decoder, &mut sink);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        std::fs::write(format!("/root/tmpd/{name}.json"), &sink.0).unwrap();
    }
}
