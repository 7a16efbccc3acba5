// Further first mistakes: habits of other commands, jails made by hand, words that a shell should have read. As
// first-mistakes.root.test.ts.
import t from 'tap';

import {
  type Follow,
  found,
  inTurn,
  type Mistake,
  newBeginner,
  tryMistake,
} from '../support/first-mistakes.ts';
import { unlessRoot } from '../support/root.ts';

/** Runs the command of a hint, and then the line again. */
const thenLine: Follow = (line, hint) => `${hint} && ${line}`;
/** The line with the shell that the hint names. */
const byShell =
  (wrong: string): Follow =>
  (line, hint) =>
    line.replace(wrong, `${/\/bin\/\w+ -c /.exec(hint)?.[0] ?? 'false'}'ls && id'`);
const onlyBash = { before: 'mv jail/usr/bin/sh jail/usr/bin/bash' };
const noShell = { before: 'rm jail/usr/bin/sh jail/usr/bin/dash' };

const launches: readonly Mistake[] = [
  ["uchroot nobody jail 'ls && id'", /ls && id: not found/, { ...onlyBash, after: byShell("'ls && id'") }],
  [
    "uchroot nobody jail 'ls && id'",
    /ls && id: not found/,
    {
      ...noShell,
      after: (line, hint) =>
        `${/uchroot-jail build [^,]*/.exec(hint)?.[0]} && ${byShell("'ls && id'")(line, hint)}`,
    },
  ],

  ['uchroot sam@host jail /bin/ls', /Unknown user sam@host/, { after: found('sam@host', /sam/) }],
  [
    'uchroot nobody jial /bin/ls',
    /jial: no such file/,
    { before: 'mkdir jia', after: found('jial', /\/\S+jail/) },
  ],
  [
    'uchroot --landlock-ro / --landlock-rw $PWD/jail/tmp nobody jail /bin/ls',
    /not found in the jail/,
    { after: found('$PWD/jail/tmp', /\/tmp$/) },
  ],

  [
    'uchroot nobody jail /prog',
    /a blank stands before its #! line/,
    {
      before: `printf ' #!/bin/sh\\nls >/dev/null || exit 9\\n' >jail/prog && chmod 755 jail/prog`,
      after: thenLine,
    },
  ],
  [
    'uchroot nobody jail /prog',
    /an empty line stands before its #! line/,
    { before: `printf '\\n\\n#!/bin/sh\\nls\\n' >jail/prog && chmod 755 jail/prog`, after: thenLine },
  ],
  [
    './launcher',
    /jail: \S+jail: no such file/,
    {
      before: 'uchroot --compile launcher nobody jail /bin/ls && mv jail other',
      after: (line, hint) =>
        /build it again and then compile/.test(hint)
          ? `uchroot-jail build jail /bin/ls && uchroot --compile launcher nobody jail /bin/ls && ${line}`
          : 'false',
    },
  ],
];

const more: readonly Mistake[] = [
  ['uchroot -d $PWD/jail -u nobody /bin/ls', /unknown option -d/],
  [
    'uchroot nobody nothere/jail /bin/ls',
    /nothere: no such file/,
    { after: found('nothere/jail', /\/srv\/jail/) },
  ],

  [
    'uchroot --isolate --ephemeral --ephemeral-dir $PWD/a/b nobody jail /bin/ls',
    /it is not on the host/,
    { after: thenLine },
  ],
  [
    './launcher',
    /\/bin\/ls: not found in the jail/,
    {
      before: 'uchroot --compile launcher nobody jail /bin/ls && mv jail/usr/bin/ls jail/usr/bin/sl',
      after: (line, hint) =>
        `cause=$(${hint.replace(/ tells the cause.*/, '')} 2>&1); case $cause in *"not found in the jail"*) mv jail/usr/bin/sl jail/usr/bin/ls && ${line};; *) echo "$cause" >&2; false;; esac`,
    },
  ],
  [
    './launcher -a',
    /takes no arguments/,
    {
      before: 'uchroot --compile launcher nobody jail /bin/ls',
      after: (_, hint) =>
        /compile it with the arguments/.test(hint)
          ? 'rm launcher && uchroot --compile launcher nobody jail /bin/ls -a && ./launcher'
          : 'false',
    },
  ],
];

const byHand = 'mkdir -p hand/bin hand/lib64 && cp /bin/ls hand/bin';

const jails: readonly Mistake[] = [
  ['uchroot-jail update hand', /has no manifest/, { before: byHand }],
  [
    'uchroot-jail build hand id',
    /\/bin is a directory in the jail, and a link to usr\/bin/,
    { before: byHand, after: (line, hint) => `${hint.replace(/ +#.*/, '')} && ${line}` },
  ],
  [
    'uchroot-jail build jail app.js',
    /program app\.js is in none/,
    { before: 'echo 1 >app.js', after: found('app.js', /--copy app\.js/) },
  ],
  ['uchroot-jail build jail tool', /program (tool) is in none/, { before: 'cp /bin/true tool' }],
  [
    'uchroot-jail build jail --group users ls',
    /unknown option --group/,
    { after: (line) => line.replace('--group users', '') },
  ],
  [
    'uchroot-jail build jail --package hostname=3',
    /package hostname=3 is not installed/,
    { after: found('hostname=3', /hostname(?=:)/) },
  ],
  [
    'uchroot-jail build jail ls --without /lib/x86_64-linux-gnu/libc.so.6',
    /it is to be left out/,
    {
      after: (line, hint) =>
        hint.startsWith('do without the --without') ? line.replace(/--without .*/, '') : 'false',
    },
  ],
  [
    "HOME=$PWD; uchroot-jail build jail --copy '~/app'",
    /copy \S+~\/app: it is not there/,
    { before: 'mkdir app', after: found("'~/app'", /"\S+"/) },
  ],
  [
    'uchroot-jail build jail --copy $PWD/app /app',
    /program \/app: it is not there/,
    { before: 'mkdir app', after: found('--copy $PWD/app /app', /--copy \S+/) },
  ],
  [
    'uchroot-jail build jail --learn ls -l / --plan',
    /unknown option -l/,
    { after: found('--learn ls -l /', /--learn '.*'/) },
  ],
  [
    'uchroot-tcpd check --allow allow --deny /dev/null --daemon a --fail-on warning | sed -n "s/.* → /hint: /p" >&2; uchroot-tcpd check --allow allow --deny /dev/null --daemon a --fail-on warning >&2',
    /crlf/,
    { before: `printf 'a: 10.\\r\\n' >allow`, after: (line, hint) => `${hint}; ${line}` },
  ],
];

const skip = unlessRoot('unshare', 'nsenter');
const all = [...launches, ...more, ...jails];

t.test(
  `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
  { skip },
  async (t) => {
    const beginner = await newBeginner();
    await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
  },
);
