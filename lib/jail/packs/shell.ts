// The shell that the C library starts, and the basic tools in the command lines that it is given.

import type { BytePath } from '../../binary/path.ts';
import { isShell } from '../dpkg/shell.ts';
import { failureOf, lacksAll } from './check.ts';
import type { Pack, PackHost, Part } from './pack.ts';

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
