// The shell, and programs that command lines and scripts run.

import type { BytePath } from '../../binary/path.ts';
import { findCommands, isShell } from '../dpkg/script-calls.ts';
import { attempt, failureOf, lacksAll } from './self-check.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { scriptsOf } from './script-modules.ts';
export const shell: Pack = {
  name: 'shell',
  summary: '/bin/sh, for programs that run commands through it',
  when: {
    imports: ['system', 'popen', 'wordexp'],
    executables: /^node(?:js)?$/, // exec() of node:child_process
    // execve("/bin/sh"), as C has a string
    texts: ['/bin/sh\0'],
  },
  parts: (host) => [{ path: '/bin/sh' }, ...commandsOf(host)],
  check: (jail) => lacksAll(jail, '/bin/sh') ?? failureOf(jail, '/bin/sh' as BytePath, '-c', ':'),
};

// A string that begins with one of the tools that every system has, and goes on as a command line does: "rm -rf %s". They
// are the commands of coreutils(7) and its kind that stand in no sentence followed by an option or a path.
const COMMAND_LINE =
  /\0(?:exec )?(?:(?:\/usr)?\/bin\/)?(?:awk|base64|basename|cat|chgrp|chmod|chown|cmp|cp|cut|date|dd|df|diff|dirname|du|env|expr|find|grep|egrep|gunzip|gzip|head|hostname|id|install|ln|ls|mkdir|mkfifo|mktemp|mv|nice|nl|nproc|od|printf|pwd|rm|rmdir|sed|seq|sleep|sort|stat|stty|tail|tar|tee|test|touch|tr|tty|uname|uniq|wc|xargs|zcat)(?= +(?:-[A-Za-z-]|\/[\w%]|['"]?[%$]|\.\/))/g;

/** A package may use them without saying so (Debian policy 3.8), and elsewhere nothing says it. */
function commandsOf(host: PackHost): readonly Part[] {
  const programs = host.executables(/./).filter((path) => !isShell(path));
  return programs.flatMap((by) =>
    host.texts(by, COMMAND_LINE).map((text): Part => ({ program: text.replace(/^.*[\0 /]/s, ''), by })),
  );
}

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
