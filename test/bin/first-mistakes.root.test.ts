// The first mistakes of people who do not know uchroot yet: the message names the cause, and the hint, followed as it is printed,
// is the remedy.
import { found, type Mistake, testMistakes } from '../support/first-mistakes.ts';

const isolated = (line: string): string => line.replace('uchroot ', 'uchroot --isolate ');
const onlyWithout =
  (text: string) =>
  (line: string): string =>
    line.replace(text, '');

// ./jail is a jail with /bin/sh, /bin/ls, /usr/bin/env and /usr/bin/id.
const J = '$PWD/jail';

const order: readonly Mistake[] = [
  ['uchroot', /^Usage: uchroot/],
  ['uchroot help', /^Usage: uchroot/],

  ['uchroot nobody "/srv/jail /bin/ls"', /jail: .*no such file or directory/],
];

const names: readonly Mistake[] = [
  [
    `uchroot nobody ${J} ${J}/bin/ls`,
    /does not exist in the jail/,
    {
      after: (line, hint) => line.replace(`${J}/bin/ls`, hint.replace('give the path in the jail: ', '')),
    },
  ],
  ['uchroot nobody jail /bin/lss', /^uchroot: (\/bin\/lss): not found in the jail\n/],
  ['uchroot nobody jail ./bin/sl', /^uchroot: (\.\/bin\/sl): not found in the jail\n/],
  [
    'uchroot nobody jail /bin/cat',
    /^uchroot: \/bin\/cat: not found in the jail\nhint: uchroot-jail build \S+ \/bin\/cat\n$/,
    { right: [0] },
  ],
  [
    'uchroot nobody jail /usr/local/bin/ls',
    /(\/usr\/local\/bin\/ls): its directory \/usr\/local does not exist/,
  ],
  [
    'uchroot nobody jail ls',
    /^uchroot: (ls): not found in the jail\n/,
    {
      after: (line, hint) => line.replace(/ls$/, hint.replace('give the path in the jail: ', '')),
    },
  ],
  [
    'uchroot nobody jail cat',
    /^uchroot: cat: not found in the jail\n/,
    {
      after: (line, hint) => `${hint}\n${line.replace(/cat$/, '/bin/cat')}`,
    },
  ],
  ['uchroot nobdy jail /bin/ls', /Unknown user (nobdy)/],
  ['uchroot Nobody jail /bin/ls', /Unknown user (Nobody)/],
  ['uchroot nobody:nogrup jail /bin/ls', /Unknown group (nogrup)/],
  ['uchroot nobody.nogroup jail /bin/ls', /Unknown user (nobody\.nogroup)/],
  [
    'uchroot nobody: jail /bin/ls',
    /USER must be USER, or USER:GROUP with a group, not 'nobody:'/,
    {
      after: (line) => line.replace('nobody:', 'nobody'),
    },
  ],
  [
    'uchroot root jail /bin/ls',
    /user root is uid 0.*refused/,
    { after: (line) => line.replace(' root ', ' nobody ') },
  ],
  ['uchroot 4242 jail /bin/ls', /Unknown user 4242/, { after: (line) => line.replace('4242', '4242:4242') }],
  ['uchroot --groups audio,vidoe nobody jail /bin/ls', /Unknown group (vidoe)/],
  [
    'uchroot nobody jial /bin/ls',
    /jail: (\S+jial): no such file or directory/,
    {
      after: (line, hint) => line.replace('jial', /did you mean (.*)\?/.exec(hint)?.[1] ?? ''),
    },
  ],
  ['uchroot nobody /srv/other-place /bin/ls', /jail: \/srv\/other-place: no such file or directory/],
  [
    'uchroot nobody / /bin/ls',
    /the host's own root directory/,
    {
      after: (line, hint) => `${hint}\n${line.replace(' / ', ' /srv/jail ')}`,
    },
  ],
  [
    'uchroot nobody jail ""',
    /PROGRAM must be a path, not ''/,
    { after: (line) => line.replace('""', '/bin/sh -c :') },
  ],
  ['uchroot --chdir /work nobody jail /bin/ls', /chdir: \/work: not found in the jail/],
  [
    `uchroot --chdir ${J}/tmp nobody ${J} /bin/ls`,
    /chdir: /,
    {
      after: (line, hint) => line.replace(`${J}/tmp`, hint.replace('give the path in the jail: ', '')),
    },
  ],
  ['uchroot --chdir /etc/passwd nobody jail /bin/ls', /chdir: (\/etc\/passwd): not a directory/],
  [
    'uchroot --chdir /closed nobody jail /bin/sh -c :',
    /may not enter it/,
    { before: 'mkdir -m 0700 jail/closed' },
  ],
];

