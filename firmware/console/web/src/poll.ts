// Asks again and again while the page is seen.

/** Loads now and then every `ms` milliseconds, never twice at a time; returns what stops it. */
export function every(ms: number, load: (signal: AbortSignal) => Promise<void>): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const turn = async (first: boolean) => {
    if (first || !document.hidden) await load(abort.signal);
    if (!abort.signal.aborted) timer = setTimeout(() => void turn(false), ms);
  };
  void turn(true);
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
