// Numbers and times as people read them.
import type { Language } from './text/text.svelte';

const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

export interface Quantity { value: string; unit: string }

/** A number with an SI prefix and three digits. `null` is missing, and stays so. */
export function si(value: number | null, unit: string): Quantity {
  if (value === null || !Number.isFinite(value)) return { value: '—', unit: '' };
  let [scaled, place] = [value, 0];
  while (scaled >= 999.5 && place < SI.length - 1) [scaled, place] = [scaled / 1000, place + 1];
  const digits = place === 0 && Number.isInteger(scaled) ? 0 : scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return { value: scaled.toFixed(digits), unit: `${SI[place]}${unit}` };
}

export const text = (q: Quantity): string => (q.unit === '' ? q.value : `${q.value} ${q.unit}`);
export const bits = (value: number | null): string => text(si(value, 'bit/s'));
export const octets = (value: number | null): string => text(si(value, 'B'));
export const count = (value: number | null): string => (value === null ? '—' : value < 100_000 ? value.toLocaleString('en') : text(si(value, '')));

/** Memory and disks in binary units. */
export function binary(value: number | null): string {
  if (value === null) return '—';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let [scaled, place] = [value, 0];
  while (scaled >= 1023.5 && place < units.length - 1) [scaled, place] = [scaled / 1024, place + 1];
  return `${scaled.toFixed(place === 0 || scaled >= 99.95 ? 0 : 1)} ${units[place]}`;
}

/** A share of one as a percentage. */
export function percent(share: number | null): Quantity {
  if (share === null || !Number.isFinite(share)) return { value: '—', unit: '' };
  const value = share * 100;
  if (value > 0 && value < 0.01) return { value: '<0.01', unit: '%' };
  return { value: value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2), unit: '%' };
}

const two = (n: number): string => String(n).padStart(2, '0');

/** The time of day in the browser's zone. */
export function clock(seconds: number, withSeconds = true): string {
  const d = new Date(seconds * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? `:${two(d.getSeconds())}` : ''}`;
}

/** Date and time in the browser's zone. */
export function dateTime(seconds: number): string {
  const d = new Date(seconds * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(seconds)}`;
}

/** The browser's zone: its name and its offset now. */
export function zone(): string {
  const minutes = -new Date().getTimezoneOffset();
  const [h, m] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offset = `UTC${minutes < 0 ? '−' : '+'}${h}${m ? `:${two(m)}` : ''}`;
  return name === 'UTC' ? 'UTC' : `${name} (${offset})`;
}

/** A delay of so many microseconds. */
export function delay(us: number | null): string {
  if (us === null || !Number.isFinite(us)) return '—';
  if (us < 1000) return `${Math.round(us)} µs`;
  const [value, unit] = us < 999_500 ? [us / 1e3, 'ms'] : [us / 1e6, 's'];
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)} ${unit}`;
}

export const nanos = (value: number): number => value / 1e9;

/** A length of time in its two largest units. */
export function duration(seconds: number, language: Language): string {
  const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const zh = language === 'zh-CN';
  if (d > 0) return zh ? `${d} 天 ${h} 小时` : `${d} d ${h} h`;
  if (h > 0) return zh ? `${h} 小时 ${m} 分` : `${h} h ${m} min`;
  if (m > 0) return zh ? `${m} 分 ${s} 秒` : `${m} min ${s} s`;
  return zh ? `${s} 秒` : `${s} s`;
}