const options: readonly Mistake[] = [
  ['uchroot --workdir=/tmp nobody jail /bin/ls', /unknown option (--workdir)/],
  ['uchroot -e A=b nobody jail /bin/ls', /unknown option (-e)/],
  ['uchroot -h', /unknown option (-h)/],
  ['uchroot --clear-group nobody jail /bin/ls', /unknown option (--clear-group)/],
  [
    'uchroot --json nobody jail /bin/ls',
    /unknown option (--json)/,
    {
      after: (line, hint) => line.replace('--json', `--plan ${hint.replace('write ', '')}`),
    },
  ],
  [
    'uchroot --rlimit nofiles=100 nobody jail /bin/ls',
    /--rlimit must be limits of cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as,/,
  ],
  [
    'uchroot --rlimit nofile nobody jail /bin/ls',
    /--rlimit must be NAME=SOFT\[:HARD\], each limit a whole number or unlimited, not 'nofile'/,
    {
      after: (line, hint) => line.replace('--rlimit nofile', hint.replace('for example ', '')),
    },
  ],
  [
    'uchroot --groups audio --clear-groups nobody jail /bin/ls',
    /--groups and --clear-groups are given at once: choose one/,
    {
      after: onlyWithout('--groups audio '),
    },
  ],
  ['uchroot --net=none nobody jail /bin/ls', /--net needs --isolate/, { after: isolated }],
  ['uchroot --tmpfs /tmp nobody jail /bin/ls', /needs a mount namespace/, { after: isolated }],
  [
    'uchroot --preserve-fds 2 nobody jail /bin/ls',
    /--preserve-fds must be a whole number from 3 to 2147483647, not 2/,
    { after: onlyWithout('--preserve-fds 2 ') },
  ],
  [
    'uchroot --preserve-fds 9 nobody jail /bin/ls',
    /descriptor 9: is not open/,
    { after: (line) => `${line} 9</dev/null` },
  ],
  [
    'uchroot --pid-file run/x.pid nobody jail /bin/ls',
    /pid file: .*no such file or directory/,
    {
      after: (line) => `mkdir run && ${line}`,
    },
  ],

  ['uchroot --plan --format xml nobody jail /bin/ls', /--format must be one of text, json, not 'xml'/],
  ['uchroot --format json nobody jail /bin/ls', /--format needs --plan/],
  ['uchroot --unit systemdd nobody jail /bin/ls', /not '(systemdd)'/],

  ['uchroot --unit systemd nobody jail', /a unit needs a program/, { after: (line) => `${line} /bin/ls` }],
  ['uchroot --unit-name x nobody jail /bin/ls', /--unit-name needs --unit/],
  [
    'uchroot --unit systemd --accept nobody jail /bin/ls',
    /--accept needs --listen: it hands over connections/,
  ],
  [
    'uchroot --unit systemd --listen 99999 nobody jail /bin/ls',
    /--listen must be a port, ADDRESS:PORT, \[ADDRESS\]:PORT, a path or @NAME, not '99999'/,
    {
      after: (line, hint) => line.replace('--listen 99999', /--listen [0-9]+/.exec(hint)?.[0] ?? ''),
    },
  ],

  [
    'uchroot --unit systemd --reload-signal HUPP nobody jail /bin/ls',
    /--reload-signal must be the name or number of a signal \(signal\(7\)\), not 'HUPP'/,
  ],
  ['uchroot --unit systemd --plan nobody jail /bin/ls', /choose one/, { after: onlyWithout('--plan ') }],
  ['uchroot --compile no/x nobody jail /bin/ls', /compile: .*no such file or directory/],
  ['uchroot --compile x --architecture amd64 nobody jail /bin/ls', /not '(amd64)'/],
  ['uchroot --any-inode nobody jail /bin/ls', /--any-inode needs --compile/],
];

