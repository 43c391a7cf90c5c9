// The search form's fields and the filter's text: a text that is a row of conditions joined by "and" fills the fields;
// whatever they have no place for stays as it was written.

export interface Field { key: string; words: string[]; pattern: RegExp; quote?: boolean }

const list = String.raw`[^\s()"]+(?:\s*,\s*[^\s()"]+)*`;
const name = String.raw`(?:"(?:[^"\\]|\\.)*"|[^\s()",]+)(?:\s*,\s*(?:"(?:[^"\\]|\\.)*"|[^\s()",]+))*`;
const field = (key: string, words: string, value: string): Field => ({ key, words: words.split('|'), pattern: new RegExp(`^(?:${words})\\s+(${value})$`, 'i') });
const named = (key: string, words: string): Field => ({ ...field(key, words, name), quote: true });
const compared = (key: string, words: string): Field => ({ key, words: words.split('|'), pattern: new RegExp(`^(?:${words})\\s*(>=|<=|!=|=|>|<)\\s*([\\d.]+\\s*[A-Za-z]*)$`, 'i') });

// A group's field comes before the address field of the same word.
export const FIELDS: Field[] = [
  named('host_group', 'host group'), named('src_group', 'src group'), named('dst_group', 'dst group'), named('interface_group', 'if group'), named('link_group', 'link group'),
  field('src_country', 'src country', list), field('dst_country', 'dst country', list),
  field('host', 'host', list), field('src', 'src', list), field('dst', 'dst', list),
  field('port', 'port', list), field('sport', 'sport', list), field('dport', 'dport', list),
  field('proto', 'proto', list), named('app', 'app'), named('business', 'business'),
  named('link', 'link'), named('exporter', 'exporter'),
  field('if', 'if', list), field('inif', 'inif', list), field('outif', 'outif', list),
  field('dir', 'dir', list), field('flags', 'flags', list),
  compared('bytes', 'bytes'), compared('packets', 'packets'), compared('duration', 'duration'), compared('bps', 'bps'),
  field('vlan', 'vlan', list), field('mac', 'mac', list), field('as', 'as', list), field('dscp', 'dscp', list), field('end', 'end', list),
];
export type Fields = Record<string, string>;

/** The conditions of a text that must all hold; one where it has an "or" outside parentheses. */
export function conjuncts(text: string): string[] {
  const parts: string[] = [];
  let [depth, start, quote, or] = [0, 0, false, false];
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quote) {
      if (c === '\\') i += 1;
      else if (c === '"') quote = false;
    } else if (c === '"') quote = true;
    else if (c === '(') depth += 1;
    else if (c === ')') depth -= 1;
    else if (depth === 0 && (i === 0 || /\s|\)/.test(text[i - 1]!))) {
      const word = /^(and|or|&&|\|\|)(?=[\s(]|$)/i.exec(text.slice(i, i + 4))?.[1]?.toLowerCase();
      if (word === 'or' || word === '||') or = true;
      else if (word !== undefined) {
        parts.push(text.slice(start, i));
        start = i + word.length;
        i = start - 1;
      }
    }
  }
  parts.push(text.slice(start));
  const whole = or ? [text] : parts;
  return whole.map((part) => part.trim()).filter((part) => part !== '');
}

const unquoted = (value: string): string => value.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => inner.replace(/\\(.)/g, '$1'));

/** The fields that a text fills, and the conditions that none of them holds. */
export function split(text: string): { fields: Fields; rest: string[] } {
  const [fields, rest]: [Fields, string[]] = [{}, []];
  for (const part of conjuncts(text)) {
    const found = FIELDS.find((f) => !(f.key in fields) && f.pattern.test(part));
    const match = found?.pattern.exec(part);
    if (found === undefined || !match) {
      const bare = /^(tcp|udp|icmp|icmpv6|sctp|gre|esp|ah|igmp|ospf|pim|vrrp)$/i.exec(part);
      if (bare && !('proto' in fields)) fields.proto = part.toLowerCase();
      else rest.push(part);
    } else if (match[2] !== undefined) fields[found.key] = `${match[1]} ${match[2]}`;
    else fields[found.key] = found.quote && /^"[^",，]*"$/.test(match[1]!) ? unquoted(match[1]!) : match[1]!;
  }
  return { fields, rest };
}

/** The text of fields and further conditions. `quote` writes a name as the language wants it. */
export function compose(fields: Fields, rest: string[], quote: (field: string, name: string) => string): string {
  const parts: string[] = [];
  for (const { key, words, quote: isName, pattern } of FIELDS) {
    const value = (fields[key] ?? '').trim();
    if (value === '') continue;
    const word = words[0]!;
    if (pattern.source.includes('>=')) parts.push(`${word} ${/^(>=|<=|!=|=|>|<)/.test(value) ? value : `> ${value}`}`);
    else if (isName) parts.push(`${word} ${/^"/.test(value) ? value : value.split(/\s*,\s*/).map((one) => quote(key, one)).join(',')}`);
    else parts.push(`${word} ${value.split(/[\s,，、;；]+/).filter((v) => v !== '').join(',')}`);
  }
  const or = (part: string) => (conjuncts(part).length === 1 && /(^|[\s)])(or|\|\|)([\s(]|$)/i.test(part) && !/^\(.*\)$|^not\b/i.test(part) ? `(${part})` : part);
  return [...parts, ...(parts.length + rest.length > 1 ? rest.map(or) : rest)].join(' and ');
}
