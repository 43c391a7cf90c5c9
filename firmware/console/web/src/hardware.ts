// What the hardware monitor tells. Times are nanoseconds since 1970.
import { binary, bits } from './format';
import { lang, t } from './text/text.svelte';

export type Health = 'ok' | 'warning' | 'failing' | 'unknown';
export type State = 'info' | 'ok' | 'unknown' | 'warning' | 'critical';
export type Extent = 'short' | 'long';
export type PartState = 'ok' | 'warning' | 'critical' | 'empty' | 'unknown';
/** Words in both languages. */
export interface Text { zh: string; en: string }
export interface Grid { rows: number; columns: number }
export interface Part {
  id: string; kind: 'bay' | 'supply' | 'fan' | 'port'; label: string; place: { face: 'front' | 'rear'; row: number; column: number } | null;
  state: PartState; reason: Text; readings: string[]; locating: boolean | null; hot_swap: boolean;
}
export interface Words { title: string; todo: string }
export interface Alarm {
  id: string; component: string; part: Text; serial: string | null; code: string; state: State; text: Text; zh: Words; en: Words; since: number; acknowledged: string | null;
}
export interface Drive {
  name: string; bay: number | null; model: string | null; serial: string | null; firmware: string | null; capacity_octets: number | null; protocol: string;
  solid_state: boolean; health: Health; reasons: { code: string; weight: string; text: Text }[]; advice: Text | null; temperature: number | null;
  hours: number | null; used: number | null; testing: { extent: Extent | null; done: number | null } | null;
  tested: { extent: Extent; outcome: 'passed' | 'aborted' | 'unreadable' | 'failed'; hours: number | null } | null;
}
export interface Reading {
  source: string; id: string; name: Text; kind: string; value: number | null; missing: string | null; unit: string; state: State; reason: Text; kept: boolean;
}
export interface Source { name: string; label: Text; answered: number | null; took_ms: number | null; trouble: Text | null }
export interface Hardware {
  now: number; health: Health; chassis: { board: string | null; front: Grid; rear: Grid; parts: Part[] }; alarms: Alarm[]; drives: Drive[]; readings: Reading[];
  sources: Source[]; unsaved: string | null;
}
export interface Courses { from: number; step_s: number; courses: { id: string; name: Text; unit: string; points: ([number, number, number] | null)[] }[] }
export interface LogEntry { number: number; at: number | null; sensor: Text; text: Text; asserted: boolean; state: State }
export interface EventLog { entries: LogEntry[]; trouble: Text | null }

/** In the page's language. */
export const said = (text: Text): string => (lang.now === 'zh-CN' ? text.zh : text.en);

const UNITS: Record<string, string> = {
  celsius: '°C', rpm: 'rpm', volt: 'V', ampere: 'A', watt: 'W', joule: 'J', percent: '%', hour: 'h', minute: 'min', second: 's', hertz: 'Hz', count: '',
};

/** A value with its unit; `null` is missing, and stays so. */
export function quantity(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return '—';
  if (unit === 'boolean') return t(value === 0 ? 'no' : 'yes');
  if (unit === 'bit_per_second') return bits(value);
  if (unit === 'octet') return binary(value);
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`.trim();
}

export type Mark = { kind: 'good' | 'warn' | 'bad' | 'off'; sign: string };
/** How a state looks: never by colour alone. */
export const marks: Record<State | Health | PartState, Mark> = {
  ok: { kind: 'good', sign: '✓' },
  warning: { kind: 'warn', sign: '!' },
  critical: { kind: 'bad', sign: '✕' },
  failing: { kind: 'bad', sign: '✕' },
  unknown: { kind: 'off', sign: '?' },
  empty: { kind: 'off', sign: '–' },
  info: { kind: 'off', sign: '·' },
};

/** The bay that a component is, if it is one. */
export const bayOf = (component: string): number | null => {
  const found = /^bay (\d+)$/.exec(component);
  return found === null ? null : Number(found[1]);
};
