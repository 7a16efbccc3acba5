// Further first mistakes: paths in a jail where the jail belongs, a value and its unit as two words, several files as one word, files of
// the working directory. As first-mistakes.root.test.ts.
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

/** Runs the command that `match` finds in a hint, and then the line, with the path that the hint names in place of the wrong one. */
const thenPath =
  (wrong: string, match: RegExp): Follow =>
  (line, hint) =>
    `${hint.replace(/ {3}#.*/, '')} && ${found(wrong, match)(line, hint)}`;
/** The command of a hint, and what holds then. */
const thenHolds =
  (holds: string): Follow =>
  (_, hint) =>
    `${hint} && ${holds}`;

const launches: readonly Mistake[] = [
  [
    'uchroot nobody jail ./app',
    /\.\/app: not found in the jail/,
    { before: 'cp /usr/bin/true app', after: thenPath('./app', /\/srv\/row\w+\/app/) },
  ],
  [
    'uchroot nobody jail true',
    /true: not found in the jail/,
    { after: thenPath('true', /(?<=in the jail, )[^:]+/) },
  ],

  ['uchroot nobody jail /bin/ls /', /may not enter it \(mode 0700/, { before: 'chmod 700 jail' }],
  ['uchroot --pid-file $PWD/run/a.pid nobody jail /bin/ls', /pid file: \S+: no such file/],
  [
    'uchroot --unit systemd --unit-dir /run/systemd/sytem nobody jail /bin/ls',
    /(\/run\/systemd\/sytem): there is no such directory/,
    { before: 'mount -t tmpfs none /run' },
  ],
  [
    'uchroot --isolate --seccomp unconfined nobody jail /bin/ls',
    /seccomp: unconfined: no such file/,
    { after: found('--seccomp unconfined', /--seccomp log/) },
  ],
];

const options: readonly Mistake[] = [
  ['uchroot-tcpd match sshd', /CLIENT is missing/],
  [
    'uchroot-jail clone jail',
    /DIRECTORY is missing/,
    { after: (_, hint) => hint.replace(/^add DIRECTORY: (.*) DIRECTORY$/, '$1 new') },
  ],

  ['uchroot nobody jail lss', /(lss): not found in the jail/],

  ['uchroot --chdir /urs/bin nobody jail /bin/ls', /chdir: (\/urs\/bin): /],

  [
    'uchroot nobody $PWD /bin/ls',
    /\/bin\/ls: its directory \/bin/,
    { after: found('$PWD', /\/srv\/\S+(?=\?)/) },
  ],

  [
    'uchroot --unsetenv LANG,TZ nobody jail /bin/ls',
    /--unsetenv must be the name of one variable, not 'LANG,TZ'/,
    { after: found('--unsetenv LANG,TZ', /--unsetenv .*/) },
  ],

  ['uchroot -c $PWD/jail -u nobody /bin/ls', /unknown option -c/],
];

const jails: readonly Mistake[] = [
  [
    'uchroot-jail update jail --fix',
    /unknown option --fix/,
    {
      after: (_, hint) =>
        hint.includes('check --fix DIRECTORY') ? 'uchroot-jail check --fix jail' : 'false',
    },
  ],
  [
    'uchroot-jail build new ls --copy /etc/passwd:$PWD/new/data',
    /DEST of --copy is a path in the jail/,
    { after: found('/etc/passwd:$PWD/new/data', /\/etc\/passwd:\/data$/) },
  ],
  [
    'uchroot-jail build new ls=9.4',
    /program (ls=9\.4) is in none/,
    { after: found('ls=9.4', /(?<=write )ls/) },
  ],
  [
    'uchroot-jail build new ls --copy /etc/passwd,/etc/group',
    /it is not there/,
    { after: found('--copy /etc/passwd,/etc/group', /--copy .* --copy .*/) },
  ],
  [
    'uchroot-jail remove jail/bin/ls',
    /is not a directory/,
    { after: thenHolds('test -e jail/usr/bin/env -a ! -e jail/usr/bin/ls') },
  ],
  ['uchroot-jail explain $PWD/jail/bin/ls', /^Usage: uchroot-jail explain/],
  ['uchroot-jail update $PWD', /has no manifest/, { after: found('$PWD', /\/srv\/\w+\/jail/) }],
  ['uchroot-jail update jail/usr', /has no manifest/, { after: found('jail/usr', /\/srv\/\w+\/jail/) }],
  [
    'uchroot-jail list jail/usr/bin/ls',
    /it is not a directory/,
    { after: found('jail/usr/bin/ls', /\/srv\/\w+\/jail/) },
  ],
  [
    'uchroot-jail update',
    /^Usage: uchroot-jail update/,
    { after: (_, hint) => hint.replace('add DIRECTORY: ', '').replace('DIRECTORY', 'jail') },
  ],
  [
    'uchroot-jail build ro ls',
    /ro: \/.uchroot: Read-only file system/,
    {
      before: 'mkdir ro && mount -t tmpfs -o ro,mode=755 none ro',
      after: (line, hint) => `${/mount -o .*/.exec(hint)?.[0]} && ${line}`,
    },
  ],
];

const skip = unlessRoot('unshare', 'nsenter');
const all = [...launches, ...options, ...jails];

t.test(
  `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
  { skip },
  async (t) => {
    const beginner = await newBeginner();
    await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
  },
);
