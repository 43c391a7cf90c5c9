// What went wrong, in the reader's language.
import { ApiError } from './api';
import { t, type Key } from './text/text.svelte';

/** The sentence for an error; `denied` is what a refusal means here. */
export function sentence(error: unknown, denied?: Key): string {
  if (!(error instanceof ApiError)) return t('error.other', { message: String(error) });
  switch (error.kind) {
    case 'denied':
      return denied ? t(denied) : t('error.other', { message: error.message });
    case 'locked_out':
      return error.retryAfter === null ? t('error.locked') : t('error.locked.wait', { seconds: error.retryAfter });
    case 'network':
      return t('error.network');
    case 'unavailable':
      return t('error.unavailable');
    case 'conflict':
      return t('error.conflict');
    case 'cross_origin':
      return t('error.cross_origin');
    case 'unauthenticated':
      return t('sign_in.ended');
    default:
      return t('error.other', { message: error.message });
  }
}
