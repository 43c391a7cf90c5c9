// The console's requests and answers. Times are whole seconds since 1970 (UTC) in traffic, nanoseconds in states.
export type Three = [number, number, number];

export interface SetupState { done: boolean; language: 'zh-CN' | 'en'; hostname: string; version: string }
export interface Account { user: string; role: string; generation: number }
export interface SessionAnswer { setup: SetupState; account: Account | null }

export interface Point {
  at: number;
  seconds: number;
  bytes: Three;
  packets: Three;
  utilisation: Three | null;
  lost: number;
  /** What was lost, by cause; what is zero is left out. */
  causes?: Record<string, number>;
  /** `null`: nobody saw the frames. */
  malformed: number | null;
}
export interface Split { bytes: Three; packets: Three }
export type TopKey =
  | { kind: 'host'; name: string }
  | { kind: 'protocol' | 'ether_type' | 'app'; number: number; name: string }
  | { kind: 'conversation'; low: string; high: string };
export interface TopRow extends Split { key: TopKey }
export interface Top { from: number; to: number; seconds: number; exact: boolean; rows: TopRow[]; others: Split; total: Split }
export interface Tables { hosts: Top; protocols: Top; apps: Top; conversations: Top }
export interface Link { id: number; kind: 'port' | 'exporter'; name: string; label: string; capacity_bps: number | null; up: boolean; at: number | null; now: Split | null }
export type Health = 'ok' | 'analyzer_down' | 'collector_down' | 'silent' | 'not_storing';
export interface State { health: Health; detail: string | null }
export interface Series { step: number; capacity_bps: number | null; points: Point[] }
export interface Overview { from: number; to: number | null; state: State; links: Link[]; series: Series; tables: Tables | null }
export interface IntervalEvent { interval: number; end: number; points: Point[]; tables: Tables }

export interface Counters { packets: number; bytes: number }
export interface Drops { ring: number; nic: number; nic_errors: number; queue?: number; flow_cache_evictions: number; records: number; logs?: number; export: number; socket: number }
/** Errors by kind that the NIC counts; `null`: it has no such counter. */
export interface NicErrors { crc: number | null; alignment: number | null; length: number | null; missed: number | null; no_buffer: number | null }
export interface LinkCounters {
  frames: { total: Counters; inbound: Counters; outbound: Counters };
  drops: Drops;
  /** Of frames that somebody saw; `null`: nobody did, as of exporters' links. */
  broadcast: number | null; multicast: number | null; non_ip: number | null; malformed: number[] | null;
  /** Frames by size, as `SIZES` names the classes; `null`: nobody measured them. */
  sizes: number[] | null; nic?: NicErrors;
}
export const SIZES = ['64', '65–127', '128–255', '256–511', '512–1023', '1024–1518', '> 1518'];
export interface Ring { cpu: number | null; frames: number; drops: number; freezes: number; flows: number; memory_bytes: number }
export interface PortStatus {
  info: LinkInfo; counters: LinkCounters; trouble: string | null; rings?: Ring[]; timestamps?: 'hardware' | 'software' | 'none'; driver?: string | null; mtu?: number | null;
}
/** A capture port: its newest second, or the sums of a span with the points that they are made of. */
export interface PortNow {
  id: number; name: string; label: string; capacity_bps: number | null; up: boolean; at: number | null; seconds: number; counters: LinkCounters | null;
  points: Point[]; status: PortStatus | null;
}
export interface Ports { from: number | null; to: number | null; step: number; ports: PortNow[]; started: number | null }
export interface LinkInfo { id: number; name: string; label: string; capacity_bps: number | null; up: boolean }
export interface Unit { name: string; description: string; state: string; detail: string; since: number | null; restarts: number; memory: number | null; cpu_nanos: number | null }
export interface NetworkPort { name: string; role: 'management' | 'collection' | 'capture'; link: number | null; pci: string | null; mac: string | null; driver: string | null; up: boolean; speed_bps: number | null; addresses: string[] }
export interface SystemStatus {
  version: string; hostname: string; role: string; kernel: string; hardware: string | null; serial_number: string | null; processor: string | null; processors: number;
  uptime_s: number; now: number; clock_synchronised: boolean | null; load: number[] | null; cpu_used: number | null;
  memory: { total: number; available: number; ours: number | null } | null;
  disks: { mount: string; total: number; available: number; read_only: boolean }[];
  units: Unit[]; ports: NetworkPort[]; collection: { registered: number; discovered: number; unregistered: number } | null; slot: string | null; troubles: string[];
}
export interface AnalyzerStatus {
  version: string; started: number; collectors: number; records: number; blocks: number; duplicates: number; refused: number; deferred: number;
  newest_window: number | null; oldest_window: number | null; disk_bytes: number; damaged_files: string[]; trouble: string | null;
}
export interface CollectorStatus {
  version: string; started: number; ports: PortStatus[];
  flows: number; flows_max: number; records: number; unacknowledged: number; spooled_bytes: number; drops: Drops;
  analyzer: { Ok: null } | { Err: string };
}
export type Word<T> = { ok: T } | { error: string };
export interface System { supervisor: Word<SystemStatus>; analyzer: Word<AnalyzerStatus>; collector: Word<CollectorStatus>; health: Health }

export interface PortSettings { label: string; direction: 'home_networks' | 'in' | 'out'; capacity_bps: number | null; rings?: number | null }
export type Ipv4 = { mode: 'dhcp' } | { mode: 'static'; address: string; prefix: number; gateway: string | null };
export type Ipv6 = { mode: 'auto' } | { mode: 'off' } | { mode: 'static'; address: string; prefix: number; gateway: string | null };
export interface Settings {
  version: number; revision: number; language: 'zh-CN' | 'en'; hostname: string; role: string; home_networks: string[];
  management: { ipv4: Ipv4; ipv6: Ipv6; dns: string[]; vlan?: number | null };
  ports: Record<string, PortSettings>; application_logs: boolean; signatures: string; flow: { idle_s: number; active_s: number };
}
export interface SettingsAnswer { change: number; settings: Settings; ports: NetworkPort[]; unconfirmed_until: number | null }
/** Whether metrics are answered: when the token was made, and who read last. */
export interface MetricsAccess { made: number | null; read: { at: number; source: string } | null }
export interface ApplyAnswer { revision: number; confirm_until: number | null }

export class ApiError extends Error {
  constructor(readonly kind: string, message: string, readonly retryAfter: number | null = null) {
    super(message);
  }
}

/** Called when the session has ended. */
export const onSignedOut: { call: () => void } = { call: () => {} };

interface Options { method?: string; body?: unknown; file?: Blob; background?: boolean; signal?: AbortSignal }

/** Sends a request; throws an `ApiError`, of kind `network` where the console did not answer. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.file !== undefined) headers['content-type'] = 'application/octet-stream';
  // What a page asks by itself does not keep a session alive.
  if (options.background) headers['spanwatch-background'] = '1';
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method: options.method ?? 'GET',
      headers,
      body: options.file ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      signal: options.signal,
      cache: 'no-store',
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError('network', String(error));
  }
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text === '' ? null : JSON.parse(text);
  } catch {
    throw new ApiError('network', `HTTP ${response.status}`);
  }
  if (response.ok) return answer as T;
  const error = (answer as { error?: { kind: string; message: string; retry_after_s?: number } } | null)?.error;
  const failure = new ApiError(error?.kind ?? 'network', error?.message ?? `HTTP ${response.status}`, error?.retry_after_s ?? null);
  if (failure.kind === 'unauthenticated' || failure.kind === 'setup_required') onSignedOut.call();
  throw failure;
}
