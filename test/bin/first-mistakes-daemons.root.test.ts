// The first mistakes with uchroot-inetd and uchroot-service, with words of nsjail, firejail, unshare and docker, and with words that
// once had a hint that led astray. As first-mistakes.root.test.ts.
import { found, type Mistake, testMistakes } from '../support/first-mistakes.ts';

/** The line as the unit of systemd that it makes, so that nothing is opened. */
const asUnit =
  (after: (line: string, hint: string) => string) =>
  (line: string, hint: string): string =>
    after(line, hint).replace('uchroot-inetd ', 'uchroot-inetd --unit systemd ');
const service = (more: string): string =>
  `printf '[services.a]\nlisten = "7000"\nuser = "nobody"\ndirectory = "'$PWD'/jail"\nprogram = "/bin/id"\n${more}' >a.toml`;
/** Changes a.toml, and checks it again. */
const edited = (match: RegExp, command: (found: string) => string) => (line: string, hint: string) =>
  `${command(match.exec(hint)?.[0] ?? 'false')} && ${line}`;

const example = asUnit((_, hint) => `uchroot-inetd --listen 7000 ${/for example (.*)$/.exec(hint)?.[1]}`);

// uchroot-inetd, for those who know inetd, xinetd, tcpserver and systemd.
const superServer: readonly Mistake[] = [
  ['uchroot-inetd --listen 7000', /USER is missing/, { after: example }],
  ['uchroot-inetd --listen 7000 nobody', /DIRECTORY is missing/, { after: example }],

  [
    'uchroot-inetd check --listen 7000 --hosts-allow $PWD/alow nobody $PWD/jail /bin/id',
    /alow: no such file/,
    {
      before: ': >allow',
      after: (line, hint) =>
        line.replace('$PWD/alow', /^did you mean (\S+\/allow)\?$/.exec(hint)?.[1] ?? 'false'),
    },
  ],
  [
    'uchroot-inetd --config a.toml nobody $PWD/jail /bin/id',
    /--config and a program are given at once/,
    {
      before: service(''),
      after: (line, hint) =>
        /^leave nobody \/\S+\/jail \/bin\/id out/.test(hint)
          ? line.replace('--config a.toml nobody $PWD/jail /bin/id', 'check a.toml')
          : 'false',
    },
  ],
  [
    'uchroot-inetd check --directory $PWD/jail a.conf',
    /the section is in one line/,
    {
      before:
        "echo 'service a { port = 7000 socket_type = stream protocol = tcp wait = no user = nobody server = /bin/id }' >a.conf",
      after: (line, hint) =>
        hint === 'write the {, each NAME = VALUE and the } in lines of their own'
          ? `printf 'service a {\nport = 7000\nsocket_type = stream\nprotocol = tcp\nwait = no\nuser = nobody\nserver = /bin/id\n}\n' >a.conf && ${line}`
          : 'false',
    },
  ],
  ['uchroot-inetd --listen 7000 nobody jail', /PROGRAM is missing/, { after: example }],
  [
    'uchroot-inetd --port 7000 nobody jail /bin/id',
    /unknown option (--port)/,
    { after: asUnit((line, hint) => line.replace('--port', /--listen/.exec(hint)?.[0] ?? '')) },
  ],
  [
    'uchroot-inetd --listen 192.0.2.1:7000 nobody jail /bin/id',
    /address not available/,
    {
      after: (line, hint) =>
        `timeout 2 ${line.replace('192.0.2.1:7000', hint.includes('ip address') ? '127.0.0.1:0' : '')}`,
      right: [124],
    },
  ],
  [
    'uchroot-inetd --listen $PWD/run/socket nobody jail /bin/id',
    /bind: no such file or directory/,
    {
      after: (line, hint) => `mkdir ${/make it/.test(hint) ? 'run' : ''} && timeout 2 ${line}`,
      right: [124],
    },
  ],
  [
    'uchroot-inetd --listen 7000 --rate 10/s nobody jail /bin/id',
    /rate must be COUNT/,
    { after: asUnit(found('10/s', /[0-9]+\/[0-9]+/)) },
  ],

  [
    'uchroot-inetd --listen 127.0.0.1:0 --allow hosts nobody jail /bin/id',
    /no system call or group '(hosts)'/,
    { after: asUnit((line, hint) => line.replace('hosts', /host(?=\?)/.exec(hint)?.[0] ?? '')) },
  ],
  [
    'uchroot-inetd check a.tml',
    /no such file or directory/,
    { before: service(''), after: (line, hint) => line.replace('a.tml', /\S+a\.toml/.exec(hint)?.[0] ?? '') },
  ],
  [
    'uchroot-inetd --config inetd.conf',
    /no jail is named, and \/ is the host's own root directory/,
    {
      before: "echo 'echo stream tcp nowait nobody /bin/id id' >inetd.conf",
      after: asUnit((line, hint) =>
        line.replace('--config', `${/--directory \S+/.exec(hint)?.[0]} --config`),
      ),
    },
  ],

  [
    'uchroot-inetd check a.conf',
    /fewer than six fields/,
    {
      before: `${service('')} && mv a.toml a.conf`,
      after: (line, hint) => `mv a.conf a${/\.toml/.exec(hint)?.[0]} && ${line.replace('.conf', '.toml')}`,
    },
  ],
  ...(
    [
      ['port = 7000', /unknown key port/, /listen/],
      ['server = "/bin/id"', /unknown key server/, /program/],
      ['server_args = ["-u"]', /unknown key server_args/, /arguments/],
      ['jail = "/srv/jail"', /unknown key jail/, /directory/],
    ] as const
  ).map(([key, says, hinted]): Mistake => {
    const [name = ''] = key.split(' ', 1);
    return [
      'uchroot-inetd check a.toml',
      says,
      {
        before: `${service(`${key}\n`)} && sed -i '/^${String(hinted).slice(1, -1)} /d' a.toml`,
        after: edited(hinted, (word) => `sed -i 's/^${name} /${word} /' a.toml`),
      },
    ];
  }),
  [
    'uchroot-inetd check a.toml',
    /unknown key user/,
    {
      before: `${service('')} && sed -i 1d a.toml && sed -i 1d a.toml`,
      after: edited(/\[services\.NAME\]/, (head) => `sed -i '1i ${head}\\nlisten = "7000"' a.toml`),
    },
  ],
  [
    'uchroot-inetd check a.toml',
    /no TOML/,
    {
      before: `${service('')} && sed -i 's/"nobody"/nobody/' a.toml`,
      after: edited(/a text in quotes/, () => `sed -i 's/^user.*/user = "nobody"/' a.toml`),
    },
  ],
  [
    'uchroot-inetd check a.toml',
    /unknown key group/,
    {
      before: service('group = "nogroup"\n'),
      after: (line, hint) =>
        hint === 'write user = "USER:GROUP"'
          ? `sed -i '/^group/d; s/^user.*/user = "nobody:nogroup"/' a.toml && ${line}`
          : 'false',
    },
  ],
  [
    'uchroot-inetd check a.toml',
    /\S+\/a\.toml:6: timeout must be seconds from 0\.001 to 2147483, not '5m'/,
    {
      before: service('timeout = "5m"\n'),
      after: edited(/[0-9]+/, (text) => `sed -i 's/"5m"/${text}/' a.toml`),
    },
  ],
  ['uchroot-inetd chek a.toml', /unknown command (chek)/, { before: service('') }],
];

