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
  ['uchroot --time 5 m nobody $PWD/jail /bin/ls', /Unknown user m/],
  ['uchroot --time 1.5 hours nobody $PWD/jail /bin/ls', /Unknown user hours/],
  ['uchroot --cpu-time 1 min nobody $PWD/jail /bin/ls', /Unknown user min/],
  ['uchroot --rlimit nofile 1024 nobody $PWD/jail /bin/ls', /--rlimit takes NAME=SOFT/],
  ['uchroot nobody jail/usr/bin ls', /its ELF interpreter \S+: its directory/],
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
  [
    'uchroot --nice -5 nobody jail /bin/ls',
    /takes a number from 0 on, not '-5'/,
    { after: (line, hint) => (hint.startsWith('leave it out') ? line.replace('--nice -5 ', '') : 'false') },
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
  [
    'uchroot --isolate --tmpfs /tmp:size=1G,uid=0 nobody jail /bin/ls',
    /not 'uid=0'/,
    { after: found('--tmpfs /tmp:size=1G,uid=0', /--tmpfs \/tmp:size=1G$/) },
  ],
];

const options: readonly Mistake[] = [
  ['uchroot nobody /srv/jail cd /tmp', /cd: not found in the jail/],
  ['uchroot nobody /srv/jail umask', /umask: not found in the jail/],
  ['uchroot-tcpd --why sshd 192.0.2.1', /unknown option --why/],
  ['uchroot-tcpd match sshd', /CLIENT is missing/],
  [
    'uchroot-jail clone jail',
    /DIRECTORY is missing/,
    { after: (_, hint) => hint.replace(/^add DIRECTORY: (.*) DIRECTORY$/, '$1 new') },
  ],
  ['uchroot -- --umask 027 nobody $PWD/jail /bin/ls', /^uchroot: -- stands before an option/],
  ['uchroot nobody /bin/sh -c id', /^uchroot: DIRECTORY is missing/],
  ['uchroot nobody /bin/ls -l', /^uchroot: DIRECTORY is missing/],
  ['uchroot nobody jail lss', /(lss): not found in the jail/],
  ['uchroot jail nobody /bin/ls', /Unknown user jail/],
  ['uchroot jail /bin/ls', /Unknown user jail/],
  ['uchroot --chdir /urs/bin nobody jail /bin/ls', /chdir: (\/urs\/bin): /],
  ['uchroot sudo -u nobody $PWD/jail /bin/ls', /Unknown user sudo/],
  ['uchroot env GREETING=hello nobody $PWD/jail /bin/ls', /Unknown user env/],
  [
    'uchroot nobody $PWD /bin/ls',
    /\/bin\/ls: its directory \/bin/,
    { after: found('$PWD', /\/srv\/\S+(?=\?)/) },
  ],
  ['uchroot --time nobody $PWD/jail /bin/ls', /--time takes a number such as 1.5, not 'nobody'/],
  ['uchroot --rlimit nobody $PWD/jail /bin/ls', /--rlimit takes NAME=SOFT/],
  [
    'uchroot --unshare nobody $PWD/jail /bin/ls',
    /there is no namespace 'nobody'/,
    {
      after: (line, hint) =>
        hint.includes('has taken nobody') ? line.replace('--unshare', '--unshare=net') : 'false',
    },
  ],
  [
    'uchroot --format nobody $PWD/jail /bin/ls',
    /--format is for a plan/,
    {
      after: (line, hint) =>
        hint.includes('has taken nobody') ? line.replace('--format', '--plan --format=text') : 'false',
    },
  ],
  [
    'uchroot --unsetenv LANG,TZ nobody jail /bin/ls',
    /--unsetenv takes one NAME, not 'LANG,TZ'/,
    { after: found('--unsetenv LANG,TZ', /--unsetenv .*/) },
  ],
  [
    'uchroot --isolate=no nobody jail /bin/ls',
    /option --isolate takes no value/,
    { after: (line, hint) => line.replace(` ${/(?<=leave out )\S+/.exec(hint)?.[0]}=no`, '') },
  ],
  [
    'uchroot --isolate --ephemeral-dir $PWD/jail/tmp nobody jail /bin/ls',
    /ephemeral: \S+tmp can be written by everybody/,
    {
      after: (line, hint) =>
        /outside of it: mkdir/.test(hint) ? `mkdir kept; ${line.replace('jail/tmp', 'kept')}` : 'false',
    },
  ],
  [
    'uchroot --isolate --bind /etc:/ nobody jail /bin/ls',
    /must not be \/: the jail itself is there/,
    {
      after: (line, hint) => (hint.startsWith('leave it out') ? line.replace('--bind /etc:/ ', '') : 'false'),
    },
  ],
  ['uchroot --umask = 027 nobody $PWD/jail /bin/ls', /--umask takes an octal mode such as 027, not '='/],
  ['uchroot --umask= 027 nobody $PWD/jail /bin/ls', /--umask takes an octal mode such as 027, not ''/],
  ['uchroot -c $PWD/jail -u nobody /bin/ls', /unknown option -c/],
  [
    'uchroot --man',
    /unknown option --man/,
    { after: (_, hint) => (hint.includes('man uchroot') ? 'true' : 'false') },
  ],
];

const jails: readonly Mistake[] = [
  [
    'uchroot-jail build -q new ls',
    /unknown option -q/,
    { after: (line, hint) => (hint.startsWith('leave it out') ? line.replace('-q ', '') : 'false') },
  ],
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
    'uchroot-jail remove jail ls /bin/id',
    /^Usage: uchroot-jail remove/,
    { after: thenHolds('test -e jail/usr/bin/env -a ! -e jail/usr/bin/ls -a ! -e jail/usr/bin/id') },
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
