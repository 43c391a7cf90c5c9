// Lines of application logs as pages show them.
import { fieldOf, type Applog } from './devices';
import { delay, octets } from './format';
import { searchPath } from './names.svelte';
import { rfc3339 } from './span';

export const secondsOf = (time: string): number => Date.parse(time) / 1000;
export const clientOf = (log: Applog): string => fieldOf(log, 'client') ?? log.peer;
/** Microseconds until the answer; `null`: none was seen. */
export const responseOf = (log: Applog): number | null => {
  const us = fieldOf(log, 'response_us');
  return us === null ? null : Number(us);
};
/** An address without its port. */
export const bare = (endpoint: string): string => endpoint.replace(/^\[(.*)\]:\d+$/, '$1').replace(/^([^:]+):\d+$/, '$1');
const portOf = (endpoint: string): string | null => /(?:\]|^[^:]+):(\d+)$/.exec(endpoint)?.[1] ?? null;

/** Where a line's flow is searched for; `null`: it does not say between whom. Records are filed when the flow is reported, which may be later. */
export function flowOf(log: Applog): string | null {
  const [client, server] = [fieldOf(log, 'client'), fieldOf(log, 'server')];
  if (client === null || server === null) return null;
  const [from, to] = [portOf(client), portOf(server)];
  const q = [`host ${bare(client)}`, `host ${bare(server)}`, ...(from === null ? [] : [`port ${from}`]), ...(to === null ? [] : [`port ${to}`])].join(' and ');
  const at = Math.floor(secondsOf(log.time));
  return searchPath({ q, from: rfc3339(at - 60), to: rfc3339(Math.min(at + 3600, Math.max(at + 120, Math.ceil(Date.now() / 1000)))), ...(log.link === null ? {} : { scope: log.link }) });
}

/** A field's value with its unit. */
export const fieldText = (name: string, text: string): string => (name === 'response_us' ? delay(Number(text)) : name.endsWith('_bytes') ? octets(Number(text)) : text);

/** What a line says besides its client and its delay, which have columns of their own. */
export function restOf(log: Applog): string {
  const text = log.text.startsWith(`${log.peer} `) ? log.text.slice(log.peer.length + 1) : log.text;
  return responseOf(log) === null ? text : text.replace(/ [\d.]+ (µs|ms|s)$/, '');
}
