// The first mistakes of people who do not know uchroot yet: the message names the cause, and the hint, followed as it is printed,
// is the remedy.
import t from 'tap';

import { found, inTurn, type Mistake, newBeginner, tryMistake } from '../support/first-mistakes.ts';
import { unlessRoot } from '../support/root.ts';

const isolated = (line: string): string => line.replace('uchroot ', 'uchroot --isolate ');
const onlyWithout =
  (text: string) =>
  (line: string): string =>
    line.replace(text, '');

// ./jail is a jail with /bin/sh, /bin/ls, /usr/bin/env and /usr/bin/id.
/** The command of a hint that names an operand that is missing, with a word for it. */
const named =
  (operand: string, word: string) =>
  (_: string, hint: string): string =>
    hint.replace(/^add [A-Z]+: /, '').replace(operand, word);
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
  ['uchroot --cwd /tmp nobody jail /bin/ls', /unknown option (--cwd)/],
  ['uchroot --workdir=/tmp nobody jail /bin/ls', /unknown option (--workdir)/],
  ['uchroot -w /tmp nobody jail /bin/ls', /unknown option (-w)/],
  ['uchroot --env A=b nobody jail /bin/ls', /unknown option (--env)/],
  ['uchroot -e A=b nobody jail /bin/ls', /unknown option (-e)/],
  ['uchroot -h', /unknown option (-h)/],
  ['uchroot -V', /unknown option (-V)/],
  ['uchroot --dry-run nobody jail /bin/ls', /unknown option (--dry-run)/],
  ['uchroot --unshare-all nobody jail /bin/ls', /unknown option (--unshare-all)/],
  ['uchroot --unshare-net nobody jail /bin/ls', /unknown option (--unshare-net)/],
  ['uchroot --isolated nobody jail /bin/ls', /unknown option (--isolated)/],
  ['uchroot --cap-add net_bind_service nobody jail /bin/ls', /unknown option (--cap-add)/],
  ['uchroot --no-new-privs nobody jail /bin/ls', /unknown option (--no-new-privs)/],
  ['uchroot --ulimit nofile=100 nobody jail /bin/ls', /unknown option (--ulimit)/],
  ['uchroot --clear-group nobody jail /bin/ls', /unknown option (--clear-group)/],
  ['uchroot -umask 022 nobody jail /bin/ls', /unknown option (-umask)/],
  [
    'uchroot --json nobody jail /bin/ls',
    /unknown option (--json)/,
    {
      after: (line, hint) => line.replace('--json', `--plan ${hint.replace('write ', '')}`),
    },
  ],
  [
    'uchroot --cap net_bind_servce nobody jail /bin/ls',
    /--cap must be the name of a capability \(capabilities\(7\)\), not 'net_bind_servce'/,
  ],
  [
    'uchroot --rlimit nofiles=100 nobody jail /bin/ls',
    /--rlimit must be limits of cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as,/,
  ],
  [
    'uchroot --rlimit files=100 nobody jail /bin/ls',
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
    'uchroot --rlimit nofile=4k nobody jail /bin/ls',
    /--rlimit must be NAME=SOFT\[:HARD\], each limit a whole number or unlimited, not 'nofile=4k'/,
    {
      after: (line, hint) => line.replace('--rlimit nofile=4k', /--rlimit \S+[0-9]/.exec(hint)?.[0] ?? ''),
    },
  ],

  [
    'uchroot --umask 888 nobody jail /bin/ls',
    /--umask must be an octal mode from 0 to 777, as text such as '022' or as a number such as /,
    {
      after: (line, hint) => line.replace('--umask 888', hint.replace('for example ', '')),
    },
  ],
  [
    'uchroot --groups audio --clear-groups nobody jail /bin/ls',
    /--groups and --clear-groups are given at once: choose one/,
    {
      after: onlyWithout('--groups audio '),
    },
  ],

  [
    'uchroot --unshare network nobody jail /bin/ls',
    /--unshare must be one of mount, cgroup, uts, ipc, pid, net, not 'network'/,
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
    /--reload-signal must be the name or number of a signal \(signal\(7\)\), not 'SIGHUPP'/,
  ],
  ['uchroot --unit systemd --plan nobody jail /bin/ls', /choose one/, { after: onlyWithout('--plan ') }],
  ['uchroot --compile no/x nobody jail /bin/ls', /compile: .*no such file or directory/],
  ['uchroot --compile x --architecture amd64 nobody jail /bin/ls', /not '(amd64)'/],
  ['uchroot --any-inode nobody jail /bin/ls', /--any-inode needs --compile/],
];

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
  ['uchroot-jail create new /bin/ls', /unknown command (create)/],
  ['uchroot-jail add jail /bin/cat', /unknown command (add)/],
  ['uchroot-jail ls jail', /unknown command (ls)/],
  ['uchroot-jail verify jail', /unknown command (verify)/, { right: [0, 3, 4] }],
  ['uchroot-jail rm jail', /unknown command (rm)/],
  [`uchroot-jail ${J} /bin/cat`, /unknown command/],
  ['uchroot-jail -h', /unknown option (-h)/],
  ['uchroot-jail build', /^Usage: uchroot-jail build/, { after: named('DIRECTORY', 'new id') }],
  [
    'uchroot-jail build new',
    /no program, package, pack or file is named/,
    { after: (line) => `${line} /bin/sh` },
  ],

  ['uchroot-jail build jail /bin/lss', /program (\/bin\/lss): it is not there/],
  ['uchroot-jail build jail lss', /program (lss) is in none of the directories of PATH/],
  ['uchroot-jail build jail --pack pyhton', /no pack (pyhton)/],
  ['uchroot-jail build jail --user nobdy', /Unknown user (nobdy)/],
  [
    'uchroot-jail build jail --program /bin/cat',
    /unknown option (--program)/,
    { after: onlyWithout('--program') },
  ],
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
  ['uchroot-jail list --json jail', /unknown option (--json)/],
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
  ['uchroot-tcpd test sshd 192.0.2.1', /unknown command (test)/, { right: [0, 1] }],
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
  [
    'uchroot-tcpd check --format xml',
    /--format must be one of text, json, sarif, not 'xml'/,
    { right: [0, 3, 4] },
  ],
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

