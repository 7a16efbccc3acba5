// Further first mistakes: stray words and dashes, archives and images in place of directories, lists with commas, lines of TOML, inetd,
// xinetd and hosts.allow. As first-mistakes.root.test.ts.
import { found, type Mistake, testMistakes } from '../support/first-mistakes.ts';

/** Without the words that a hint leaves out. */
const leftOut =
  (words: string, says = /^leave /) =>
  (line: string, hint: string): string =>
    says.test(hint) ? line.replace(words, '') : 'false';
/** Runs the command of a hint, and then the line with other words. */
const thenLine =
  (wrong = '', right = '') =>
  (line: string, hint: string): string =>
    `${hint.replace(/^[^/]*: (?=mkdir )/, '')}\n${line.replace(wrong, right)}`;

const launches: readonly Mistake[] = [
  [
    'uchroot nobody:nogroup,audio jail /bin/ls',
    /Unknown group nogroup,audio/,
    {
      after: (line, hint) =>
        line.replace('nobody:nogroup,audio', `${/--groups \S+/.exec(hint)?.[0]} nobody:nogroup`),
    },
  ],

  [
    'uchroot --no-such-thing nobody jail /bin/ls',
    /unknown option --no-such-thing/,
    { after: (_, hint) => hint.replace(' lists the options', '') },
  ],
  ['uchroot match report 127.0.0.1', /Unknown user match/],
  ['uchroot status nginx', /Unknown user status/, { right: [1] }],
  [
    "uchroot nobody '$JAIL' /bin/ls",
    /jail: \S+\$JAIL: no such file/,
    { after: (line, hint) => `JAIL=$PWD/jail; ${line.replace("'$JAIL'", /"\S+"/.exec(hint)?.[0] ?? '')}` },
  ],

  ['uchroot --chdir /work/a/b nobody jail /bin/ls', /its directory \/work does not exist/],
  [
    'uchroot nobody jail /prog',
    /too many symbolic links/,
    {
      before: 'ln -s prog jail/prog',
      after: (line, hint) =>
        `${/ln -sfn TARGET \S+/.exec(hint)?.[0].replace('TARGET', '/bin/ls')} && ${line}`,
    },
  ],
  [
    'uchroot --rlimit nofile=100,core=0 nobody jail /bin/ls',
    /--rlimit must be NAME=SOFT\[:HARD\], each limit a whole number or unlimited, not 'nofile=100/,
    { after: found('--rlimit nofile=100,core=0', /--rlimit .*/) },
  ],
  [
    'uchroot --isolate --ro-bind /etc/passwd:/etc/passwd nobody jail /bin/ls',
    /is not in the jail/,
    { before: 'rm -r jail/etc', after: thenLine() },
  ],
  ['uchroot --isolate --bind /srv:/mnt nobody jail /bin/ls', /is not in the jail/, { after: thenLine() }],
  [
    'uchroot --isolate --bind /mnt/in:/srv nobody jail /bin/ls',
    /it is not on the host/,
    { before: 'mkdir -p jail/mnt/in', after: found('/mnt/in:/srv', /\/srv:\/mnt\/in/) },
  ],
  [
    'uchroot --landlock-ro /bin --landlock-ro /usr nobody jail /bin/sh -c :',
    /is a symbolic link/,
    { after: found('/bin', /\/usr\/bin/) },
  ],
  [
    'uchroot --compile made nobody jail /bin/ls',
    /is there already/,
    { before: 'mkdir made', after: found('--compile made', /--compile \S+/) },
  ],
  [
    'uchroot --unit systemd --unit-dir $PWD/site.service nobody jail /bin/ls',
    /takes a directory/,
    { after: found('--unit-dir $PWD/site.service', /--unit-dir .*/) },
  ],
  [
    'uchroot --seccomp $PWD/config.json nobody jail /bin/ls',
    /the configuration of a container/,
    {
      before: `echo '{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}' >config.json`,
      after: (line, hint) =>
        hint.includes('linux.seccomp')
          ? `echo '{"defaultAction":"SCMP_ACT_ALLOW"}' >config.json; ${line}`
          : 'false',
    },
  ],
  [
    'uchroot --seccomp $PWD/p.json nobody jail /bin/ls',
    /action: must be a text, not missing/,
    {
      before: `echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"read"}]}' >p.json`,
      after: (line, hint) =>
        `sed -i 's/"name"/"action":"${/SCMP_ACT_ALLOW/.exec(hint)?.[0]}","name"/' p.json; ${line}`,
    },
  ],
];

