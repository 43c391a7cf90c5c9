// Questions about stored flow records: asked, watched while they run, given up. Times of questions are nanoseconds.
import { ApiError, request } from './api';

export type Scope = 'ports' | 'exporters' | { link: number };
export type Measure = 'bytes' | 'packets' | 'flows' | 'bytes_forward' | 'bytes_reverse' | 'rate' | 'p95';
/** What weighs groups by how well they were served: only pages that show quality order by these. */
export type QualityMeasure = 'response' | 'connect' | 'retransmissions';
export type Order = 'end' | 'start' | 'duration' | 'bytes' | 'packets';
export const MEASURES: Measure[] = ['bytes', 'packets', 'flows', 'bytes_forward', 'bytes_reverse', 'rate', 'p95'];
export const ORDERS: Order[] = ['end', 'start', 'duration', 'bytes', 'packets'];
export const KEYS = [
  'src_ip', 'dst_ip', 'host', 'conversation', 'src_net', 'dst_net', 'src_port', 'dst_port', 'protocol', 'app', 'business', 'ip_group', 'src_group', 'dst_group',
  'link', 'link_group', 'in_if', 'out_if', 'interface', 'interface_group', 'direction', 'tcp_flags', 'vlan', 'src_mac', 'dst_mac', 'src_as', 'dst_as', 'dscp',
  'src_country', 'dst_country', 'packet_size', 'ip_version', 'end_reason', 'domain',
] as const;
export type FlowKey = (typeof KEYS)[number];

export type Ask =
  | { records: { order: Order; ascending: boolean; offset: number; limit: number } }
  | { top: { by: FlowKey[]; measure: Measure | QualityMeasure; limit: number; ascending: boolean; compare: boolean; quality?: boolean } }
  | { series: { step_s: number | null; zone_s: number; by: FlowKey[]; measure: Measure; limit: number; compare: boolean; quality?: boolean } }
  | { totals: { distinct: FlowKey[]; compare: boolean; quality?: boolean } };
export interface Query { from: number; to: number; scope: Scope | null; filter: string; ask: Ask; timeout_ms: number }

export interface Sums { flows: number; packets: number; bytes: number; packets_rev: number; bytes_rev: number }
export interface InterfaceId { exporter: number; index: number }
export type KeyValue =
  | 'none'
  | { address: string } | { conversation: { low: string; high: string } } | { network: string } | { number: number } | { app: number } | { object: number }
  | { link: number } | { interface: InterfaceId } | { mac: number[] } | { text: string } | { direction: string } | { country: [number, number] } | { end_reason: string };
export interface TopRow { values: KeyValue[]; sums: Sums; p95_bps: number | null; before: Sums | null; quality?: QualitySums | null }
export interface SeriesRow { values: KeyValue[]; rest: boolean; points: Sums[]; before: Sums[]; quality?: QualitySums[] }
/** What was measured of one side's packets. */
export interface SideSums extends SideQuality { tcp_packets: number }
/** The quality of the records that were measured: delays and counts add up, of jitter it is the highest. */
export interface QualitySums { flows: number; connect_client: Delays; connect_server: Delays; response: Delays; forward: SideSums; reverse: SideSums }
export interface Icmp { kind: number; code: number }
export interface Exported {
  domain: number; sampling: number | null; ingress_if: number | null; egress_if: number | null; observed: string; src_as: number | null; dst_as: number | null;
  src_prefix: number | null; dst_prefix: number | null; next_hop: string | null; bgp_next_hop: string | null; ingress_vrf: number | null; egress_vrf: number | null;
  mpls: { count: number; labels: number[] };
  translated: { src_ip: string | null; dst_ip: string | null; src_port: number | null; dst_port: number | null };
  nat_event: number | null; firewall_event: number | null; forwarding_status: number | null; application: number | null; ttl: [number, number] | null;
  flow_label: number | null; vni: number | null; srv6_segment: string | null; enterprise: number[];
}
export interface FlowRecord {
  link: number; start: number; end: number; src_ip: string; dst_ip: string; src_port: number; dst_port: number; protocol: number;
  vlan: number | null; vlan_inner: number | null; src_mac: number[] | null; dst_mac: number[] | null;
  packets: number; bytes: number; packets_rev: number; bytes_rev: number; tcp_flags: number; tcp_flags_rev: number; icmp: Icmp | null; icmp_rev: Icmp | null;
  tos: number; app: number; direction: string; end_reason: string; export: Exported | null; l7?: L7; quality?: Quality;
}
export type Confidence = 'port' | 'dns' | 'pattern' | 'parsed';
/** What a flow's first packets said; a record without it is known by its port alone. */
export interface L7 { confidence: Confidence; host?: string; details?: [string, string][] }
/** Delays: how many, their sum and the longest, in microseconds. */
export interface Delays { count: number; total_us: number; max_us: number }
export interface SideQuality {
  retransmitted: number; out_of_order: number; zero_windows: number; resets: number; rtp_packets: number; rtp_lost: number; rtp_jitter_us: number;
}
export interface Quality { connect_client_us: number | null; connect_server_us: number | null; response: Delays; forward: SideQuality; reverse: SideQuality }
export interface RecordsFound { records: FlowRecord[]; apps: number[]; more: boolean }
export interface TopFound { rows: TopRow[]; total: Sums; before: Sums | null; groups: number; quality?: QualitySums | null }
export interface SeriesFound { step_s: number; at: number[]; series: SeriesRow[] }
export interface TotalsFound { total: Sums; before: Sums | null; distinct: [FlowKey, number][] }
export interface Found { records?: RecordsFound; top?: TopFound; series?: SeriesFound; totals?: TotalsFound }
export interface Read {
  from: 'records' | 'rollups' | 'both'; rollups: number; blocks: number; blocks_skipped: number; records: number; matched: number; bytes: number; elapsed_ms: number;
}
export interface Answer { from: number; to: number; filter: string; found: Found; read: Read; complete: boolean; exact: boolean; notes: string[] }
export interface Progress { done: number; total: number; records: number; matched: number; elapsed_ms: number }
export interface QueryState { progress: Progress; done: boolean; answer: Answer | null }

