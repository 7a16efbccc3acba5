// The first mistakes with uchroot-jail and uchroot-tcpd, with jails that were made by hand, and paths in a jail where the jail belongs. As
// first-mistakes.root.test.ts.
import { type Follow, found, type Mistake, testMistakes } from '../support/first-mistakes.ts';

/** The command of a hint that names an operand that is missing, with a word for it. */
const named =
  (operand: string, word: string) =>
  (_: string, hint: string): string =>
    hint.replace(/^add [A-Z]+: /, '').replace(operand, word);

const J = '$PWD/jail';
const jails: readonly Mistake[] = [
  [
    'uchroot nobody jail /bin/ls',
    /^uchroot: execve: \/bin\/ls: its shared library libc\.so\.6, needed by \S+: it is in none of the directories/,
    { before: 'find jail -name libc.so.6 -delete' },
  ],
  // the book's way
  [
    'uchroot nobody own /bin/ls',
    /its ELF interpreter \S+ does not exist|its ELF interpreter/,
    {
      before: 'mkdir -p own/bin && cp /bin/ls own/bin',
    },
  ],
  [
    'uchroot nobody own /bin/prog',
    /its interpreter \/bin\/sh/,
    {
      before: "mkdir -p own/bin && printf '#!/bin/sh\\n' >own/bin/prog && chmod 0755 own/bin/prog",
    },
  ],
  [
    'uchroot nobody jail /prog',
    /its interpreter \/bin\/sh\\x0d/,
    {
      before: "printf '#!/bin/sh\\r\\n' >jail/prog && chmod 0755 jail/prog",
    },
  ],
  ['uchroot nobody jail /prog', /no execute permission/, { before: "printf '#!/bin/sh\\n' >jail/prog" }],
  [
    'uchroot nobody jail /prog',
    /neither an ELF program nor a script/,
    {
      before: "printf 'exit 0\\n' >jail/prog && chmod 0755 jail/prog",
      after: (line) => `sed -i '1i #!/bin/sh' jail/prog && ${line}`,
    },
  ],
  [
    'uchroot nobody jail /usr/bin',
    /is a directory/,
    { after: (line) => line.replace('/usr/bin', '/usr/bin/ls') },
  ],
  [
    'uchroot nobody jail /bin/ls',
    /the directory \/usr may not be entered/,
    { before: 'chmod 0700 jail/usr' },
  ],
  ['uchroot nobody jail /bin/ls', /can be written by everybody/, { before: 'chmod 0777 jail' }],
  ['uchroot sam jail /bin/ls', /is owned by uid 1001/, { before: 'chown sam: jail' }],
  [
    'uchroot sam /srv/home/sam/mine /bin/ls',
    /\/srv\/home\/sam, above the jail, is owned by uid 1001/,
    {
      before: 'cp -a jail /srv/home/sam/mine',
      after: (line, hint) => `${hint}\n${line.replace('/srv/home/sam/mine', '/srv/mine')}`,
    },
  ],
  [
    'uchroot sam /srv/home/sam /bin/ls',
    /is owned by uid 1001/,
    {
      after: (line, hint) => `${hint}\n${line.replace('/srv/home/sam', '/srv/sam')}`,
    },
  ],
  ['uchroot-jail', /^Usage: uchroot-jail/],
  ['uchroot-jail biuld new /bin/ls', /unknown command (biuld)/],
  ['uchroot-jail ls jail', /unknown command (ls)/],
  ['uchroot-jail build', /^Usage: uchroot-jail build/, { after: named('DIRECTORY', 'new id') }],
  [
    'uchroot-jail build new',
    /no program, package, pack or file is named/,
    { after: (line) => `${line} /bin/sh` },
  ],

  ['uchroot-jail build jail /bin/lss', /program (\/bin\/lss): it is not there/],
  ['uchroot-jail build jail lss', /program (lss) is in none of the directories of PATH/],
  ["uchroot-jail build jail 'ls -l'", /program (ls -l) is in none/, { after: found("'ls -l'", /ls/) }],
  ['uchroot-jail build jail --pack pyhton', /no pack (pyhton)/],
  ['uchroot-jail build jail --user nobdy', /Unknown user (nobdy)/],
  ['uchroot-jail build jail --copy /etc/host.confi', /copy (\/etc\/host\.confi): it is not there/],
  ['uchroot-jail build jail --dry-run /bin/cat', /unknown option (--dry-run)/],
  ['uchroot-jail build jail --format yaml /bin/cat', /--format must be one of text, json, not 'yaml'/],
  [
    'uchroot-jail build / /bin/cat',
    /it cannot be a jail/,
    { after: (line) => line.replace(' / ', ' /srv/jail ') },
  ],
  ['uchroot-jail build plain /bin/cat', /can be written by everybody/, { before: 'mkdir -m 0777 plain' }],
  ['uchroot-jail update plain', /has no manifest/, { before: 'mkdir -p plain/usr' }],
  ['uchroot-jail update jail /bin/cat', /^Usage: uchroot-jail update/],
  [
    'uchroot-jail update jial',
    /there is no such directory/,
    {
      after: (line, hint) => line.replace('jial', /did you mean (.*)\?/.exec(hint)?.[1] ?? ''),
    },
  ],
  ['uchroot-jail explain jail', /^Usage: uchroot-jail explain/],
  [
    'uchroot-jail explain jail ls',
    /(\/ls) is not in the jail/,
    {
      after: (line, hint) => line.replace(/ls$/, /did you mean (.*)\?/.exec(hint)?.[1] ?? ''),
    },
  ],
  [
    `uchroot-jail explain jail ${J}/bin/ls`,
    /is not in the jail/,
    {
      after: (line, hint) => line.replace(`${J}/bin/ls`, /did you mean (.*)\?/.exec(hint)?.[1] ?? ''),
    },
  ],
  ['uchroot-jail clone jail', /^Usage: uchroot-jail clone/, { after: named('DIRECTORY', 'new') }],
  ['uchroot-jail clone jail jail', /one is inside the other/],
  ['uchroot-jail remove --force jail', /unknown option (--force)/],
  ['uchroot-jail check', /^Usage: uchroot-jail check/, { after: named('DIRECTORY', 'jail') }],
  [
    'uchroot-jail check jail --replace /x',
    /--replace needs --fix/,
    { after: (line, hint) => line.replace('check', `check ${/--fix/.exec(hint)?.[0]}`), right: [0, 3, 4] },
  ],
  ['uchroot-jail check jail --fail-on errors', /--fail-on (errors): it is one of/],
  [
    'uchroot-jail check jial',
    /no such file or directory/,
    {
      after: (line, hint) => line.replace('jial', /did you mean (.*)\?/.exec(hint)?.[1] ?? ''),
      right: [0, 3, 4],
    },
  ],
];

