//! `spanwatch import`: puts captures and other programs' flow files into a store.

mod csv;
mod exported;
mod filing;
mod json;
mod kind;
mod ledger;
mod links;
mod nfcapd;
mod progress;
mod report;
mod row;
mod skipped;

use std::io::{self, BufRead};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use dissect::l7;
use model::{HomeNetworks, LinkId, Timestamp};
use settings::Settings;
use store::Store;

use crate::decode::Reading;
use crate::flows::Metering;
use filing::Filing;
use kind::{Counted, Kind};
use ledger::{Entry, Fingerprint, Known};
pub(crate) use links::Links;
use nfcapd::Nfdump;
use progress::Progress;
use report::{OfFile, Report};
use row::{Around, Row};

/// Put captures and flow files into a store, to be asked with `spanwatch query`.
///
/// What a file is, its contents say: a capture (pcap or pcapng, also gzipped) is metered as `spanwatch flows` does;
/// IPFIX files (RFC 5655) are decoded; nfdump's files are read by the program nfdump, which has to be installed; and CSV
/// or JSON that nfdump or `spanwatch flows` wrote is read as it is, also gzipped.
///
/// A file that was imported before, under whatever name, is not imported again; one whose import broke off is finished.
/// Records that cannot be read are left out and named; the exit status is 1 then, or when a file cannot be read to its
/// end.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The store's folder, made where it is missing
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Decode what exporters sent in captures, as `spanwatch decode` does, in place of metering the packets
    #[arg(long)]
    decode: bool,
    /// With --decode: decode what is sent to these UDP ports, and nothing else
    #[arg(long = "port", value_name = "PORT", requires = "decode")]
    ports: Vec<u16>,
    /// Name the capture port, or the exporter where the file does not say which
    #[arg(long, value_name = "NAME", default_value = "import")]
    link: String,
    /// Where nfdump wrote CSV or JSON: its times' offset from UTC, such as +08:00
    #[arg(long, value_name = "OFFSET", default_value = "Z", allow_hyphen_values = true, value_parser = zone)]
    zone: i32,
    /// Take home networks, exporters' names, signatures and whether to keep application logs from an appliance's settings
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Close a flow that is silent for longer, in seconds; the appliance has 30 [default: never]
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u64>,
    /// Record a flow in parts no longer than this, in seconds; the appliance has 60 [default: in one piece]
    #[arg(long, value_name = "SECONDS")]
    active_timeout: Option<u64>,
    /// Keep flows of different VLANs apart that have the same addresses and ports
    #[arg(long)]
    split_vlans: bool,
    /// Flows of a capture to keep in memory at a time
    #[arg(long, value_name = "COUNT", default_value_t = 4 << 20)]
    max_flows: usize,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = report::Format::Table)]
    format: report::Format,
}