const instead =
  (wrong: string, right: string) =>
  (line: string): string =>
    line.replace(wrong, right);

// Values that people write from habit.
const values: readonly Mistake[] = [
  [
    'uchroot --time 5m nobody jail /bin/ls',
    /--time must be seconds from 0\.001 to 2147483, not '5m'/,
    { after: (line, hint) => line.replace('--time 5m', hint.replace('for example ', '')) },
  ],
  ...['--cpu 0.001', '--cpu 0.0000001', '--time 99999999999', '--time 9999999999'].map((wrong): Mistake => [
    `uchroot ${wrong} nobody jail /bin/ls`,
    /must be|takes a number/,
    { after: (line, hint) => line.replace(wrong, (/--\w+ [\d.]+/.exec(hint) ?? [''])[0]) },
  ]),
  [
    'uchroot --swap 1G nobody jail /bin/ls',
    /--swap needs --memory/,
    { after: instead('--swap', '--memory 1G --swap') },
  ],

  [
    'uchroot --landlock-ro bin nobody jail /bin/ls',
    /--landlock-ro must be an absolute path, not 'bin'/,
    { after: (line) => line.replace('--landlock-ro bin', '--landlock-ro /') },
  ],

  [
    'uchroot --isolate --read-only --ephemeral nobody jail /bin/ls',
    /given at once: choose one/,
    { after: onlyWithout('--read-only ') },
  ],
  ['uchroot --ephemeral nobody jail /bin/ls', /needs a mount namespace/, { after: isolated }],
  [
    'uchroot --bind /srv:/mnt nobody jail /bin/ls',
    /needs a mount namespace/,
    { before: 'mkdir jail/mnt', after: isolated },
  ],

  [
    'uchroot --isolate --bind /nosuch:/mnt nobody jail /bin/ls',
    /\/nosuch .*it is not on the host/,
    { before: 'mkdir jail/mnt', after: instead('/nosuch', '/srv') },
  ],
  [
    'uchroot --isolate --bind /srv:/no/such nobody jail /bin/ls',
    /\/no\/such is not in the jail/,
    { after: (line, hint) => `${/mkdir -p \S+/.exec(hint)?.[0]} && ${line}` },
  ],

  [
    'uchroot --isolate --tmpfs / nobody jail /bin/ls',
    /--tmpfs must be a path below \/, where the jail itself is, not '\/'/,
    { after: instead('--tmpfs /', '--ephemeral') },
  ],
  [
    'uchroot --isolate --proc nobody jail /bin/ls',
    /--proc must be an absolute path, not 'nobody'/,
    {
      before: 'mkdir -p jail/proc',
      after: found('--proc', /--proc \/proc/),
    },
  ],
  [
    'uchroot --seccomp unconfined nobody jail /bin/ls',
    /seccomp: unconfined: no such file/,
    { after: instead('unconfined', 'default') },
  ],
  ['uchroot --allow ptrac nobody jail /bin/ls', /no system call or group '(ptrac)'/],
  [
    'uchroot --pid-file "" nobody jail /bin/ls',
    /--pid-file must be the path of a file/,
    { after: (line, hint) => line.replace('""', `$PWD/${/NAME\.pid/.exec(hint)?.[0]}`) },
  ],
  [
    'uchroot --keep-env --pass-env A nobody jail /bin/ls',
    /given at once/,
    { after: onlyWithout('--keep-env ') },
  ],
];

// A script of the jail alone.
const script = (text: string): string => `printf '${text}' >jail/prog && chmod 0755 jail/prog`;
const withPath = (line: string): string => `sed -i '1s,.*,#!/bin/sh,' jail/prog && ${line}`;