// Forms of su, capsh, start-stop-daemon, jailkit, nsjail and docker, and files that are no programs.
const foreign: readonly Mistake[] = [
  ['uchroot --chroot=$PWD/jail --user=nobody -- -c ls', /unknown option --chroot/],
  ['uchroot --isolate --tmpfs /new nobody jail /bin/ls', /is not in the jail/, { after: thenLine() }],
  [
    'uchroot --isolate --ephemeral-dir $PWD/new nobody jail /bin/ls',
    /it is not on the host/,
    { after: thenLine() },
  ],
  [
    'uchroot --isolate --read-only --writable /new nobody jail /bin/ls',
    /it is not in the jail/,
    { after: thenLine() },
  ],
  [
    'uchroot --isolate --ro-bind /etc/passwd:/tmp nobody jail /bin/ls',
    /is a directory, and the other is none/,
    {
      after: (line, hint) =>
        `touch jail/tmp/passwd; ${line.replace('/etc/passwd:/tmp', /\/etc\/passwd:[^,]+/.exec(hint)?.[0] ?? 'false')}`,
    },
  ],
  [
    "uchroot --pass-env 'HOME TERM' nobody jail /bin/ls",
    /--pass-env must be the name of a variable, not 'HOME TERM'/,
    { after: found("--pass-env 'HOME TERM'", /--pass-env \S+/) },
  ],
  [
    'uchroot --unit systemd --credential /etc/key nobody jail /bin/ls',
    /--credential must be NAME or NAME:PATH, not '\/etc\/key'/,
    { after: found('--credential /etc/key', /--credential \S+/), right: [0, 125] },
  ],
  ...(
    [
      ['MZ', /a program for Windows/, /built for Linux/],
      ['PK\\003\\004', /an archive/, /unpack it/],
      ['\\037\\213', /a compressed file/, /unpack it/],
      ['<html>', /a page of HTML/, /copy it again/],
      ['\\312\\376\\272\\276\\0\\0\\0\\101', /a class of Java/, /java/],
    ] as const
  ).map(([begins, says, hinted]): Mistake => [
    'uchroot nobody jail /prog',
    says,
    {
      before: `printf '${begins}' >jail/prog && chmod 0755 jail/prog`,
      after: (line, hint) => (hinted.test(hint) ? line.replace('/prog', '/bin/ls') : 'false'),
    },
  ]),
  [
    'uchroot nobody jail /prog.py',
    /neither an ELF program nor a script/,
    {
      before: "printf 'print(1)\\n' >jail/prog.py && chmod 0755 jail/prog.py",
      after: (line, hint) =>
        hint.endsWith('#!/usr/bin/python3') ? line.replace('/prog.py', '/bin/ls') : 'false',
    },
  ],
];

const jails: readonly Mistake[] = [
  ['uchroot-jail build jail --pack ssl', /no pack (ssl)/],
  ['uchroot-jail build jail --pack dns,tls', /no pack/, { after: found('--pack dns,tls', /--pack .*/) }],
  [
    'uchroot-jail build jail --package a1,b2',
    /package a1,b2 is not installed/,
    { after: (_, hint) => (hint === 'write --package a1 --package b2' ? 'true' : 'false') },
  ],

  [
    'uchroot-jail build new id --keep-privileges ls',
    /it is not there/,
    {
      after: (line, hint) => line.replace(/ls$/, /\/\S+(?=\?)/.exec(hint)?.[0] ?? 'false'),
    },
  ],

  [
    'uchroot-jail build new --from root.tar.gz /bin/sh',
    /to build the jail from: not a directory/,
    {
      before: 'tar -C jail -czf root.tar.gz .',
      after: thenLine('root.tar.gz', 'root'),
      right: [0, 1],
    },
  ],

  [
    "uchroot-jail build '~/new' id",
    /only a shell knows ~/,
    { after: (_, hint) => `HOME=$PWD; uchroot-jail build ${/"\S+"/.exec(hint)?.[0]} id` },
  ],
  [
    "uchroot-jail build '$PLACE' id",
    /only a shell knows \$PLACE/,
    { after: (_, hint) => `PLACE=$PWD/new; uchroot-jail build ${/"\S+"/.exec(hint)?.[0]} id` },
  ],

  ['uchroot-jail remove $PWD/jail $PWD/more', /^Usage: uchroot-jail remove/, { before: 'cp -a jail more' }],
  ['uchroot-jail build jail tls', /program (tls) is in none/],
  [
    'uchroot-jail check jail --ignore extra: --fail-on error',
    /the path must be absolute/,
    { after: found('extra:', /extra$/) },
  ],
  ['uchroot-jail check nobody $PWD/jail', /^Usage: uchroot-jail check/],
  ['uchroot-jail check $PWD/jail /bin/ls', /^Usage: uchroot-jail check/],
  [
    'uchroot-jail check jail --no-such-thing',
    /unknown option --no-such-thing/,
    { after: (_, hint) => hint.replace(' lists the options', '') },
  ],
];

