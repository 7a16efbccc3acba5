// Programs that shell scripts run.

import { findCommands } from '../dpkg/shell.ts';
import { attempt } from './check.ts';
import type { Pack, Part } from './pack.ts';
import { scriptsOf } from './scripts.ts';

const SHELL = /^(?:ba|da|k|mk|z|a)?sh$/;

// Started by a program in one of its many ways: half of what they run is for another one.
const OF_OTHERS = /^\/usr\/(?:local\/)?(?:lib(?:64|exec)?|share)\//;

export const commands: Pack = {
  name: 'commands',
  summary: 'programs that shell scripts run, where no package says it',
  when: { executables: SHELL },
  parts: (host) => {
    // a package says what it needs, and its scripts are looked into beside that
    if (host.find('/var/lib/dpkg/status').length > 0) return [];
    return scriptsOf(host, SHELL)
      .filter(({ path }) => !OF_OTHERS.test(path))
      .flatMap(({ path, text }) =>
        Array.from(findCommands(text), (program): Part => ({ program, by: path })),
      );
  },
  check: (jail) => attempt(jail, { program: SHELL, args: ['-c', ':'], files: ['/bin/sh'] }),
};
