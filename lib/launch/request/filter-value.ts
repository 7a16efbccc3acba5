// The values of a request about system calls. Pure.
import { expecting, flag, list, optional, text } from '../../values/validators.ts';
import { atOnce } from '../../values/wrong.ts';
import { requireNamespace } from './isolation-value.ts';
import type { Values } from './option-row.ts';

/** Names of system calls and groups; the filter knows which there are. */
export const toCalls = optional(
  list(text('the name of a system call or of a group of calls', 'ptrace', /^[^\0]+$/s), ['ptrace']),
  [],
);

/** Where the filter of system calls comes from. */
export interface FilterSource {
  /** Path on the host; without it the default filter. */
  readonly file: string | undefined;
  /** The filter only logs the calls that it would refuse. */
  readonly isLog: boolean;
}

/** `default`, `log`, a path, or `log:` and a path. */
export const toFilterSource = optional(
  expecting<string, FilterSource>(
    "the path of a profile, 'default', 'log', or 'log:' and a path",
    'default',
    (value) => {
      if (value === 'default' || value === 'log') return { file: undefined, isLog: value === 'log' };
      if (typeof value !== 'string' || value.includes('\0')) return undefined;
      const isLog = value.startsWith('log:');
      const file = isLog ? value.slice(4) : value;
      return file === '' ? undefined : { file, isLog };
    },
  ),
);

/** Processes that outlive the one that reports could call nothing any more, so all of them must end with the program. */
export function toReportDenials(value: boolean | undefined, key: string, others: Values): boolean {
  const isOn = flag(value, key);
  if (!isOn) return false;
  requireNamespace('pid', key, others);
  if (others.allowNewPrivs === true)
    throw atOnce(key, 'allowNewPrivs', 'its filter is installed before there is anybody who listens');
  return true;
}
