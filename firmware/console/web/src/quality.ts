// How well servers and streams were served: figures of groups of records, and how good they are.
import { octetsOf, type KeyValue, type QualitySums, type SideSums, type Sums, type TopRow } from './query';
import type { Key } from './text/text.svelte';

export type Grade = 'none' | 'good' | 'warn' | 'bad';
/** From which value on a figure is worth a look, and from which it is bad. */
export interface Threshold { name: Key; warn: number; bad: number; kind: 'delay' | 'share' | 'count' }
/** Delays in microseconds, shares 0–1. */
export const THRESHOLDS = {
  connectClient: { name: 'quality.connect_client', warn: 100_000, bad: 300_000, kind: 'delay' },
  connectServer: { name: 'quality.connect_server', warn: 100_000, bad: 300_000, kind: 'delay' },
  response: { name: 'quality.response', warn: 500_000, bad: 2_000_000, kind: 'delay' },
  retransmitted: { name: 'quality.retransmitted', warn: 0.01, bad: 0.03, kind: 'share' },
  zeroWindows: { name: 'quality.zero_windows', warn: 1, bad: 100, kind: 'count' },
  loss: { name: 'quality.loss', warn: 0.01, bad: 0.03, kind: 'share' },
  jitter: { name: 'quality.jitter', warn: 20_000, bad: 50_000, kind: 'delay' },
} satisfies Record<string, Threshold>;

/** Where a figure stands; what was not measured has no grade. */
export function grade(value: number | null, { warn, bad }: Threshold): Grade {
  if (value === null) return 'none';
  return value >= bad ? 'bad' : value >= warn ? 'warn' : 'good';
}

export interface Figures {
  flows: number; bytes: number; connectClient: number | null; connectServer: number | null; response: number | null; responseMax: number | null;
  retransmitted: number | null; zeroWindows: number | null; resets: number | null; rtpPackets: number; loss: number | null; jitter: number | null;
}
export type Figure = keyof Figures;

const mean = ({ count, total_us }: { count: number; total_us: number }): number | null => (count > 0 ? total_us / count : null);
const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

/** The figures of sums; what was not measured is `null`. */
export function figuresOf(sums: Sums, quality: QualitySums | null | undefined): Figures {
  const q = quality ?? null;
  const both = (of: keyof SideSums): number => (q === null ? 0 : q.forward[of] + q.reverse[of]);
  const packets = both('tcp_packets');
  const [rtp, lost] = [both('rtp_packets'), both('rtp_lost')];
  return {
    flows: sums.flows, bytes: octetsOf(sums),
    connectClient: q === null ? null : mean(q.connect_client), connectServer: q === null ? null : mean(q.connect_server),
    response: q === null ? null : mean(q.response), responseMax: q === null || q.response.count === 0 ? null : q.response.max_us,
    retransmitted: share(both('retransmitted'), packets), zeroWindows: packets > 0 ? both('zero_windows') : null, resets: packets > 0 ? both('resets') : null,
    rtpPackets: rtp, loss: share(lost, rtp + lost), jitter: rtp > 0 && q !== null ? Math.max(q.forward.rtp_jitter_us, q.reverse.rtp_jitter_us) : null,
  };
}

/** Whether anything of a server was measured: of a stream alone nothing is. */
export const isServer = (f: Figures): boolean => f.connectClient !== null || f.connectServer !== null || f.response !== null || f.retransmitted !== null;

export const addressOf = (value: KeyValue | undefined): string => (value !== undefined && typeof value === 'object' && 'address' in value ? value.address : '');
export const numberOf = (value: KeyValue | undefined): number => (value !== undefined && typeof value === 'object' && 'number' in value ? value.number : 0);
export const appOf = (value: KeyValue | undefined): number => (value !== undefined && typeof value === 'object' && 'app' in value ? value.app : 0);
export const endpoint = (address: string, port: number): string => (port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

/** A group with its name, its figures, and the filter that finds its records. */
export interface Served { id: string; row: TopRow; figures: Figures }