fn zone(text: &str) -> Result<i32, String> {
    crate::when::zone_of(text).ok_or_else(|| "write Z, or hours and minutes as +08:00".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: ImportArgs) -> anyhow::Result<()> {
    let settings = args.settings.as_deref().map(crate::offline::settings).transpose()?;
    let store = crate::offline::open(&args.store, true)?;
    let links = Links::open(&store, settings.as_ref())?;
    let now = crate::offline::now();
    let mut import = Import {
        home: settings
            .as_ref()
            .map_or_else(HomeNetworks::private, |s| s.home_networks.clone()),
        layer7: layer7(settings.as_ref())?,
        args: &args,
        store: &store,
        links,
        now,
        progress: Progress::new(args.files.len()),
    };
    let mut report = Report::default();
    let mut failed = false;
    for file in &args.files {
        let of_file = import.file(file, settings.as_ref());
        import.progress.clear();
        of_file.complain();
        failed |= of_file.is_bad();
        let ends_all = of_file.ends_all;
        report.files.push(of_file);
        if ends_all {
            break;
        }
    }
    if report.files.iter().any(|file| file.filed.stored > 0) {
        // It makes questions faster, and nothing of them depends on it.
        let objects = settings.map(|s| s.objects).unwrap_or_default();
        if let Err(error) = roll_up(&store, objects, now, &mut import.progress) {
            import.progress.clear();
            eprintln!("the records are stored, and no index and rollups could be made: {error:#}");
        }
        import.progress.clear();
    }
    report.print(args.format)?;
    crate::offline::tell(&store);
    match failed {
        true => Err(anyhow!("not everything was imported: see above")),
        false => Ok(()),
    }
}

/// How captures' flows are looked into: with the settings' signatures, and with application logs where they say so.
fn layer7(settings: Option<&Settings>) -> anyhow::Result<l7::Config> {
    let config = l7::Config::default();
    let Some(settings) = settings else { return Ok(config) };
    let named = |name: &str| settings.objects.app_of(name);
    let signatures =
        l7::Signatures::with(&settings.signatures, &named).context("the settings' signatures cannot be read")?;
    Ok(l7::Config {
        logs: settings.application_logs,
        signatures,
        ..config
    })
}

/// A store hands an hour out when no block came for it for so long; here none comes.
const QUIET_NANOS: u64 = 200 * 1_000_000_000;

/// Makes index and rollups of the hours that got records.
fn roll_up(store: &Store, objects: model::Objects, now: Timestamp, progress: &mut Progress) -> anyhow::Result<()> {
    let context = query::Context {
        objects: std::sync::Arc::new(objects),
        ..query::Context::default()
    };
    progress.of_hours();
    let now = now.plus_nanos(QUIET_NANOS);
    let mut hours = 0_u64;
    loop {
        let closed = query::close(store, &context, now, 8, || true)?;
        hours += u64::from(closed.hours);
        progress.tick_hours(hours);
        if closed.hours + closed.days == 0 {
            return Ok(());
        }
    }
}

struct Import<'a> {
    args: &'a ImportArgs,
    store: &'a Store,
    home: HomeNetworks,
    /// How captures' flows are looked into.
    layer7: l7::Config,
    links: Links,
    now: Timestamp,
    progress: Progress,
}

