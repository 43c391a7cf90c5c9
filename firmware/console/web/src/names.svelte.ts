// What numbers in answers are called, and how the filter language says them.
import { request, type Link } from './api';
import { interfaceName, type InterfaceNow } from './devices';
import { DEFINED, EXPORTERS, NO_OBJECTS, type Objects } from './objects';
import type { FlowKey, InterfaceId, KeyValue } from './query';
import { lang, t, tMaybe } from './text/text.svelte';

let apps = $state.raw<Map<number, string>>(new Map());
/** What people in China call applications. */
let chinese = $state.raw<Map<number, string>>(new Map());
let protocols = $state.raw<Map<number, string>>(new Map());
let objects = $state.raw<Objects>(NO_OBJECTS);
let links = $state.raw<Link[]>([]);
let interfaces = $state.raw<Map<number, InterfaceNow[]>>(new Map());
const asked = new Set<number>();
let loaded: Promise<void> | null = null;

async function fill(what: () => Promise<void>) {
  try {
    await what();
  } catch {
    // Numbers are shown where names are missing.
  }
}
const readObjects = () => fill(async () => void (objects = await request<Objects>('objects', { background: true })));
const readLinks = () => fill(async () => void (links = await request<Link[]>('links', { background: true })));
const readFixed = () =>
  fill(async () => {
    const fixed = await request<{ apps: [number, string, string | null][]; protocols: [number, string][] }>('names', { background: true });
    [apps, protocols] = [new Map(fixed.apps.map(([number, name]) => [number, name])), new Map(fixed.protocols)];
    chinese = new Map(fixed.apps.flatMap(([number, , said]) => (said === null ? [] : [[number, said]])));
  });

export const names = {
  /** Reads the names, once a page; objects and links anew. */
  load(): Promise<void> {
    loaded = Promise.all([apps.size === 0 ? readFixed() : null, readObjects(), readLinks()]).then(() => {});
    return loaded;
  },
  /** Reads the names unless they were read, or are being read. */
  once(): Promise<void> {
    return loaded ?? names.load();
  },
  get links(): Link[] {
    return links;
  },
  get objects(): Objects {
    return objects;
  },
  /** The firmware's applications and those that were defined, by name. */
  get apps(): string[] {
    return [...new Set([...Object.values(objects.applications).map((a) => a.name), ...apps.values()])].sort();
  },
  app(number: number): string {
    if (number === 0) return t('top.unknown_app');
    return (lang.now === 'zh-CN' ? chinese.get(number) : undefined) ?? appWord(number) ?? t('value.app', { number });
  },
  /** An application by the word that filters and logs say, as people say it. */
  appOf(word: string): string {
    for (const [number, name] of apps) if (name === word) return names.app(number);
    return word;
  },
  protocol(number: number): string {
    return protocols.get(number) ?? t('value.protocol', { number });
  },
  link(id: number): string {
    const one = links.find((l) => l.id === id);
    if (one === undefined) return id > EXPORTERS ? t('exporter.number', { number: id - EXPORTERS }) : t('overview.link.absent', { id });
    return one.label || one.name;
  },
  /** An exporter's interfaces; none until they were read. */
  interfaces(exporter: number): InterfaceNow[] {
    if (exporter > EXPORTERS && !asked.has(exporter)) {
      asked.add(exporter);
      void fill(async () => {
        const rows = await request<InterfaceNow[]>(`exporters/${exporter - EXPORTERS}/interfaces`, { background: true });
        interfaces = new Map(interfaces).set(exporter, rows);
      });
    }
    return interfaces.get(exporter) ?? [];
  },
  interface(id: InterfaceId): string {
    const one = names.interfaces(id.exporter).find((row) => row.id.index === id.index);
    return `${names.link(id.exporter)} · ${one === undefined ? `ifIndex ${id.index}` : interfaceName(one.facts)}`;
  },
};

