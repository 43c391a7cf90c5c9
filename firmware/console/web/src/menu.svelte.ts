// The menu of a value: one for the page, at the button that was pressed.
export interface Choice { text: string; href?: string; act?: () => void }
let open = $state.raw<{ anchor: HTMLElement; title: string; choices: Choice[] } | null>(null);

export const menu = {
  get open() {
    return open;
  },
  show(anchor: HTMLElement, title: string, choices: Choice[]) {
    open = { anchor, title, choices };
  },
  close() {
    open = null;
  },
};
