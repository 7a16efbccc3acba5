// The shell, and the programs that command lines and scripts run.

import { findCommands, isShell } from '../dpkg/script-calls.ts';
import { runs } from './self-check.ts';
import { hasDpkg } from './pack-host.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { scriptsOf } from './script-modules.ts';

const SHELL = /^(?:ba|da|k|mk|z|a)?sh$/;

export const shell: Pack = {
  name: 'shell',
  summary: '/bin/sh, for programs that run commands through it',
  when: {
    imports: ['system', 'popen', 'wordexp'],
    executables: /^node(?:js)?$/, // exec() of node:child_process
    // execve("/bin/sh"), as a C string
    texts: ['/bin/sh\0'],
  },
  parts: (host) => [{ path: '/bin/sh' }, ...commandsOf(host)],
  check: runs(SHELL, '-c', ':'),
};

// A string that begins with a common tool, as of coreutils(7), followed by an option or a path: "rm -rf %s". Tools whose
// name begins such a text in ordinary sentences are not listed.
const COMMAND_LINE =
  /\0(?:exec )?(?:(?:\/usr)?\/bin\/)?(?:awk|base64|basename|cat|chgrp|chmod|chown|cmp|cp|cut|date|dd|df|diff|dirname|du|env|expr|find|grep|egrep|gunzip|gzip|head|hostname|id|install|ln|locale|ls|mkdir|mkfifo|mktemp|mv|nice|nl|nproc|od|printf|pwd|rm|rmdir|sed|seq|sleep|sort|stat|stty|tail|tar|tee|test|touch|tr|tty|uname|uniq|wc|xargs|zcat)(?= +(?:-[A-Za-z-]|\/[\w%]|['"]?[%$]|\.\/))/g;

/** No dependency names these tools: packages use Essential ones without declaring it (Debian policy 3.8). */
function commandsOf(host: PackHost): readonly Part[] {
  const programs = host.executables(/./).filter((path) => !isShell(path));
  return programs.flatMap((by) =>
    host.texts(by, COMMAND_LINE).map((text): Part => ({ program: text.replace(/^.*[\0 /]/s, ''), by })),
  );
}

// Scripts that other programs start in special cases: half of their commands are not needed.
const OF_OTHERS = /^\/usr\/(?:local\/)?(?:lib(?:64|exec)?|share)\//;

export const commands: Pack = {
  name: 'commands',
  summary: 'programs that shell scripts run, on a system without dpkg',
  when: { executables: SHELL },
  parts: (host) => {
    // with dpkg, the dependencies name them, and the scripts of packages are searched too
    if (hasDpkg(host)) return [];
    return scriptsOf(host, SHELL)
      .filter(({ path }) => !OF_OTHERS.test(path))
      .flatMap(({ path, text }) =>
        Array.from(findCommands(text), (program): Part => ({ program, by: path })),
      );
  },
};
