// The values of a request about system calls. Pure.
import { UsageError } from '../../errors.ts';
import { meantList } from '../../mistakes/meant-value.ts';

/** Names of system calls and groups; the filter knows which there are. */
export function toCalls(value: readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== ''))
    return [...value];
  throw new UsageError("allow must be names of system calls or of groups, such as ['ptrace', 'keyring']", {
    hint: meantList('allow', value, "'ptrace'"),
  });
}

/** Where the filter of system calls comes from. */
export interface FilterSource {
  /** Path on the host; without it the default filter. */
  readonly file: string | undefined;
  /** The filter only logs the calls that it would refuse. */
  readonly isLog: boolean;
}

/** `default`, `log`, a path, or `log:` and a path. */
export function toFilterSource(value: string | undefined): FilterSource | undefined {
  if (value === undefined) return undefined;
  if (value === 'default' || value === 'log') return { file: undefined, isLog: value === 'log' };
  if (typeof value === 'string' && !value.includes('\0')) {
    const isLog = value.startsWith('log:');
    const file = isLog ? value.slice(4) : value;
    if (file !== '') return { file, isLog };
  }
  throw new UsageError("seccomp must be the path of a profile, 'default', 'log', or 'log:' and a path", {
    hint: 'leave it out for the small filter, or write a profile of your own to a file and give its path',
  });
}