const commands: readonly Mistake[] = [
  [
    'uchroot-tcpd export --to nftables --output x',
    /unknown option --output/,
    { after: leftOut('--output x'), right: [0, 1] },
  ],
];

const service = (lines: string): string =>
  `printf '[services.a]\\nlisten = "7000"\\nuser = "nobody"\\ndirectory = "'$PWD'/jail"\\nprogram = "/bin/id"\\n' >a.toml; ${lines}`;
/** A wrong line of a file in TOML, and the right one that the hint gives. */
const toml = (key: string, wrong: string, right: RegExp, says: RegExp): Mistake => [
  'uchroot-inetd check a.toml',
  says,
  {
    before: service(`sed -i '/^${key} /d' a.toml; printf '%s\\n' ${JSON.stringify(wrong)} >>a.toml`),
    after: (line, hint) =>
      `sed -i '$d' a.toml; printf '%s\\n' ${JSON.stringify(right.exec(hint)?.[0] ?? 'none')} >>a.toml; ${line}`,
  },
];
/** The same of a file of xinetd or inetd, whose wrong words are replaced. */
const file = (text: string, wrong: string, right: RegExp, says: RegExp, more = ''): Mistake => [
  'uchroot-inetd check --directory jail conf',
  says,
  {
    before: `printf '${text}' >conf`,
    after: (line, hint) =>
      `printf '${text.replace(wrong, `${right.exec(hint)?.[0] ?? wrong}${more}`)}' >conf; ${line}`,
  },
];
/** The remedy of what is not carried over stands in its line. */
const told = ([line, says, more]: Mistake): Mistake => [
  `${line} 2>&1 | sed "s/^.*: write /hint: write /; s/; the service .*//" >&2; ${line} >&2`,
  says,
  {
    ...more,
    after: (full, hint) => more?.after?.(full.replace(/^.*?; (?=uchroot-inetd)/, ''), hint) ?? 'false',
  },
];
const xinetd = (lines: string): string =>
  `service a\\n{\\n type = UNLISTED\\n port = 7000\\n socket_type = stream\\n wait = no\\n user = nobody\\n server = /bin/id\\n${lines}}\\n`;
const asUnit =
  (after: (line: string, hint: string) => string) =>
  (line: string, hint: string): string =>
    after(line, hint).replace('uchroot-inetd ', 'uchroot-inetd --unit systemd ');

const daemons: readonly Mistake[] = [
  toml('user', '', /user = "nobody"/, /user is missing/),
  [
    'uchroot-inetd check a.toml',
    /directory is an absolute path/,
    {
      before: service(`sed -i 's/^directory.*/directory = "jail"/' a.toml`),
      after: (line, hint) => `sed -i 's,^directory.*,${/directory = .*/.exec(hint)?.[0]},' a.toml; ${line}`,
    },
  ],
  [
    'uchroot-inetd check --directory jail conf',
    /is not closed/,
    {
      before: `printf '${xinetd('').replace('}\\n', '')}' >conf`,
      after: (line, hint) => `echo '${/\}/.exec(hint)?.[0]}' >>conf; ${line}`,
    },
  ],
  told(
    file(xinetd('').replace('stream', 'tcp'), 'socket_type = tcp', /socket_type = stream/, /is a protocol/),
  ),
  told(
    file(
      xinetd('').replace('/bin/id', '/bin/id -u'),
      'server = /bin/id -u',
      /server_args = -u/,
      /server is one word/,
      '\\n server = /bin/id',
    ),
  ),
  told(file(xinetd('').replace('server', 'sever'), 'sever', /server/, /has no server/)),
  file(xinetd(' disable = yes\\n'), 'disable = yes', /disable = no/, /turns off all/),
  [
    'uchroot-inetd --listen 7000 --listen 7000 nobody jail /bin/id',
    /it listens there already/,
    { after: asUnit(leftOut(' --listen 7000')) },
  ],

  [
    'uchroot-inetd --listen /run/a.sock --socket-mode 999 nobody jail /bin/id',
    /--socket-mode must be an octal mode, not '999'/,
    { after: asUnit(found('999', /[0-7]+/)) },
  ],
  [
    'uchroot-inetd --listen 7000 --banner hello nobody jail /bin/id',
    /banner: hello: no such file/,
    {
      after: asUnit((line, hint) =>
        /write the text to one/.test(hint) ? `echo hello >hello; ${line}` : 'false',
      ),
    },
  ],
];

testMistakes([...launches, ...foreign, ...jails, ...commands, ...daemons], 'tar');