// Scripts of other systems, paths of the host, and words of docker, bwrap and setpriv.
const others: readonly Mistake[] = [
  ['uchroot nobody jail jail/bin/ls', /execve: (jail\/bin\/ls): .* does not exist in the jail/],

  [
    'uchroot nobody jail /prog',
    /a byte order mark \(U\+FEFF\) stands before its first line/,
    { before: script('\\357\\273\\277#!/bin/sh\\n') },
  ],
  [
    'uchroot nobody jail /prog',
    /its command tac, needed by \/prog: it is in none of the directories of PATH/,
    { before: script('#!/usr/bin/env tac\\n') },
  ],
  [
    'uchroot nobody jail /prog',
    /its command ls\\x0d, needed by \/prog/,
    { before: script('#!/usr/bin/env ls\\r\\n') },
  ],
  [
    'uchroot nobody jail /prog',
    /its interpreter sh \(line '#!sh'\): not found in the jail/,
    { before: script('#!sh\\n'), after: withPath },
  ],
  [
    'uchroot nobody jail /prog',
    /its line '#!' names no interpreter/,
    { before: script('#!\\n'), after: withPath },
  ],
  [
    'uchroot --isolate --bind /srv:/mnt:ro nobody jail /bin/ls',
    /\/mnt:ro is not in the jail/,
    {
      before: 'mkdir jail/mnt',
      after: (line, hint) => line.replace('--bind', /--ro-bind/.exec(hint)?.[0] ?? '').replace(':ro', ''),
    },
  ],
  [
    'uchroot -v /srv:/mnt nobody jail /bin/ls',
    /unknown option -v/,
    { before: 'mkdir jail/mnt', after: found('-v', /--isolate --bind/) },
  ],
  [
    'uchroot --dev-bind /dev:/dev nobody jail /bin/ls',
    /unknown option --dev-bind/,
    { after: found('--dev-bind /dev:/dev', /--isolate --dev \/dev/) },
  ],

  [
    'uchroot --rlimit nofile=2 nobody jail /bin/ls',
    /too many open files/,
    { after: (line, hint) => line.replace('nofile=2', hint.includes('a larger number') ? 'nofile=64' : '') },
  ],
  [
    'uchroot --groups "audio video" nobody jail /bin/ls',
    /Unknown group audio video/,
    { after: found('"audio video"', /audio,video/) },
  ],

  [
    'uchroot-jail build jail $PWD/things',
    /program \S+\/things: it is not a regular file/,
    { before: 'mkdir things && : >things/a', after: found('$PWD/things', /--copy \S+/) },
  ],
  [
    'uchroot-jail build jail --copy etc/host.conf',
    /copy \S+\/etc\/host\.conf: it is not there/,
    { after: found('etc/host.conf', /\/etc\/host\.conf/) },
  ],
  ['uchroot-jail build jail --user 1001', /Unknown user 1001/, { after: found('1001', /sam/) }],
  ['uchroot-jail build jail --user sam:sam', /Unknown user sam:sam/, { after: found('sam:sam', /sam(?=:)/) }],
  [
    'uchroot-jail build jail --user sam,nobody',
    /Unknown user sam,nobody/,
    { after: found('--user sam,nobody', /--user sam --user nobody/) },
  ],
  [
    'uchroot-jail build jail cat,true',
    /program cat,true is in none of the directories of PATH/,
    { after: found('cat,true', /cat true/) },
  ],
  ['uchroot-jail build jail /nope/cat', /program (\/nope\/cat): it is not there/],
  [
    'uchroot-jail build jail $PWD/script',
    /interpreter \/bin\/sh\\x0d, needed by \S+\/script: it is not there/,
    {
      before: "printf '#!/bin/sh\\r\\n' >script && chmod 0755 script",
      after: (line, hint) => `${hint}\n${line}`,
    },
  ],
];

testMistakes([...order, ...names, ...options, ...values, ...others]);
