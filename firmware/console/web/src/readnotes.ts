// Why an answer is incomplete or inexact: the box says it in English.
import { t, type Key } from './text/text.svelte';

const KNOWN: [RegExp, Key][] = [
  [/time ran out|timed? ?out|took too long/i, 'note.time'],
  [/memory|bound|too many groups|lightest/i, 'note.memory'],
  [/rollup/i, 'note.rollup'],
  [/damaged|checksum/i, 'note.damaged'],
];

/** The notes in the reader's language where they are known; `null` where there are none. */
export function readNotes(notes: string[]): string | null {
  const said = notes.map((note) => {
    const known = KNOWN.find(([pattern]) => pattern.test(note));
    return known ? t(known[1], { note }) : note;
  });
  return said.length === 0 ? null : said.join(' ');
}