// What the host lacks, systemd, is told next.
const withoutSystemd = { right: [1] };
const leftOut = (words: string) => (line: string, hint: string) =>
  hint.startsWith('leave it out') ? line.replace(words, '') : 'false';

// uchroot-service, for those who know systemctl and docker.
const services: readonly Mistake[] = [
  ['uchroot-service adpot nginx', /unknown command (adpot)/, withoutSystemd],

  [
    'uchroot-service adopt nginx --watch 5m',
    /--watch must be seconds from 0\.1 to 600, not '5m'/,
    {
      ...withoutSystemd,
      after: found('--watch 5m', /--watch [0-9]+$/),
    },
  ],
  ['uchroot-service list', /unknown command (list)/],

  [
    'uchroot-service adopt /lib/systemd/system/nginx.service',
    /(\/\S+) is not the name of a service/,
    withoutSystemd,
  ],
  ['uchroot-service adopt nginx.socket', /(nginx\.socket) is not the name of a service/, withoutSystemd],
  [
    'uchroot-service adopt nginx --ro-bind jail',
    /--ro-bind must be an absolute path .* not 'jail'/,
    withoutSystemd,
  ],
  [
    'uchroot-service adopt nginx --ro-bind $PWD/jial',
    /jial does not exist/,
    { after: found('$PWD/jial', /\/\S+(?=\?)/), ...withoutSystemd },
  ],
  [
    'uchroot-service adopt nginx --bind /etc:/etc',
    /--bind must be an absolute path .* not '\/etc:\/etc'/,
    withoutSystemd,
  ],
  [
    'uchroot-service adopt nginx --program id',
    /--program must be an absolute path .* not 'id'/,
    withoutSystemd,
  ],
  [
    'uchroot-service adopt nginx --memory 1G',
    /unknown option --memory/,
    { after: leftOut(' --memory 1G'), ...withoutSystemd },
  ],
];

