// The window that the overview shows: buckets of equal length, filled from history and then from the live stream.
import type { Point, Three } from './api';

export interface Bucket { at: number; seconds: number; bytes: Three; packets: Three; lost: number; causes: Record<string, number>; malformed: number | null }

export type Indicator = 'bits' | 'packets' | 'utilisation';

/** The rate of an indicator in a bucket; `null` where it cannot be known. Place 0 is total, 1 in, 2 out. */
export function rate(b: Pick<Bucket, 'seconds' | 'bytes' | 'packets'>, of: Indicator, place: 0 | 1 | 2, capacity: number | null): number | null {
  if (b.seconds === 0) return null;
  if (of === 'packets') return b.packets[place] / b.seconds;
  const bits = (b.bytes[place] * 8) / b.seconds;
  if (of === 'bits') return bits;
  return capacity === null || capacity === 0 ? null : bits / capacity;
}

const plus = (a: Three, b: Three): Three => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];

export class Window {
  private buckets: Bucket[] = [];

  constructor(readonly step: number, readonly range: number) {}

  /** Adds points in order of time. A point that lies before the newest bucket means that the clock went back. */
  add(points: Point[], end: number) {
    for (const p of points) {
      const at = p.at - (p.at % this.step);
      while (this.buckets.length > 0 && this.buckets[this.buckets.length - 1]!.at > at) this.buckets.pop();
      const last = this.buckets[this.buckets.length - 1];
      if (last !== undefined && last.at === at) {
        last.seconds += p.seconds;
        last.bytes = plus(last.bytes, p.bytes);
        last.packets = plus(last.packets, p.packets);
        last.lost += p.lost;
        for (const [cause, n] of Object.entries(p.causes ?? {})) last.causes[cause] = (last.causes[cause] ?? 0) + n;
        if (p.malformed !== null) last.malformed = (last.malformed ?? 0) + p.malformed;
      } else {
        const { seconds, bytes, packets, lost, malformed } = p;
        this.buckets.push({ at, seconds, bytes: [...bytes], packets: [...packets], lost, causes: { ...p.causes }, malformed });
      }
    }
    const first = this.buckets.findIndex((b) => b.at + this.step > end - this.range);
    if (first > 0) this.buckets.splice(0, first);
    else if (first < 0) this.buckets = [];
  }

  /** The buckets of the whole window up to `end`; `null` where there are no data: missing is not zero. */
  slots(end: number): { at: number; bucket: Bucket | null }[] {
    const slots: { at: number; bucket: Bucket | null }[] = [];
    const last = end - 1 - ((end - 1) % this.step);
    const from = last - (Math.ceil(this.range / this.step) - 1) * this.step;
    let next = 0;
    for (let at = from; at <= last; at += this.step) {
      while (next < this.buckets.length && this.buckets[next]!.at < at) next += 1;
      const found = this.buckets[next];
      slots.push({ at, bucket: found !== undefined && found.at === at ? found : null });
    }
    return slots;
  }
}

/** Seconds of a bucket for a range and a live interval: a multiple of the interval, at most about 900 buckets. */
export function stepFor(range: number, interval: number): number {
  return Math.ceil(Math.max(1, range / 900) / interval) * interval;
}