function appWord(number: number): string | null {
  if (number === 0) return 'unknown';
  return (number > DEFINED ? objects.applications[String(number - DEFINED)]?.name : apps.get(number)) ?? null;
}
const OBJECT_KEYS: Partial<Record<FlowKey, 'businesses' | 'ip_groups' | 'link_groups' | 'interface_groups'>> = {
  business: 'businesses', ip_group: 'ip_groups', src_group: 'ip_groups', dst_group: 'ip_groups', link_group: 'link_groups', interface_group: 'interface_groups',
};

const FLAGS = 'FSRPAUEC';
/** TCP control bits as letters, such as SA. */
export const flagLetters = (bits: number): string => [...FLAGS].filter((_, place) => (bits >> place) & 1).join('');
const DSCP: Record<number, string> = { 0: 'BE', 8: 'CS1', 16: 'CS2', 24: 'CS3', 32: 'CS4', 40: 'CS5', 48: 'CS6', 56: 'CS7', 46: 'EF', 10: 'AF11', 12: 'AF12', 14: 'AF13', 18: 'AF21', 20: 'AF22', 22: 'AF23', 26: 'AF31', 28: 'AF32', 30: 'AF33', 34: 'AF41', 36: 'AF42', 38: 'AF43' };
export const dscpName = (value: number): string => (DSCP[value] === undefined ? String(value) : `${DSCP[value]} (${value})`);
export const macText = (octets: number[]): string => octets.map((o) => o.toString(16).padStart(2, '0')).join(':');
const countryCode = (code: [number, number]): string => String.fromCharCode(...code);
function countryName(code: string): string {
  try {
    const name = new Intl.DisplayNames([lang.now], { type: 'region' }).of(code);
    return name === undefined || name === code ? code : `${name} (${code})`;
  } catch {
    return code;
  }
}

/** A value as people read it. */
export function valueText(key: FlowKey, value: KeyValue): string {
  if (value === 'none') return t('value.none');
  if ('address' in value) return value.address;
  if ('conversation' in value) return `${value.conversation.low} ↔ ${value.conversation.high}`;
  if ('network' in value) return value.network;
  if ('app' in value) return names.app(value.app);
  if ('object' in value) {
    const kind = OBJECT_KEYS[key];
    return (kind && objects[kind][String(value.object)]?.name) ?? t('value.object', { number: value.object });
  }
  if ('link' in value) return names.link(value.link);
  if ('interface' in value) return names.interface(value.interface);
  if ('mac' in value) return macText(value.mac);
  if ('text' in value) return value.text;
  if ('direction' in value) return tMaybe(`direction.flow.${value.direction}`, value.direction);
  if ('country' in value) return countryName(countryCode(value.country));
  if ('end_reason' in value) return tMaybe(`end.${value.end_reason}`, value.end_reason);
  const n = value.number;
  switch (key) {
    case 'protocol':
      return names.protocol(n);
    case 'tcp_flags':
      return n === 0 ? t('value.noflags') : flagLetters(n);
    case 'dscp':
      return dscpName(n);
    case 'src_as':
    case 'dst_as':
      return `AS${n}`;
    case 'packet_size':
      return tMaybe(`size.${n}`, String(n));
    case 'ip_version':
      return `IPv${n}`;
    default:
      return String(n);
  }
}

/** Whether a value is written in figures: addresses and numbers. */
export const isFigure = (value: KeyValue): boolean => typeof value === 'object' && ('address' in value || 'conversation' in value || 'network' in value || 'mac' in value || 'number' in value);

/** A name in the filter language: in quotes, unless it looks like no word of the language (eth0, core-1). */
export const quoted = (name: string): string => (/^[A-Za-z][\w./-]*\d$/.test(name) && !/^(ip|ipv|inet|v|icmp|icmpv)[46]$/i.test(name) ? name : `"${name.replace(/["＂\\]/g, '\\$&')}"`);
/** Names of the firmware's applications need no quotes. */
const appQuoted = (name: string): string => ([...apps.values(), 'unknown'].includes(name) ? name : quoted(name));
export const quotedIn = (field: string, name: string): string => (field === 'app' ? appQuoted(name) : quoted(name));

