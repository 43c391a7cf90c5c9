// Alarms. Times are nanoseconds since 1970.
import { request } from './api';
import type { Text, Words } from './hardware';
import { every } from './poll';

export type Severity = 'warning' | 'critical';
export type Source = 'hardware';
export const SOURCES: Source[] = ['hardware'];
export interface Alarm {
  id: number; source: Source; name: string; component: string; part: Text; serial: string | null; code: string; severity: Severity; text: Text; zh: Words; en: Words;
  raised: number; recurrences: number; acknowledged: { at: number; by: string } | null; cleared: { at: number; how: 'over' | 'replaced' | 'unseen' } | null;
}
export interface Counts { critical: number; warning: number; unseen: number }
export interface Alarms { now: number; counts: Counts; open: Alarm[]; history: Alarm[]; next: number | null }

let counts = $state.raw<Counts | null>(null);

/** How many are open, for all who show it. */
export const alarms = {
  /** `null`: nobody has said it, or nobody answers. */
  get counts(): Counts | null {
    return counts;
  },
  get open(): number | null {
    return counts === null ? null : counts.critical + counts.warning;
  },
  /** How the number looks: that all have been seen takes its colour away. */
  get kind(): 'bad' | 'warn' | 'off' {
    return counts === null || counts.unseen === 0 ? 'off' : counts.critical > 0 ? 'bad' : 'warn';
  },
  take(newest: Counts) {
    counts = newest;
  },
  /** Asks while the page is seen; returns what stops it. */
  watch(): () => void {
    return every(10_000, async (signal) => {
      try {
        counts = await request<Counts>('alarms/count', { background: true, signal });
      } catch {
        if (!signal.aborted) counts = null;
      }
    });
  },
};
