// Which links a page is about, in the address bar.
import type { Link } from './api';
import type { Scope } from './query';
import { route } from './route.svelte';

export const scopeText = (usual = 'ports'): string => /^(ports|exporters|\d+)$/.exec(route.get('scope') ?? '')?.[0] ?? usual;
export const scopeOf = (value: string): Scope | null => (value === 'all' ? null : value === 'ports' || value === 'exporters' ? value : { link: Number(value) });
/** The capacity of a scope's links together; `null` where one is unknown. */
export function capacityOf(value: string, links: Link[]): number | null {
  const own = links.filter((l) => (value === 'ports' ? l.kind === 'port' : value !== 'exporters' && String(l.id) === value));
  return own.length > 0 && own.every((l) => l.capacity_bps !== null) ? own.reduce((sum, l) => sum + (l.capacity_bps ?? 0), 0) : null;
}