/** A host's name as the filter language takes it: in quotes where it is no plain name. */
const domainWord = (name: string): string => (/^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/.test(name) ? name : `"${name.replace(/["＂\\]/g, '\\$&')}"`);
const linkWord = (id: number): string => {
  const one = links.find((l) => l.id === id);
  if (id > EXPORTERS) return `exporter ${one === undefined ? id - EXPORTERS : quoted(one.name)}`;
  return `link ${one === undefined ? id : quoted(one.name)}`;
};
const interfaceWord = (id: InterfaceId): string => {
  const one = links.find((l) => l.id === id.exporter);
  return `${one === undefined ? id.exporter - EXPORTERS : quoted(one.name)}:${id.index}`;
};
export const protocolWord = (number: number): string => ({ 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' })[number] ?? String(number);

/** The condition that a record has this value, in the filter language; `null` where the language has none. */
export function condition(key: FlowKey, value: KeyValue): string | null {
  if (value === 'none') return null;
  if ('address' in value) return `${{ src_ip: 'src', dst_ip: 'dst' }[key as string] ?? 'host'} ${value.address}`;
  if ('conversation' in value) {
    const { low, high } = value.conversation;
    return low === high ? `src ${low} and dst ${low}` : `host ${low} and host ${high}`;
  }
  if ('network' in value) return `${key === 'src_net' ? 'src' : 'dst'} ${value.network}`;
  if ('app' in value) {
    const word = appWord(value.app);
    return word === null ? null : `app ${appQuoted(word)}`;
  }
  if ('object' in value) {
    const kind = OBJECT_KEYS[key];
    const name = kind && objects[kind][String(value.object)]?.name;
    const words: Partial<Record<FlowKey, string>> = { business: 'business', ip_group: 'host group', src_group: 'src group', dst_group: 'dst group', link_group: 'link group', interface_group: 'if group' };
    return name === undefined ? null : `${words[key]} ${quoted(name)}`;
  }
  if ('link' in value) return linkWord(value.link);
  if ('interface' in value) return `${{ in_if: 'inif', out_if: 'outif' }[key as string] ?? 'if'} ${interfaceWord(value.interface)}`;
  if ('mac' in value) return `${key === 'src_mac' ? 'smac' : 'dmac'} ${macText(value.mac)}`;
  if ('text' in value) return `domain ${domainWord(value.text)}`;
  if ('direction' in value) return value.direction === 'unknown' ? null : `dir ${value.direction}`;
  if ('country' in value) return `${key === 'src_country' ? 'src' : 'dst'} country ${countryCode(value.country)}`;
  if ('end_reason' in value) return `end ${value.end_reason}`;
  const n = value.number;
  switch (key) {
    case 'src_port':
      return `sport ${n}`;
    case 'dst_port':
      return `dport ${n}`;
    case 'protocol':
      return `proto ${protocolWord(n)}`;
    case 'tcp_flags':
      return n === 0 ? null : `flags ${flagLetters(n)}/${FLAGS}`;
    case 'vlan':
      return `vlan ${n}`;
    case 'src_as':
      return `srcas ${n}`;
    case 'dst_as':
      return `dstas ${n}`;
    case 'dscp':
      return `dscp ${n}`;
    case 'ip_version':
      return `ipv${n}`;
    default:
      return null;
  }
}

/** Two conditions that must both hold. */
export function both(a: string, b: string): string {
  const [left, right] = [a.trim(), b.trim()];
  const wrap = (text: string) => (/\bor\b|\|\|/i.test(text) ? `(${text})` : text);
  if (left === '') return right;
  if (right === '') return left;
  return `${wrap(left)} and ${wrap(right)}`;
}
export const none = (text: string): string => (/\b(and|or)\b/i.test(text) ? `not (${text})` : `not ${text}`);

/** Where a filter is searched for. */
export function searchPath(values: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  return `/search?${query}`;
}

/** The page of a host, with what it does now. */
export function hostPath(address: string, scope: string): string {
  const query = new URLSearchParams({ address });
  if (scope !== '' && scope !== 'ports') query.set('scope', scope);
  return `/host?${query}`;
}