// Commands in the wrong place, paths that lead astray, and hints that once did harm.
const misled: readonly Mistake[] = [
  [
    'uchroot build jail /bin/cat',
    /Unknown user build/,
    { after: (_, hint) => `${hint} && uchroot nobody jail /bin/cat --version` },
  ],
  ['uchroot check jail', /Unknown user check/, { right: [0, 3, 4] }],

  // sal is as near, but an account of a service
  ['uchroot sax jail /bin/ls', /Unknown user (sax)\nhint: did you mean sam\?/],
  ['uchroot sam,nobody jail /bin/ls', /Unknown user sam,nobody/, { after: found('sam,nobody', /sam$/) }],
  [
    'uchroot nobody jail "cd /tmp && ls"',
    /^uchroot: cd \/tmp && ls: not found in the jail\nhint: /,
    { after: found('"cd /tmp && ls"', /\/bin\/sh -c .*/) },
  ],
  [
    'uchroot --chdir $PWD/jail nobody jail /bin/ls',
    /chdir: \/\S+\/jail: /,
    { after: found('$PWD/jail', /\/$/) },
  ],
  ['uchroot --chdir jail/tmp nobody jail /bin/ls', /chdir: (jail\/tmp): /],
  ["uchroot --chdir '~' nobody jail /bin/ls", /chdir: ~: not found/, { after: found("'~'", /\/tmp$/) }],
  [
    'uchroot --isolate --bind /srv=/mnt nobody jail /bin/ls',
    /(\/srv=\/mnt) .*it is not on the host/,
    { before: 'mkdir jail/mnt' },
  ],
  [
    'uchroot --seccomp /etc/hostname nobody jail /bin/ls',
    /\/etc\/hostname: line 1, column 1: no JSON/,
    { after: found('/etc/hostname', /default/) },
  ],
  ['uchroot-jail build jail deb:coreutils', /program (deb:coreutils) is in none/],
  [
    'uchroot-jail build jail /bin/cat --copy /dev/null',
    /neither a file nor a directory/,
    { after: leftOut(' --copy /dev/null') },
  ],

  ['uchroot-jail fix jail', /unknown command fix/, { after: found('fix', /check --fix/), right: [0, 3, 4] }],
  ['uchroot-jail check jail nobody', /^Usage: uchroot-jail check/, { right: [0, 3, 4] }],
  [
    'uchroot-jail remove jail/usr/bin/ls',
    /is not a directory/,
    { after: (_, hint) => `${hint} && test ! -e jail/usr/bin/ls` },
  ],
  [
    'uchroot-jail remove /',
    /\/ is not the name of a jail/,
    { after: (line, hint) => line.replace(/\/$/, /\/srv\/jail/.exec(hint)?.[0].replace('/srv/', '') ?? '') },
  ],
  ['uchroot-tcpd match 192.0.2.1', /^Usage: uchroot-tcpd match/, { right: [0, 1] }],
  ['uchroot-tcpd match ssh://192.0.2.1', /^Usage: uchroot-tcpd match/, { right: [0, 1] }],

  ['uchroot-tcpd match sshd 192.0.2.1 22', /^Usage: uchroot-tcpd match/, { right: [0, 1] }],
  ['uchroot-tcpd check --ignore shadow', /there is no rule (shadow)/, { right: [0, 1] }],
  [
    'uchroot-tcpd match sshd 192.0.2.1:22',
    /(192\.0\.2\.1:22) is more than an address/,
    { after: found('192.0.2.1:22', /192\.0\.2\.1/), right: [0, 1] },
  ],
  ['uchroot-tcpd match sshd@192.0.2.1', /^Usage: uchroot-tcpd match/, { right: [0, 1] }],
  ['uchroot-tcpd sshd 192.0.2.1', /unknown command sshd/, { right: [0, 1] }],

  [
    'uchroot-tcpd export --to nftables --port sshd',
    /--port must be DAEMON=PORT\[\/tcp\|\/udp\] with the number of a port, not 'sshd'/,
    { after: found('--port sshd', /--port \S+/) },
  ],
  [
    'uchroot-tcpd run --jail nobody:jail /bin/ls',
    /--jail must be USER:DIRECTORY with a DIRECTORY from \/ on, not 'nobody:jail'/,
    { right: [0, 125, 127] },
  ],
];

// Words of uchroot(8) given to uchroot-service, and files in the place of words.
const misplaced: readonly Mistake[] = [
  [
    'uchroot-service adopt nobody $PWD/jail /bin/id',
    /^Usage: uchroot-service adopt/,
    {
      after: (_, hint) =>
        hint.replace(/^.*: (?=uchroot )/, '').replace('USER DIRECTORY PROGRAM', 'nobody $PWD/jail /bin/id'),
    },
  ],

  [
    'uchroot-inetd check empty',
    /the configuration has no services/,
    {
      before: ': >empty',
      after: (_, hint) =>
        `${service('')} && uchroot-inetd check ${/TOML/.test(hint) ? 'a.toml' : '/dev/null'}`,
    },
  ],
];

testMistakes([...superServer, ...services, ...misled, ...misplaced]);
