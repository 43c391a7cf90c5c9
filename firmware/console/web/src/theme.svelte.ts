// Dark, light, or as the system says. The choice is kept in this browser.
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'spanwatch.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return value === 'light' || value === 'dark' ? value : 'system';
}

let choice = $state<Theme>(stored());
let systemDark = $state(system.matches);
system.addEventListener('change', (event) => (systemDark = event.matches));

function apply(value: Theme) {
  if (value === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}
apply(stored());

export const theme = {
  get choice(): Theme {
    return choice;
  },
  get dark(): boolean {
    return choice === 'system' ? systemDark : choice === 'dark';
  },
  choose(value: Theme) {
    choice = value;
    localStorage.setItem(STORED, value);
    apply(value);
  },
};