const instead =
  (wrong: string, right: string) =>
  (line: string): string =>
    line.replace(wrong, right);

// Values that people write from habit.
const values: readonly Mistake[] = [
  [
    'uchroot --cpu 50% nobody jail /bin/ls',
    /--cpu must be a number of CPUs from 0\.01 to 8192, not '50%'/,
    { after: (line, hint) => line.replace('--cpu 50%', hint.replace('for example ', '')) },
  ],
  [
    'uchroot --time 5m nobody jail /bin/ls',
    /--time must be seconds from 0\.001 to 2147483, not '5m'/,
    { after: (line, hint) => line.replace('--time 5m', hint.replace('for example ', '')) },
  ],
  [
    'uchroot --time 10s nobody jail /bin/ls',
    /--time must be seconds from 0\.001 to 2147483, not '10s'/,
    { after: (line, hint) => line.replace('--time 10s', hint.replace('for example ', '')) },
  ],
  ...['--cpu 0.001', '--cpu 0.0000001', '--time 99999999999', '--time 9999999999'].map((wrong): Mistake => [
    `uchroot ${wrong} nobody jail /bin/ls`,
    /must be|takes a number/,
    { after: (line, hint) => line.replace(wrong, (/--\w+ [\d.]+/.exec(hint) ?? [''])[0]) },
  ]),
  [
    'uchroot --pids many nobody jail /bin/ls',
    /--pids must be a whole number from 1 to 4194304, not 'many'/,
    { after: (line, hint) => line.replace('--pids many', hint.replace('for example ', '')) },
  ],

  [
    'uchroot --affinity all nobody jail /bin/ls',
    /--affinity must be a whole number from 0 to 8191, not 'all'/,
    { after: (line, hint) => line.replace('--affinity all', hint.replace('for example ', '')) },
  ],
  [
    'uchroot --swap 1G nobody jail /bin/ls',
    /--swap needs --memory/,
    { after: instead('--swap', '--memory 1G --swap') },
  ],
  [
    'uchroot --cpu-time 1.5 nobody jail /bin/ls',
    /--cpu-time must be a whole number from 1 to 2147483648, not 1\.5/,
    { after: (line, hint) => line.replace('--cpu-time 1.5', hint.replace('for example ', '')) },
  ],
  [
    'uchroot --connect-tcp https nobody jail /bin/ls',
    /--connect-tcp must be a whole number from 0 to 65535, not 'https'/,
    { after: (line, hint) => line.replace('--connect-tcp https', hint.replace('for example ', '')) },
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
    'uchroot --isolate --tmpfs tmp nobody jail /bin/ls',
    /--tmpfs must be an absolute path, not 'tmp'/,
    { after: instead('tmpfs tmp', 'tmpfs /tmp') },
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
      after: (line, hint) => line.replace('--proc', /--proc \/proc/.exec(hint)?.[0] ?? ''),
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
  [
    'uchroot --rlimit nofile=100,200 nobody jail /bin/ls',
    /--rlimit must be NAME=SOFT\[:HARD\], each limit a whole number or unlimited, not 'nofile=100/,
    {
      after: (line, hint) =>
        line.replace('--rlimit nofile=100,200', /--rlimit \S+[0-9]/.exec(hint)?.[0] ?? ''),
    },
  ],

  ['uchroot --no-isolate nobody jail /bin/ls', /unknown option (--no-isolate)/],
];

// Words from the habits of a shell, of docker and of chroot.
const habits: readonly Mistake[] = [
  [
    'uchroot nobody:nogroup:audio jail /bin/ls',
    /Unknown group nogroup:audio/,
    {
      after: (line, hint) =>
        line.replace(':audio', '').replace('uchroot ', `uchroot ${/--groups \S+/.exec(hint)?.[0]} `),
    },
  ],
  [
    'uchroot nobody jail cd /tmp',
    /^uchroot: cd: not found in the jail/,
    {
      after: (line, hint) =>
        line.replace('cd /tmp', /\/bin\/sh -c '.*'/.exec(hint)?.[0].replace('...', '/tmp') ?? ''),
    },
  ],
  [
    'uchroot nobody jail FOO=bar /bin/ls',
    /^uchroot: FOO=bar: not found in the jail/,
    {
      after: (line, hint) =>
        line.replace('FOO=bar ', '').replace('uchroot ', `uchroot ${/--setenv \S+/.exec(hint)?.[0]} `),
    },
  ],
  [
    'uchroot nobody jail sudo /bin/ls',
    /^uchroot: sudo: not found in the jail/,
    { after: onlyWithout('sudo ') },
  ],

  [
    `uchroot nobody '~/jail' /bin/ls`,
    /no such file or directory/,
    {
      after: (line, hint) =>
        line
          .replace("'~/jail'", /"\$HOME\/jail"/.exec(hint)?.[0] ?? '')
          .replace('uchroot', 'HOME=$PWD; uchroot'),
    },
  ],
  [
    'uchroot nobody "" /bin/ls',
    /DIRECTORY must be an absolute path, not ''/,
    { after: (line, hint) => line.replace('""', /\/srv\/jail/.exec(hint)?.[0] ?? '') },
  ],
  ['uchroot nobody jail /bin/ls/', /^uchroot: execve: (\/bin\/ls\/): /],
  [
    'uchroot -c ls nobody jail',
    /unknown option -c/,
    { after: (_, hint) => hint.replace(/.*(uchroot) USER DIRECTORY (.*) COMMAND$/, '$1 nobody jail $2 ls') },
  ],
  ['uchroot -it nobody jail /bin/ls', /unknown option (-it)/],
  ['uchroot --rm nobody jail /bin/ls', /unknown option (--rm)/],
  ['uchroot --name x nobody jail /bin/ls', /unknown option --name/, { after: onlyWithout('--name x ') }],
  ['uchroot -p 80:80 nobody jail /bin/ls', /unknown option -p/, { after: onlyWithout('-p 80:80 ') }],
  ['uchroot --privileged nobody jail /bin/ls', /unknown option (--privileged)/],
  [
    'uchroot --root jail nobody /bin/ls',
    /unknown option --root/,
    { after: (_, hint) => hint.replace(/.*(uchroot) USER DIRECTORY PROGRAM.*/, '$1 nobody jail /bin/ls') },
  ],
  ['uchroot --timeout 5 nobody jail /bin/ls', /unknown option (--timeout)/],
  [
    'uchroot-jail build jail /etc/hostname',
    /neither an ELF file nor a script/,
    { after: instead('/etc/hostname', '--copy /etc/hostname') },
  ],
  ['uchroot-jail remove -r jail', /unknown option (-r)/],
  ['uchroot-jail info jail', /unknown command (info)/],
  ['uchroot-jail status jail', /unknown command (status)/, { right: [0, 3, 4] }],
  ['uchroot-jail build jail --all', /unknown option --all/, { after: instead('--all', '/bin/cat') }],
  ['uchroot-jail check jail --users nobody', /unknown option (--users)/, { right: [0, 3, 4] }],
  [
    'uchroot-tcpd deny sshd',
    /unknown command deny/,
    { after: () => 'uchroot-tcpd match sshd 192.0.2.1', right: [0, 1] },
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
    'uchroot --isolate --ro-bind-try /etc:/mnt nobody jail /bin/ls',
    /unknown option (--ro-bind-try)/,
    { before: 'mkdir jail/mnt' },
  ],
  [
    'uchroot --dev-bind /dev:/dev nobody jail /bin/ls',
    /unknown option --dev-bind/,
    { after: found('--dev-bind /dev:/dev', /--isolate --dev \/dev/) },
  ],
  ['uchroot --keep-groups nobody jail /bin/ls', /unknown option (--keep-groups)/],
  ['uchroot --detach nobody jail /bin/ls', /unknown option (--detach)/],
  [
    'uchroot --property=MemoryMax=1G nobody jail /bin/ls',
    /unknown option (--property)/,
    { after: onlyWithout('--property=MemoryMax=1G ') },
  ],
  [
    'uchroot --env-file settings nobody jail /bin/ls',
    /unknown option --env-file/,
    {
      before: 'echo A=b >settings',
      after: (line, hint) => line.replace('--env-file settings', /--setenv NAME=VALUE/.exec(hint)?.[0] ?? ''),
    },
  ],

  [
    'uchroot --rlimit nofile=2 nobody jail /bin/ls',
    /too many open files/,
    { after: (line, hint) => line.replace('nofile=2', hint.includes('a larger number') ? 'nofile=64' : '') },
  ],
  ['uchroot --time 0 nobody jail /bin/ls', /time must be seconds/, { after: found('--time 0', /--time 5/) }],
  [
    'uchroot --cpu 0 nobody jail /bin/ls',
    /cpu must be a number of CPUs/,
    { after: found('--cpu 0', /--cpu 1\.5/) },
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

// Habits of a shell, links of a jail that was made by hand, and options of docker and prlimit.
const lines: readonly Mistake[] = [
  [
    'uchroot nobody jail "ls / && id"',
    /: not found in the jail$/m,
    { after: found('"ls / && id"', /\/bin\/sh -c .*/) },
  ],
  [
    `uchroot nobody jail '$HOME/bin/ls'`,
    /does not exist in the jail/,
    { after: (line, hint) => line.replace("'$HOME", hint.includes('$HOME: give the path in') ? "'" : '') },
  ],
  [
    'uchroot nobody jail /prog',
    /\/prog leads to \.\.\/\.\.\/bin\/true, and \S+ does not exist in the jail/,
    { before: 'ln -s ../../bin/true jail/prog' },
  ],
  ['uchroot --drop=all nobody jail /bin/ls', /unknown option --drop/, { after: onlyWithout('--drop=all ') }],
];

// Words of sudo, su, ansible, docker, nsjail and systemd-run, and values with the signs of others.
const strangers: readonly Mistake[] = [
  ['uchroot -l nobody jail -- /bin/ls', /unknown option -l/],
  ['uchroot --become-user nobody jail /bin/ls', /unknown option --become-user/],

  [
    'uchroot nobody docker://alpine',
    /docker:\S* no such file/,
    { after: (_, hint) => `${hint.replace('PROGRAM... makes one', 'ls').replace(/^.*: /, '')} --plan` },
  ],
  [
    `uchroot nobody jail 'A=1 /bin/ls'`,
    /: not found in the jail$/m,
    {
      after: (_, hint) =>
        `uchroot ${/--setenv A=1(?=,)/.exec(hint)?.[0]} nobody jail ${/of its own: (.*)$/.exec(hint)?.[1]}`,
    },
  ],
  [
    `uchroot nobody jail '/bin/ls -d $HOME/.'`,
    /: not found in the jail$/m,
    { after: found("'/bin/ls -d $HOME/.'", /\/bin\/sh -c .*/), right: [0, 2] },
  ],
  [
    `uchroot nobody jail '["/bin/ls", "-l"]'`,
    /: not found in the jail$/m,
    { after: found(`'["/bin/ls", "-l"]'`, /\/bin\/ls -l/) },
  ],
  [
    'uchroot --affinity 0- nobody jail /bin/ls',
    /--affinity must be a whole number from 0 to 8191, not '0-'/,
    { after: found('--affinity 0-', /--affinity 0/) },
  ],

  [
    'uchroot-jail build "" /bin/ls',
    /a path or name is empty/,
    { after: (line, hint) => line.replace('""', /\/srv\/jail/.exec(hint)?.[0] ?? '""') },
  ],
  ['uchroot-jail check -u nobody jail', /unknown option (-u)/, { right: [0, 3, 4] }],
  [
    'uchroot-jail build new --without /bin/sh sh',
    /needs a file that is to be left out/,
    { after: (line, hint) => line.replace(/--without \S+/.exec(hint)?.[0] ?? '', '') },
  ],
  ['uchroot-tcpd check --hosts-allow /dev/null', /unknown option (--hosts-allow)/, { right: [0, 1] }],
];

const skip = unlessRoot('unshare', 'nsenter');
const all = [
  ...order,
  ...names,
  ...options,
  ...jails,
  ...wrappers,
  ...values,
  ...habits,
  ...others,
  ...lines,
  ...strangers,
];

t.test(
  `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
  { skip },
  async (t) => {
    const beginner = await newBeginner();
    await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
  },
);
