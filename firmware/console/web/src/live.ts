// The live stream, kept open while the page is visible.
import { request, type IntervalEvent, type State } from './api';

export type Connection = 'connecting' | 'live' | 'reconnecting';

/** The console sends something every 10 s: when nothing comes for so long, the connection is dead. */
const SILENT_MS = 25_000;

export interface Handlers {
  interval: (event: IntervalEvent) => void;
  state: (state: State) => void;
  connection: (connection: Connection) => void;
}

/** Opens the stream of a scope after the time `since`; returns what closes it. */
export function openLive(scope: string, interval: number, since: number | null, handlers: Handlers): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let seen = since;
  let closed = false;
  let dead: ReturnType<typeof setTimeout> | undefined;

  const alive = () => {
    clearTimeout(dead);
    dead = setTimeout(() => {
      handlers.connection('reconnecting');
      shut();
      open();
    }, SILENT_MS);
  };
  const open = () => {
    if (closed || source !== null) return;
    alive();
    const query = new URLSearchParams({ interval: String(interval), scope });
    if (seen !== null) query.set('since', String(seen));
    source = new EventSource(`/api/v1/live?${query}`);
    source.addEventListener('open', () => handlers.connection('live'));
    source.addEventListener('beat', alive);
    source.addEventListener('interval', (message) => {
      alive();
      const event = JSON.parse((message as MessageEvent<string>).data) as IntervalEvent;
      seen = event.end;
      handlers.interval(event);
    });
    source.addEventListener('state', (message) => handlers.state(JSON.parse((message as MessageEvent<string>).data) as State));
    // The request finds out that the session has ended, and shows the sign-in page.
    source.addEventListener('signed_out', () => void request('links', { background: true }).catch(() => {}));
    source.addEventListener('error', () => {
      handlers.connection('reconnecting');
      // The browser tries again by itself, unless the answer was an error.
      if (source?.readyState !== EventSource.CLOSED) return;
      source = null;
      void request('links', { background: true }).catch(() => {});
      retry = setTimeout(open, 3000);
    });
  };
  const shut = () => {
    clearTimeout(retry);
    clearTimeout(dead);
    source?.close();
    source = null;
  };
  // A browser allows few connections to one host: a page that nobody sees gives its own back, and catches up later.
  const visibility = () => (document.hidden ? shut() : open());
  document.addEventListener('visibilitychange', visibility);
  handlers.connection('connecting');
  if (!document.hidden) open();
  return () => {
    closed = true;
    document.removeEventListener('visibilitychange', visibility);
    shut();
  };
}
