// The address bar: a path for the page, a query for what it shows.
let url = $state(new URL(location.href));
addEventListener('popstate', () => (url = new URL(location.href)));

export const route = {
  get path(): string {
    return url.pathname;
  },
  get(name: string): string | null {
    return url.searchParams.get(name);
  },
  /** Goes to another page. */
  go(path: string) {
    history.pushState(null, '', path);
    url = new URL(location.href);
  },
  /** Changes the query in place; `null` takes a name out. */
  set(values: Record<string, string | null>) {
    const next = new URL(location.href);
    for (const [name, value] of Object.entries(values)) {
      if (value === null) next.searchParams.delete(name);
      else next.searchParams.set(name, value);
    }
    history.replaceState(null, '', next);
    url = next;
  },
  /** Changes the query, so that "back" leads to what was there before. */
  push(values: Record<string, string | null>) {
    const before = url;
    route.set(values);
    if (url.href === before.href) return;
    const next = url;
    history.replaceState(null, '', before);
    history.pushState(null, '', next);
  },
};

/** Makes an ordinary link go without loading the application again. */
export function follow(event: MouseEvent) {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  route.go(link.getAttribute('href') ?? '/');
}
