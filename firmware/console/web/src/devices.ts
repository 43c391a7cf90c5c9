// Exporters, their interfaces, what SNMP says of them, and logs. Times are nanoseconds since 1970 unless said otherwise.
import type { Counters, Top, Ipv4, Ipv6, NetworkPort } from './api';

export type Condition = 'sending' | 'troubled' | 'silent' | 'never' | 'off';
export interface SnmpStatus { last_answer: number | null; trouble: string | null; round_trip_ms: number | null; requests: number; timeouts: number; poll_ms: number | null }
export interface ExporterStatus {
  link: number; name: string; addresses: string[]; enabled: boolean; first_seen: number | null; last_seen: number | null; protocols: string[];
  datagrams: number; octets: number; records: number; messages: number; datagrams_per_s: number; records_per_s: number; bits_per_s: number;
  lost: number; errors: number; templates: number; sampling: number[]; snmp: SnmpStatus | null;
}
export interface ExporterRow extends ExporterStatus { number: number; condition: Condition }
export interface Pending { address: string; protocols: string[]; datagrams: number; first_seen: number; last_seen: number }
export interface Socket { purpose: 'flow' | 'syslog' | 'syslog_tls' | 'traps'; address: string; datagrams: number; dropped: number; unregistered: number; buffer: number; trouble: string | null }
export interface ExporterList {
  total: number; matching: number; conditions: [Condition, number][]; exporters: ExporterRow[]; pending: Pending[]; sockets: Socket[];
  syslog_certificate: string | null; now: number;
}

export interface Polling { credentials: string; port: number; interval_s: number }
export interface Limits { in_min: number | null; in_max: number | null; out_min: number | null; out_max: number | null }
export interface InterfaceSettings { label: string; capacity_bps: number | null; limits: Limits }
export interface ExporterSettings {
  name: string; addresses: string[]; enabled: boolean; sampling: number | null; utc_offset_min: number; snmp: Polling | null;
  interfaces: Record<string, InterfaceSettings>;
}
export interface Template { id: number; options: boolean; seen: number; records: number; fields: [string, number][] }
export interface Stream {
  address: string; protocol: string; domain: number; datagrams: number; records: number; lost: number; restarts: number; pending_octets: number;
  undecodable: number; sampling: [number | null, number][]; templates: Template[];
}
export interface ExporterDetail { status: ExporterStatus; streams: Stream[]; errors: [string, number][]; last_error: string | null }
export interface ExporterAnswer {
  number: number; link: number; settings: ExporterSettings; condition: Condition | null; detail: ExporterDetail | null; trouble: string | null; now: number;
}

export type LinkStateWord = 'unknown' | 'up' | 'down' | 'other';
export interface InterfaceFacts {
  index: number; name: string; description: string; alias: string; kind: number | null; speed_bps: number | null; mac: string;
  admin: LinkStateWord; oper: LinkStateWord; full_duplex: boolean | null; label: string; limits: (number | null)[];
}
export type CounterSource = 'flow' | 'snmp' | 'sflow';
export interface InterfaceRate { at: number; source: CounterSource; bits_per_s: [number, number]; packets_per_s: [number, number] }
export type LimitState = 'none' | 'within' | 'below' | 'above';
export interface InterfaceNow {
  id: { exporter: number; index: number }; facts: InterfaceFacts; flow: InterfaceRate | null; counters: InterfaceRate | null;
  utilisation: [number, number] | null; limits: [LimitState, LimitState];
}
export interface InterfacePoint { at: number; seconds: number; inbound: Counters; outbound: Counters; detail: Record<string, number | null> }
export interface InterfaceSeries { step_s: number; facts: InterfaceFacts; sources: [CounterSource, InterfacePoint[]][] }
export interface InterfaceTop extends Top { read: number; complete: boolean }

export interface SystemFacts { description: string; object_id: string; name: string; contact: string; location: string; up_since: number | null }
export interface Neighbour {
  local_index: number | null; local_port: string; chassis: string; port: string; port_description: string; system_name: string;
  system_description: string; management: string | null;
}
export interface Gauge { exporter: number; at: number; kind: string; name: string; value: number; ok: boolean | null }
export interface DeviceAnswer {
  system: SystemFacts | null; neighbours: Neighbour[] | null; storage: { name: string; memory: boolean | null; total: number; used: number }[] | null;
  forwarding: number | null; arp: number | null; at: number | null; gauges: Gauge[];
}
export interface Entries { total: number; matching: number; rows: { mac: string; ip: string | null; vlan: number | null; index: number | null; interface: string | null }[] }
export interface GaugeSeries { step_s: number; series: [string, [number, number][]][] }
export type ProbeAnswer = { system: { Ok: SystemFacts } | { Err: string }; took_ms: number };

export interface Listen { enabled: boolean; ports: number[] }
export interface Collection { port: string | null; ipv4: Ipv4; ipv6: Ipv6; flow: Listen; syslog: Listen; syslog_tls: Listen; traps: Listen; discovery: boolean }
export type Credentials =
  | { version: 'v1' | 'v2c'; community: string }
  | { version: 'v3'; user: string; authentication: [string, string] | null; privacy: [string, string] | null };
export interface CollectionAnswer {
  collection: Collection; snmp: Record<string, Credentials>; used: Record<string, number>; ports: NetworkPort[]; unconfirmed_until: number | null;
}
export interface Changed { number: number | null; revision: number; confirm_until: number | null }
/** What stands for a secret that is kept as it is. */
export const HIDDEN = '********';

export type Severity = 'emergency' | 'alert' | 'critical' | 'error' | 'warning' | 'notice' | 'informational' | 'debug';
export const SEVERITIES: Severity[] = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'];
/** Times are RFC 3339. */
export interface Log {
  time: string; received: string; exporter: number | null; name: string; peer: string; source: 'syslog' | 'trap'; severity: Severity; facility: number;
  host: string; app: string; pid: string; code: string; text: string; data: string;
}
export interface LogPage<T = Log> { records: T[]; next: string | null; read: number; complete: boolean }
export const APPLOGS = ['dns', 'http', 'tls', 'mail', 'session'] as const;
export type ApplogKind = (typeof APPLOGS)[number];
/** A line of an application log: `host` is the server's name, `code` the outcome, `fields` all that is known. */
export interface Applog extends Omit<Log, 'source'> { source: ApplogKind; link: number | null; fields: [string, string][] }
export const fieldOf = (log: Applog, name: string): string | null => log.fields.find(([key]) => key === name)?.[1] ?? null;

const PROTOCOLS: Record<string, string> = {
  netflow_v1: 'NetFlow v1', netflow_v5: 'NetFlow v5', netflow_v7: 'NetFlow v7', netflow_v9: 'NetFlow v9', ipfix: 'IPFIX', sflow: 'sFlow',
  syslog: 'Syslog', syslog_tls: 'Syslog TLS', trap: 'SNMP Trap',
};
export const protocolName = (word: string): string => PROTOCOLS[word] ?? word;

/** The best name of an interface: what people say, then the device. */
export function interfaceName(facts: InterfaceFacts): string {
  return facts.label || facts.name || facts.description || `ifIndex ${facts.index}`;
}
/** What the device says besides the name. */
export function interfaceNote(facts: InterfaceFacts): string {
  const shown = interfaceName(facts);
  return [facts.name, facts.alias, facts.description].filter((text, i, all) => text !== '' && text !== shown && all.indexOf(text) === i).join(' · ');
}