export interface FilterProblem { at: [number, number]; english: string; chinese: string; suggestion: string | null }
export interface Completion { at: [number, number]; text: string; english: string; chinese: string }
export interface FilterAnswer { filter: string | null; problem: FilterProblem | null; completions: Completion[] }

/** The box answers two questions at a time: pages wait their turn here, in order. */
const TURNS = 2;
let running = 0;
const waiting: (() => void)[] = [];
async function turn(signal: AbortSignal): Promise<void> {
  if (running >= TURNS) {
    await new Promise<void>((resolve, reject) => {
      const go = () => (signal.removeEventListener('abort', gone), resolve());
      const gone = () => {
        const place = waiting.indexOf(go);
        if (place >= 0) waiting.splice(place, 1);
        reject(signal.reason);
      };
      waiting.push(go);
      signal.addEventListener('abort', gone, { once: true });
    });
  } else running += 1;
}
function leave() {
  const next = waiting.shift();
  if (next) next();
  else running -= 1;
}

interface Watch { signal: AbortSignal; watch?: (state: QueryState) => void; background?: boolean; keep?: boolean }

/**
 * Asks and waits for the answer; `watch` sees what was found so far. What is aborted is given up on the box as well.
 * With `keep` the answer stays there for 30 s more, for a download.
 */
export async function ask(query: Query, { signal, watch, background = false, keep = false }: Watch): Promise<{ id: string; answer: Answer }> {
  await turn(signal);
  let id: string | null = null;
  const forget = () => {
    if (id !== null) void request(`queries/${id}`, { method: 'DELETE', background: true }).catch(() => {});
    id = null;
  };
  try {
    id = (await request<{ id: string }>('queries', { method: 'POST', body: query, background })).id;
    let wait = 150;
    for (;;) {
      signal.throwIfAborted();
      const state = await request<QueryState>(`queries/${id}?wait=${wait}${watch ? '&partial=1' : ''}`, { background, signal });
      watch?.(state);
      if (state.done) {
        if (state.answer === null) throw new ApiError('network', 'the answer is missing');
        const answer = { id, answer: state.answer };
        if (keep) id = null;
        return answer;
      }
      wait = Math.min(wait * 2, 2000);
    }
  } finally {
    forget();
    leave();
  }
}

const NANOS = 1e9;
/** A question over whole seconds. */
export function question(span: { from: number; to: number }, scope: Scope | null, filter: string, of: Ask, timeout_ms = 30_000): Query {
  return { from: span.from * NANOS, to: span.to * NANOS, scope, filter, ask: of, timeout_ms };
}

export const octetsOf = (sums: Sums): number => sums.bytes + sums.bytes_rev;
export const packetsOf = (sums: Sums): number => sums.packets + sums.packets_rev;

/** What a measure makes of sums over so many seconds; `p95` is not a sum. */
export function weigh(sums: Sums, measure: Measure, seconds: number): number {
  switch (measure) {
    case 'packets':
      return packetsOf(sums);
    case 'flows':
      return sums.flows;
    case 'bytes_forward':
      return sums.bytes;
    case 'bytes_reverse':
      return sums.bytes_rev;
    case 'rate':
    case 'p95':
      return seconds > 0 ? (octetsOf(sums) * 8) / seconds : 0;
    default:
      return octetsOf(sums);
  }
}

/** Seconds east of UTC, where the browser is. */
export const zoneSeconds = (): number => -new Date().getTimezoneOffset() * 60;
