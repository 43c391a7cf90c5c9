// What the services call trouble (English sentences), in the reader's language and with what to do about it.
import { t, type Key } from './text/text.svelte';

const KNOWN: [RegExp, Key][] = [
  [/^there is no network port/, 'trouble.no_port'],
  [/^there is no capture port/, 'trouble.no_capture'],
  [/^the clock is not synchronised/, 'trouble.clock'],
  [/^(?<name>\S+) failed$/, 'trouble.unit_failed'],
  [/^(?<name>\S+) ended and is started again$/, 'trouble.unit_restart'],
  [/^the settings file was lost or damaged/, 'trouble.settings_previous'],
  [/^no settings file could be read/, 'trouble.settings_default'],
  [/^the data partition is missing|is missing: settings and records/, 'trouble.data_missing'],
  [/^the data partition is read-only/, 'trouble.data_read_only'],
  [/^the data partition is full \((?<free>.*) free\)/, 'trouble.data_full'],
  [/^the state of the services is unknown: (?<message>.*)$/, 'trouble.units_unknown'],
  [/^(?<name>\S+) is damaged (?<message>.*)$/, 'trouble.file_damaged'],
];

/** The sentence in the reader's language; one that is not known here as it is. */
export function trouble(sentence: string): string {
  for (const [pattern, key] of KNOWN) {
    const match = pattern.exec(sentence);
    if (match !== null) return t(key, match.groups ?? {});
  }
  return sentence;
}
