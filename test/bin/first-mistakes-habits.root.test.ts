// Further first mistakes: habits of a shell and of other commands, jails made by hand, words of docker, kubernetes, sudo and others. As
// first-mistakes.root.test.ts.
import { type Follow, found, type Mistake, testMistakes } from '../support/first-mistakes.ts';

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

const madeByHand: readonly Mistake[] = [
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

/** Without the words, if the hint says so. */
const leftOut =
  (words: string): Follow =>
  (line, hint) =>
    hint.startsWith('leave it out') ? line.replace(words, '') : 'false';
// Commands and files of docker, given to uchroot-jail.
const jails: readonly Mistake[] = [
  [
    'uchroot-jail build new ./compose.yaml',
    /program \S+\/compose\.yaml is a shim of , which a jail does not have/,
    { before: ': >compose.yaml', after: (line) => line.replace('./compose.yaml', '/bin/ls') },
  ],
];

// Units of an init system.
const files: readonly Mistake[] = [
  [
    'uchroot --unit runit --watchdog 5 nobody jail /bin/ls',
    /--watchdog: runit has no watchdog/,
    { after: leftOut('--watchdog 5') },
  ],
  [
    'uchroot --unit openrc --listen 80 nobody jail /bin/ls',
    /--listen: openrc opens no sockets/,
    { after: leftOut('--listen 80') },
  ],
  [
    'uchroot --unit sysv --notify nobody jail /bin/ls',
    /--notify: sysv does not wait/,
    { after: leftOut('--notify') },
  ],
];

// Lines of inetd.conf, as OpenBSD's and FreeBSD's inetd have them.
const inetdLines: readonly Mistake[] = (
  [
    ['7000 stream tcp nobody /bin/id id', /neither wait nor nowait/],
    ['7000 stream tcp nowait /bin/id id', /is no user/],
    ['7000 stream tcp no nobody /bin/id id', /no is neither wait nor nowait/],
    ['7000 stream tcp nowait nobody:nogroup/daemon /bin/id id', /neither USER nor USER:GROUP/],
  ] as const
).map(([line, says]): Mistake => [
  'uchroot-inetd check --directory jail conf',
  says,
  {
    before: `echo '${line}' >conf`,
    after: (check, hint) =>
      /^write SERVICE TYPE PROTOCOL WAIT USER PROGRAM |^for example nobody, or nobody:nogroup$/.test(hint)
        ? `echo '7000 stream tcp nowait nobody:nogroup /bin/id id' >conf; ${check}`
        : 'false',
  },
]);

// Scripts from Windows, words in the place of others, and words of ulimit(1).
const others: readonly Mistake[] = [
  [
    'uchroot --isolate --ephemeral-dir $PWD/over/kept nobody jail /bin/ls',
    /an overlay cannot write to the file system of --ephemeral-dir/,
    {
      before:
        'mkdir low up work over kept; chmod 700 kept; mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work over && mkdir -m 700 over/kept',
      after: (line, hint) =>
        hint.includes('a tmpfs') ? line.replace('$PWD/over/kept', '$PWD/kept') : 'false',
    },
  ],
  ...[
    'uchroot nobody jail /bin/ls',
    'uchroot --cap kill nobody jail',
    'uchroot-jail check jail',
    'uchroot-tcpd match report 127.0.0.1',
  ].map((line): Mistake => [
    'sh script',
    /uchroot/,
    {
      before: `printf '%s\\r\\n' '${line}' >script`,
      after: (again, hint) =>
        hint.includes('carriage return') ? `${hint.replace('SCRIPT', 'script')}\n${again}` : 'false',
      right: [0, 3, 4],
    },
  ]),
];

// Files in other languages.
const services: readonly Mistake[] = ['yaml', 'yml', 'json', 'ini'].map((end): Mistake => [
  `uchroot-inetd check services.${end}`,
  /is neither TOML nor a file of inetd or xinetd/,
  {
    before: `printf 'services:\n  report:\n    listen: 7000\n' >services.${end}`,
    after: (_, hint) =>
      hint.includes('[services.NAME]')
        ? `printf '[services.report]\nlisten = "7000"\nuser = "nobody"\ndirectory = "'$PWD'/jail"\nprogram = "/bin/id"\n' >s.toml; uchroot-inetd check s.toml`
        : 'false',
  },
]);

const onlyWithout =
  (text: string) =>
  (line: string): string =>
    line.replace(text, '');

const instead =
  (wrong: string, right: string) =>
  (line: string): string =>
    line.replace(wrong, right);

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
  ['uchroot --name x nobody jail /bin/ls', /unknown option --name/, { after: onlyWithout('--name x ') }],
  [
    'uchroot --root jail nobody /bin/ls',
    /unknown option --root/,
    { after: (_, hint) => hint.replace(/.*(uchroot) USER DIRECTORY PROGRAM.*/, '$1 nobody jail /bin/ls') },
  ],
  [
    'uchroot-jail build jail /etc/hostname',
    /neither an ELF file nor a script/,
    { after: instead('/etc/hostname', '--copy /etc/hostname') },
  ],
  ['uchroot-jail build jail --all', /unknown option --all/, { after: instead('--all', '/bin/cat') }],
  ['uchroot-jail check jail --users nobody', /unknown option (--users)/, { right: [0, 3, 4] }],
  [
    'uchroot-tcpd deny sshd',
    /unknown command deny/,
    { after: () => 'uchroot-tcpd match sshd 192.0.2.1', right: [0, 1] },
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
];

// Words of sudo, su, ansible, docker, nsjail and systemd-run, and values with the signs of others.
const strangers: readonly Mistake[] = [
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
    'uchroot-jail build "" /bin/ls',
    /DIRECTORY must be a path, not ''/,
    { after: (line, hint) => line.replace('""', /\/srv\/jail/.exec(hint)?.[0] ?? '""') },
  ],
  [
    'uchroot-jail build new --without /bin/sh sh',
    /needs a file that is to be left out/,
    { after: (line, hint) => line.replace(/--without \S+/.exec(hint)?.[0] ?? '', '') },
  ],
];

testMistakes([
  ...launches,
  ...more,
  ...madeByHand,
  ...jails,
  ...files,
  ...inetdLines,
  ...others,
  ...services,
  ...habits,
  ...lines,
  ...strangers,
]);
