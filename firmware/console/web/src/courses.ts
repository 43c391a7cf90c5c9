// Series of sums as courses of a chart, and their figures.
import { nanos, si, text } from './format';
import { valueText } from './names.svelte';
import { weigh, type FlowKey, type KeyValue, type Measure, type SeriesFound, type SeriesRow, type Sums } from './query';
import type { Course } from './parts/Plot.svelte';
import type { Span } from './span';
import { t } from './text/text.svelte';

/** What a chart shows of a measure: rates, so that points of different lengths can be compared. */
export type Rated = 'bits' | 'packets' | 'flows' | 'forward' | 'reverse';
export const rated = (measure: Measure): Rated => ({ packets: 'packets', flows: 'flows', bytes_forward: 'forward', bytes_reverse: 'reverse' } as const)[measure as 'flows'] ?? 'bits';
const MEASURE: Record<Rated, Measure> = { bits: 'rate', packets: 'packets', flows: 'flows', forward: 'bytes_forward', reverse: 'bytes_reverse' };
export const showRate = (of: Rated) => (value: number | null): string => text(si(value, of === 'packets' ? 'pps' : of === 'flows' ? t('unit.flows_s') : 'bit/s'));

/** The rate of sums over so many seconds. */
export function rateOf(sums: Sums, of: Rated, seconds: number): number | null {
  if (seconds <= 0) return null;
  const weight = weigh(sums, MEASURE[of], seconds);
  return of === 'bits' ? weight : ((of === 'forward' || of === 'reverse' ? 8 : 1) * weight) / seconds;
}

/** Seconds of the span that each point holds. */
export function held(found: SeriesFound, span: Span): number[] {
  return found.at.map((at) => Math.max(0, Math.min(nanos(at) + found.step_s, span.to) - Math.max(nanos(at), span.from)));
}

/** A name that tells a group: its values, one after the other. */
export const groupName = (keys: FlowKey[], values: KeyValue[]): string => values.map((value, place) => valueText(keys[place] ?? 'host', value)).join(' · ');

export const COLOURS = 10;
export const colourOf = (place: number): string => `--c${place % COLOURS}`;

/** Courses of a series: of all, or one a group and one for the rest; the span before dashed. */
export function coursesOf(found: SeriesFound, keys: FlowKey[], of: Rated, span: Span): { times: number[]; courses: Course[] } {
  const seconds = held(found, span);
  const values = (points: Sums[]) => seconds.map((s, place) => (points[place] === undefined ? null : rateOf(points[place], of, s)));
  const courses: Course[] = [];
  found.series.forEach((row, place) => {
    const whole = keys.length === 0;
    // Two groups may have the same name.
    courses.push({
      key: whole ? 'all' : row.rest ? 'rest' : `${place} ${groupName(keys, row.values)}`, name: whole ? t('dir.total') : row.rest ? t('top.others') : groupName(keys, row.values),
      colour: whole ? '--in' : row.rest ? '--rest' : colourOf(place), filled: whole, values: values(row.points),
    });
    if (whole && row.before.length > 0) courses.push({ key: 'before', name: t('series.before'), colour: '--muted', dash: [6, 4], values: values(row.before) });
  });
  return { times: found.at.map(nanos), courses };
}

export interface Figures { total: number; max: number | null; min: number | null; mean: number | null; p95: number | null }
/** Figures of a row: the total of what is summed, and rates of its points; only points that are wholly in the span. */
export function figures(row: SeriesRow, found: SeriesFound, of: Rated, span: Span): Figures {
  const seconds = held(found, span);
  const rates: number[] = [];
  let total = 0;
  row.points.forEach((sums, place) => {
    const s = seconds[place] ?? 0;
    total += s > 0 ? ((rateOf(sums, of, s) ?? 0) * s) / (of === 'bits' || of === 'forward' || of === 'reverse' ? 8 : 1) : 0;
    if (s >= found.step_s) rates.push(rateOf(sums, of, s) ?? 0);
  });
  const length = seconds.reduce((a, b) => a + b, 0);
  const sorted = [...rates].sort((a, b) => a - b);
  const bytes = of === 'bits' || of === 'forward' || of === 'reverse';
  return {
    total, max: sorted.at(-1) ?? null, min: sorted[0] ?? null, mean: length > 0 ? (total * (bytes ? 8 : 1)) / length : null,
    p95: sorted.length === 0 ? null : sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)]!,
  };
}
