// Rows of the option table about what a program can reach of the host: namespaces, mounts, system calls.
import { launchOption } from './launch-option.ts';
import * as to from './value.ts';

export const isolationRows = {
  /** System calls that the filter gives back: names of calls, or of groups such as `debug`. */
  allow: {
    type: 'array of strings',
    default: '`[]`',
    normal: to.toNames,
    options: () => [
      launchOption(
        'Isolation',
        '--allow NAME',
        'give this system call back, or a group of calls such as debug; may be repeated',
        ({ text }, before: readonly string[] = []) => [...before, ...text.split(',')],
      ),
    ],
  },
  /**
   * Path on the host of a profile of system calls; `default` for the filter of an isolated launch; `log`, or `log:` and a path, to log
   * what either would refuse.
   */
  seccomp: {
    type: "string, `'default'`, `'log'`",
    default: 'the small filter',
    normal: to.toFilterSource,
    options: () => [
      launchOption(
        'Isolation',
        '--seccomp FILE|default|log|log:FILE',
        'filter of system calls: a profile of docker or OCI, or the one of isolated launches; log: only log refusals',
        ({ text }) => text,
      ),
    ],
  },
} as const;
