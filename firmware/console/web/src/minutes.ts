// What exporters report, minute by minute: asked for again and again, since late records change minutes that were shown.
import { request, type Link, type Overview, type Point, type State, type Tables } from './api';
import { every } from './poll';
import { Window } from './window';

export interface Minutes { links: Link[]; state: State; capacity: number | null; end: number | null; slots: ReturnType<Window['slots']>; now: Point | null; tables: Tables | null }

/** Seconds of a point for a range: whole minutes, at most about 400 points. */
export const minuteStep = (range: number): number => Math.max(1, Math.ceil(range / 400 / 60)) * 60;

/** Asks for the last `range` seconds of a scope every 15 s; returns what ends that. */
export function openMinutes(scope: string, range: number, take: (minutes: Minutes) => void, fail: (error: unknown) => void): () => void {
  const step = minuteStep(range);
  return every(15_000, async (signal) => {
    try {
      const query = new URLSearchParams({ scope, range: String(range), step: String(step), interval: '60' });
      const answer = await request<Overview>(`overview?${query}`, { background: true, signal });
      const window = new Window(step, range);
      const points = answer.series.points;
      if (answer.to !== null) window.add(points, answer.to);
      const last = points.at(-1) ?? null;
      take({
        links: answer.links, state: answer.state, capacity: answer.series.capacity_bps, end: answer.to,
        slots: answer.to === null ? [] : window.slots(answer.to), tables: answer.tables,
        now: last !== null && answer.to !== null && last.at + 300 + step >= answer.to ? last : null,
      });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  });
}
