// A question of a page: asked again when it changes, given up when the page goes.
import { untrack } from 'svelte';
import { ask, type Answer, type Progress, type Query } from './query';

export class Asking {
  answer = $state.raw<Answer | null>(null);
  problem = $state<unknown>(null);
  progress = $state.raw<Progress | null>(null);
  running = $state(false);

  /** `query` is asked whenever what it reads changes; `null` asks nothing. */
  constructor(query: () => Query | null) {
    $effect(() => {
      const one = query();
      const abort = new AbortController();
      untrack(() => {
        [this.problem, this.progress, this.answer] = [null, null, null];
        if (one !== null) void this.run(one, abort.signal);
      });
      return () => abort.abort();
    });
  }

  private async run(query: Query, signal: AbortSignal) {
    this.running = true;
    try {
      const { answer } = await ask(query, {
        signal, background: true,
        watch: (state) => {
          if (signal.aborted) return;
          this.progress = state.progress;
          if (state.answer !== null) this.answer = state.answer;
        },
      });
      if (!signal.aborted) this.answer = answer;
    } catch (error) {
      if (!signal.aborted) this.problem = error;
    } finally {
      if (!signal.aborted) this.running = false;
    }
  }
}