impl Import<'_> {
    /// Imports a file, as far as that goes.
    fn file(&mut self, path: &Path, settings: Option<&Settings>) -> OfFile {
        let name = match path == Path::new("-") {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        let mut of_file = OfFile::new(name);
        if let Err(error) = self.try_file(path, settings, &mut of_file) {
            of_file.problem = Some(error);
        }
        of_file
    }

    fn try_file(&mut self, path: &Path, settings: Option<&Settings>, of_file: &mut OfFile) -> anyhow::Result<()> {
        let spooled = (path == Path::new("-")).then(spool).transpose()?;
        let path = spooled.as_ref().map_or(path, |file| file.path());
        let kind = Kind::of(path)?;
        of_file.kind = Some(kind);
        self.progress.begin(&of_file.name, path);
        let fingerprint = Fingerprint::of(path)?;
        let mut entry = Entry {
            name: of_file.name.clone(),
            at: self.now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            options: self.options(kind, settings),
            records: None,
            left_out: 0,
            damage: None,
        };
        if let Known::Done(before) = ledger::look_up(self.store, &fingerprint, &entry.options)? {
            of_file.before = Some(before);
            return Ok(());
        }
        ledger::note(self.store, &fingerprint, &entry)?;
        let mut filing = Filing::new(self.store, fingerprint.epoch(), self.now);
        let read = self.read(path, kind, &mut filing, of_file);
        let broke_off = read.as_ref().is_err_and(is_circumstance);
        let (filed, stored) = filing.finish(!broke_off);
        of_file.filed = filed;
        of_file.ends_all = stored.is_err();
        stored?;
        if !broke_off {
            entry.records = Some(filed.records());
            entry.left_out = of_file.skipped.count();
            entry.damage = read.as_ref().err().map(|error| format!("{error:#}"));
            ledger::note(self.store, &fingerprint, &entry)?;
        }
        read
    }

    /// What a file's records depend on besides the file itself.
    fn options(&self, kind: Kind, settings: Option<&Settings>) -> String {
        let args = self.args;
        let seconds = |given: Option<u64>| given.map_or_else(|| "none".to_owned(), |s| s.to_string());
        let mut options = format!("--link {}", args.link);
        match kind {
            Kind::Capture if args.decode => options.push_str(&format!(" --decode --port {:?}", args.ports)),
            Kind::Capture => options.push_str(&format!(
                " --idle-timeout {} --active-timeout {} --split-vlans {} --max-flows {}, application logs {}",
                seconds(args.idle_timeout),
                seconds(args.active_timeout),
                args.split_vlans,
                args.max_flows,
                if self.layer7.logs { "kept" } else { "not kept" },
            )),
            Kind::Csv | Kind::Json => options.push_str(&format!(" --zone {}", args.zone)),
            Kind::Ipfix | Kind::Nfcapd => {}
        }
        if let Some(settings) = settings {
            options.push_str(&format!(" --settings of revision {}", settings.revision));
        }
        options
    }

    fn read(&mut self, path: &Path, kind: Kind, filing: &mut Filing<'_>, of_file: &mut OfFile) -> anyhow::Result<()> {
        match kind {
            Kind::Ipfix => self.decode(path, kind, filing, of_file),
            Kind::Capture if self.args.decode => self.decode(path, kind, filing, of_file),
            Kind::Capture => self.meter(path, filing, of_file),
            Kind::Csv | Kind::Json => {
                let mut input = kind::text(path)?;
                self.rows(kind, &mut input, self.args.zone, filing, of_file)
            }
            Kind::Nfcapd => self.nfdump(path, filing, of_file),
        }
    }

    /// Meters a capture.
    fn meter(&mut self, path: &Path, filing: &mut Filing<'_>, of_file: &mut OfFile) -> anyhow::Result<()> {
        let mut config = meter::Config::offline();
        config.link = self.links.port(&self.args.link);
        config.home = self.home.clone();
        config.idle = self.args.idle_timeout.map(Duration::from_secs);
        config.active = self.args.active_timeout.map(Duration::from_secs);
        config.vlan_in_key = self.args.split_vlans;
        config.max_flows = self.args.max_flows;
        config.layer7 = Some(self.layer7.clone());
        self.links.keep(self.store)?;
        let mut metering = Metering::new(config);
        let name = of_file.name.clone();
        let mut source = crate::captures::open(path)?;
        let filing = std::cell::RefCell::new(filing);
        let mut sink = filing::Metered(&filing);
        let progress = &self.progress;
        let read = metering.read(&mut source, &name, &mut sink, |octets| {
            progress.tick(octets, filing.borrow().taken());
            filing.borrow().is_well()
        });
        metering.finish(&mut sink);
        of_file
            .notes
            .extend(metering.summary.to_string().lines().map(str::to_owned));
        read
    }

    /// Decodes what exporters sent.
    fn decode(&mut self, path: &Path, kind: Kind, filing: &mut Filing<'_>, of_file: &mut OfFile) -> anyhow::Result<()> {
        let mut reading = Reading::new(self.args.ports.clone(), self.home.clone());
        let mut sink = exported::Exports {
            store: self.store,
            links: &mut self.links,
            unnamed: &self.args.link,
            filing,
            problem: None,
        };
        let progress = &self.progress;
        let go_on = |sink: &exported::Exports<'_, '_>, octets| {
            progress.tick(octets, sink.filing.taken());
            sink.problem.is_none() && sink.filing.is_well()
        };
        let read = match kind {
            Kind::Ipfix => reading.read_ipfix(&mut kind::text(path)?, &mut sink, go_on).map(|_| ()),
            _ => reading.read(path, &mut sink, go_on),
        };
        let problem = sink.problem.take();
        of_file.notes.extend(reading.text().lines().map(str::to_owned));
        problem.map_or(read, Err)
    }

    /// Has nfdump read its file.
    fn nfdump(&mut self, path: &Path, filing: &mut Filing<'_>, of_file: &mut OfFile) -> anyhow::Result<()> {
        let (nfdump, mut output) = Nfdump::start(path)?;
        let read = self.rows(Kind::Json, &mut output, 0, filing, of_file);
        drop(output);
        let stopped = !filing.is_well();
        let ended = nfdump.finish();
        read?;
        if stopped {
            return Ok(());
        }
        ended?;
        let came = filing.taken() + of_file.skipped.count();
        match nfcapd::flows(path) {
            Some(flows) if flows != came => Err(anyhow!(
                "the file says that it holds {flows} flows, but nfdump gave {came}"
            )),
            _ => Ok(()),
        }
    }

    /// Reads records as text.
    fn rows(
        &mut self,
        kind: Kind,
        input: &mut impl BufRead,
        zone_s: i32,
        filing: &mut Filing<'_>,
        of_file: &mut OfFile,
    ) -> anyhow::Result<()> {
        let home = self.home.clone();
        let around = Around { zone_s, home: &home };
        let mut input = Counted::new(input);
        let octets = input.octets();
        let mut links = RowLinks::new(self);
        let mut keep: anyhow::Result<()> = Ok(());
        let each = |row: Row, exported: bool| {
            let link = match links.of(row.router(), exported) {
                Ok(link) => link,
                Err(error) => {
                    keep = Err(error);
                    return Ok(false);
                }
            };
            filing.push(row.record(link, exported, &around)?);
            links.import.progress.tick(octets.get(), filing.taken());
            Ok(filing.is_well())
        };
        let read = match kind {
            Kind::Csv => csv::read(&mut input, &around, &mut of_file.skipped, each),
            _ => json::read(&mut input, &around, &mut of_file.skipped, each),
        };
        keep?;
        read.context("the file cannot be read to its end")
    }
}

