// The time that a page is about: the last so many seconds, or from one time to another; kept in the address bar.
import { dateTime } from './format';
import { route } from './route.svelte';

export interface Span { from: number; to: number }
export const RANGES = [900, 3600, 21600, 86400, 604800, 2592000];

const seconds = (text: string | null): number | null => {
  if (text === null) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000);
};

/** Of the address bar: a fixed span, or the length of one that ends now. */
export function spanOf(usual: number): { range: number; fixed: { from: number; to: number | null } | null } {
  const range = RANGES.find((r) => String(r) === route.get('range')) ?? usual;
  const from = seconds(route.get('from'));
  return { range, fixed: from === null ? null : { from, to: seconds(route.get('to')) } };
}

/** The span as whole seconds, at a time. */
export function resolve({ range, fixed }: ReturnType<typeof spanOf>, now: number): Span {
  if (fixed === null) return { from: Math.max(0, now - range), to: now };
  const to = fixed.to ?? now;
  return { from: Math.min(fixed.from, to - 1), to };
}

export const rfc3339 = (at: number): string => `${new Date(at * 1000).toISOString().slice(0, 19)}Z`;
export const local = (at: number): string => dateTime(at).replace(' ', 'T');
/** What the address bar says of a span. */
export const fixedSpan = (span: Span): Record<string, string | null> => ({ range: null, from: rfc3339(span.from), to: rfc3339(span.to) });

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
/** Seconds a point, so that there are not many more points than `points`. */
export function stepOf(span: Span, points: number): number {
  const least = (span.to - span.from) / points;
  return STEPS.find((s) => s >= least) ?? 86_400 * Math.ceil(least / 86_400);
}
