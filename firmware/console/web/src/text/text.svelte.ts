// Every string that a person sees: one table a language, both with the same keys (a test holds that).
import en from './en.json';
import zh from './zh.json';

export type Language = 'zh-CN' | 'en';
export type Key = keyof typeof zh;

const tables: Record<Language, Record<Key, string>> = { 'zh-CN': zh, en };
const STORED = 'spanwatch.language';

function stored(): Language | null {
  const value = localStorage.getItem(STORED);
  return value === 'zh-CN' || value === 'en' ? value : null;
}

let language = $state<Language>(stored() ?? 'zh-CN');
let chosen = stored() !== null;

export const lang = {
  get now(): Language {
    return language;
  },
  /** The reader's choice: it is kept in this browser. */
  choose(value: Language) {
    language = value;
    chosen = true;
    localStorage.setItem(STORED, value);
  },
  /** The box's language: it holds unless the reader chose one. */
  suggest(value: Language) {
    if (!chosen) language = value;
  },
};

/** The text of a key; `{name}` is replaced by the value of that name. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return tables[language][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** The text of a key that is made at run time; the second argument where there is none. */
export function tMaybe(key: string, otherwise: string): string {
  return key in tables[language] ? t(key as Key) : otherwise;
}