/// The links of rows, of which few differ.
struct RowLinks<'a, 'b> {
    import: &'a mut Import<'b>,
    port: Option<LinkId>,
    unnamed: Option<LinkId>,
    last: Option<(IpAddr, LinkId)>,
}

impl<'a, 'b> RowLinks<'a, 'b> {
    fn new(import: &'a mut Import<'b>) -> Self {
        Self {
            import,
            port: None,
            unnamed: None,
            last: None,
        }
    }

    /// The link of a row; a new one is kept in the store before a record names it.
    fn of(&mut self, router: Option<IpAddr>, exported: bool) -> anyhow::Result<LinkId> {
        let Import { links, store, args, .. } = &mut *self.import;
        let link = match (router, exported) {
            (_, false) => *self.port.get_or_insert_with(|| links.port(&args.link)),
            (None, true) => *self.unnamed.get_or_insert_with(|| links.exporter_named(&args.link)),
            (Some(router), true) => match self.last {
                Some((last, link)) if last == router => link,
                _ => {
                    let link = links.exporter(router);
                    self.last = Some((router, link));
                    link
                }
            },
        };
        links.keep(store)?;
        Ok(link)
    }
}

/// Standard input as a file: it is read twice.
fn spool() -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new().context("a temporary file cannot be made")?;
    io::copy(&mut io::stdin().lock(), &mut file).context("standard input cannot be kept in a temporary file")?;
    Ok(file)
}

/// Whether reading ended for a reason that lies not in the file, so that another time it may go further.
fn is_circumstance(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    error.chain().any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(io) => !matches!(io.kind(), InvalidData | InvalidInput | UnexpectedEof),
        None => cause.is::<store::StoreError>(),
    })
}