const wrappers: readonly Mistake[] = [
  ['uchroot-tcpd', /^Usage: uchroot-tcpd/],
  ['uchroot-tcpd mach sshd 192.0.2.1', /unknown command (mach)/, { right: [0, 1] }],
  [
    'uchroot-tcpd match',
    /DAEMON and CLIENT are missing/,
    { after: (_, hint) => hint.replace('for example ', ''), right: [0, 1] },
  ],
  ['uchroot-tcpd match sshd', /^Usage: uchroot-tcpd match/, { right: [0, 1] }],

  [
    'uchroot-tcpd --allow rules match sshd 192.0.2.1',
    /option --allow stands before the command: it belongs behind it/,
    { before: ': >rules', right: [0, 1] },
  ],
  [
    'uchroot-tcpd match --allow rulse sshd 192.0.2.1',
    /(rulse) is not there/,
    { before: ': >rules', right: [0, 1] },
  ],
  [
    'uchroot-tcpd check --allow rulse --deny rules',
    /(rulse) is not there/,
    { before: ': >rules', right: [0, 3, 4] },
  ],
  [
    'uchroot-tcpd check rules',
    /^uchroot-tcpd: rules is one word too many$/m,
    { before: ': >rules', right: [0, 3, 4] },
  ],
  ['uchroot-tcpd check --alow rules', /unknown option (--alow)/, { before: ': >rules', right: [0, 3, 4] }],
  ['uchroot-tcpd export', /^Usage: uchroot-tcpd export/, { right: [0, 1] }],
  ['uchroot-tcpd export nft', /^Usage: uchroot-tcpd export/, { right: [0, 1] }],
  [
    'uchroot-tcpd export --to nftable',
    /--to must be one of nftables, systemd, not 'nftable'/,
    { right: [0, 1] },
  ],

  [
    'uchroot-tcpd run --chdir /tmp /bin/ls',
    /--chdir is for a jail/,
    {
      after: (line, hint) => line.replace('run ', `run ${hint.replace('for example ', '')} `),
    },
  ],
];

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

const paths: readonly Mistake[] = [
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
];

const places: readonly Mistake[] = [
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

testMistakes([...jails, ...wrappers, ...paths, ...options, ...places]);
