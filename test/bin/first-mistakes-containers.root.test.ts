// First mistakes of people who know docker, kubernetes, systemd-nspawn and FreeBSD's jails, and neighbours of other mistakes. As
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

/** Without the words, if the hint says so. */
const leftOut =
  (words: string): Follow =>
  (line, hint) =>
    hint.startsWith('leave it out') ? line.replace(words, '') : 'false';
/** The words of a hint in words that are no remedy for the line, but say who does the same. */
const says =
  (match: RegExp): Follow =>
  (_, hint) =>
    match.test(hint) ? 'true' : 'false';

// Units of size and time.
const units: readonly Mistake[] = (
  [
    ['--cpu 500m', '--cpu 0.5'],
    ['--cpu 2500m', '--cpu 2.5'],
    ['--cpu 700m', '--cpu 0.7'],
    ['--time 1h30m', '--time 5400'],
    ['--time 500ms', '--time 0.5'],
    ['--time "2min 30s"', '--time 150'],
    ['--time "1 hour"', '--time 3600'],
    ['--cpu 2,5', '--cpu 2.5'],
    ['--io-weight 50%', '--io-weight 50'],
    ['--cpu-time 10s', '--cpu-time 10'],
    ['--connect-tcp 0.0.0.0:80', '--connect-tcp 80'],
    ['--bind-tcp 80/tcp', '--bind-tcp 80'],
    ['--memory 512Mi', '512M'],
    ['--memory 1Gi', '1G'],
  ] as const
).map(([wrong, right]): Mistake => [
  `uchroot --plan ${wrong} nobody jail /bin/ls`,
  /takes a number|must be a number/,
  {
    after: (line, hint) =>
      hint === `for example ${right}`
        ? line.replace(wrong, right.startsWith('--') ? right : `--memory ${right}`)
        : 'false',
    right: [0, 125],
  },
]);

// Options of docker, podman, kubernetes, systemd-nspawn and unshare.
const options: readonly Mistake[] = (
  [
    ['--cpuset-cpus 0', /--affinity/, '--affinity 0'],
    ['--domainname web', /--hostname/, '--isolate --hostname web'],
    ['--env-host', /--keep-env/, '--keep-env'],
    ['--read-only-rootfs', /--read-only/, '--isolate --read-only'],
    ['--bind-ro /etc:/mnt', /--ro-bind/, '--isolate --ro-bind /etc:/mnt'],
    ['--capability=kill', /--cap/, '--cap=kill'],
    ['--runAsUser 1001', /^leave it out/, ''],
    ['--allowPrivilegeEscalation=false', /^leave it out/, ''],
    ['--label a=b', /^leave it out/, ''],
    ['--stop-signal TERM', /^leave it out/, ''],
    ['--log-driver none', /^leave it out/, ''],
    ['--pid=host', /^leave it out/, ''],
    ['--ipc=host', /^leave it out/, ''],
    ['--pull always', /^leave it out/, ''],
    ['--userns=keep-id', /^leave it out/, ''],
    ['--boot', /^leave it out/, ''],
    ['--kill-child', /--die-with-parent/, '--die-with-parent'],
    ['--wd /tmp', /--chdir/, '--chdir /tmp'],
  ] as const
).map(([words, hinted, right]): Mistake => [
  `uchroot ${words} nobody jail /bin/ls`,
  /unknown option/,
  {
    before: 'mkdir jail/mnt',
    after: (line, hint) => (hinted.test(hint) ? line.replace(words, right) : line),
  },
]);

// Commands of docker, jls and jail, and their order of words.
const commands: readonly Mistake[] = [
  ['uchroot rm $PWD/jail', /Unknown user rm/],
  ['uchroot create $PWD/new /bin/ls', /Unknown user create/, { after: (_, hint) => `${hint} >&2` }],
  ['uchroot ps -a', /Unknown user ps/, { after: says(/keeps the pid of uchroot/) }],
  ['uchroot ps', /DIRECTORY is missing/, { after: says(/keeps the pid of uchroot/) }],
  ['uchroot pull alpine', /Unknown user pull/, { after: says(/built from the programs of this host/) }],
  ['uchroot logs web', /Unknown user logs/, { after: says(/>FILE$/) }],
  ['uchroot kill $PWD/jail', /Unknown user kill/, { after: says(/^kill PID/) }],
  ['uchroot path=$PWD/jail command=/bin/ls', /Unknown user path=/],
  ['uchroot path=$PWD/jail command=/bin/ls -l /', /Unknown user path=/],
  ['uchroot name=web path=$PWD/jail "exec.start=/bin/ls -l"', /Unknown user name=web/],
  ['uchroot path=$PWD/jail exec.jail_user=sam command=/bin/ls', /Unknown user path=/],
  ['uchroot -U nobody $PWD/jail /bin/ls', /unknown option -U/],
  ['uchroot nobody -c "ls -l" $PWD/jail', /-c stands where PROGRAM does/],
  ['uchroot -u nobody -c "ls -l" $PWD/jail', /unknown option -u/],
];

// Options of docker with a value.
const valued: readonly Mistake[] = (
  [
    ['-v /etc:/mnt:ro', /--isolate --ro-bind \/etc:\/mnt$/],
    ['--volume=/srv:/mnt', /--isolate --bind \/srv:\/mnt$/],
    ['-v ./data:/mnt', /--isolate --bind "\$PWD\/data:\/mnt"$/],
    ['-v $PWD/data:/mnt:z,ro', /--isolate --ro-bind \S+\/data:\/mnt$/],
    ['--mount type=tmpfs,destination=/mnt', /--isolate --tmpfs \/mnt$/],
    ['--mount type=bind,source=/etc,target=/mnt,readonly', /--isolate --ro-bind \/etc:\/mnt$/],
    ['-e LANG', /--pass-env LANG$/],
    ['--env=LANG', /--pass-env LANG$/],
    ['-h web', /--isolate --hostname web$/],
  ] as const
).map(([words, right]): Mistake => [
  `uchroot ${words} nobody jail /bin/ls`,
  /unknown option/,
  { before: 'mkdir jail/mnt data', after: found(words, right) },
]);

// Commands and files of docker, given to uchroot-jail.
const jails: readonly Mistake[] = [
  [
    'uchroot-jail build Dockerfile .',
    /Dockerfile is for docker/,
    {
      before: 'echo FROM debian >Dockerfile',
      after: (_, hint) =>
        hint.includes('--copy FILE:DEST')
          ? 'uchroot-jail build new /bin/ls --copy Dockerfile:/Dockerfile'
          : 'false',
    },
  ],
  [
    'uchroot-jail build new ./compose.yaml',
    /compose\.yaml is for docker/,
    { before: ': >compose.yaml', after: (line) => line.replace('./compose.yaml', '/bin/ls') },
  ],
  ['uchroot-jail rmi $PWD/jail', /unknown command (rmi)/],
  ['uchroot-jail rebuild $PWD/jail', /unknown command (rebuild)/],
  ['uchroot-jail inspect $PWD/jail', /unknown command (inspect)/],
  [
    'uchroot-jail prune',
    /unknown command prune/,
    {
      after: (_, hint) => (hint.startsWith('write remove DIRECTORY') ? 'uchroot-jail remove jail' : 'false'),
    },
  ],
  [
    'uchroot-jail push $PWD/jail registry/web',
    /unknown command push/,
    {
      after: (_, hint) =>
        hint.includes('build --recipe')
          ? 'uchroot-jail list jail --format json >r && uchroot-jail build new --recipe r'
          : 'false',
    },
  ],
];

// Units of an init system.
const files: readonly Mistake[] = [
  ...([['80/tcp', '80']] as const).map(([wrong, right]): Mistake => [
    `uchroot --unit systemd --listen ${wrong} nobody jail /bin/ls`,
    /--listen takes a port/,
    { after: (line, hint) => (hint === `write --listen ${right}` ? line.replace(wrong, right) : 'false') },
  ]),
  ...(['systemd/system/site.service', 'sv/site', 's6/sv/site', 'init.d/site'] as const).map(
    (file): Mistake => [
      `uchroot --unit /etc/${file} nobody jail /bin/ls`,
      /--unit knows/,
      {
        after: (line, hint) =>
          line
            .replace(`--unit /etc/${file}`, /--unit .*/.exec(hint)?.[0] ?? 'false')
            .replace('/etc/', '/srv/'),
      },
    ],
  ),
  [
    'uchroot --unit site.service nobody jail /bin/ls',
    /--unit knows/,
    { after: found('--unit site.service', /--unit .*/) },
  ],
  [
    'uchroot --unit systemd --unit-name "My Site" nobody jail /bin/ls',
    /cannot be the name of a service/,
    { after: found('--unit-name "My Site"', /--unit-name My-Site$/) },
  ],
  [
    'uchroot --unit systemd --unit-name site.service nobody jail /bin/ls',
    /cannot be the name of a service/,
    { after: found('--unit-name site.service', /--unit-name site$/) },
  ],
  [
    'uchroot --unit systemd --unit-name /etc/systemd/system/site.service nobody jail /bin/ls',
    /cannot be the name of a service/,
    { after: found('--unit-name /etc/systemd/system/site.service', /--unit-name site$/) },
  ],
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

// Pairs that tcpd exports, with the wrong sign or in the wrong order.
const pairs: readonly Mistake[] = (
  [
    ['--port 7000=report', '--port report=7000'],
    ['--port report:7000', '--port report=7000'],
    ['--port 7000/tcp=report', '--port report=7000/tcp'],
    ['--port "report 7000"', '--port report=7000'],
    ['--unit report.service=report', '--unit report=report.service'],
    ['--unit report=report', '--unit report=report.service'],
    ['--unit report=/etc/systemd/system/site.service', '--unit report=site.service'],
  ] as const
).map(([wrong, right]): Mistake => [
  `uchroot-tcpd export --to ${wrong.startsWith('--port') ? 'nftables' : 'systemd'} --allow allow --deny deny ${wrong}`,
  /: write DAEMON=/,
  {
    before: "echo 'report: 127.0.0.1' >allow; echo 'report: ALL' >deny",
    after: (line, hint) => (hint === `for example ${right}` ? line.replace(wrong, right) : 'false'),
  },
]);

// Options of other firewalls and of xinetd.
const foreignOptions = (
  [
    ['log', 'severity'],
    ['accept', 'allow'],
    ['DROP', 'deny'],
    ['banner', 'banners'],
  ] as const
).map(([word, right]): Mistake => [
  'uchroot-tcpd check --no-lookups --daemon report --allow allow --deny deny | sed -n "s/.* → /hint: /p" >&2; uchroot-tcpd check --no-lookups --daemon report --allow allow --deny deny >&2',
  /no-command|bad-option-name/,
  {
    before: `echo 'report: 10.0.0.1 : ${word}' >allow; echo 'ALL: ALL' >deny`,
    after: (line, hint) =>
      hint === `did you mean ${right}?`
        ? `echo 'report: 10.0.0.1 : ${{ severity: 'severity auth.info', banners: 'banners /etc' }[right as string] ?? right}' >allow; ${line}`
        : 'false',
  },
]);

// Words of a rule that are nearly right: the whole line that follows the remedy, and what it decides on 10.0.0.1.
const nearRules = (
  [
    ['/usr/sbin/report: 10.', 'write report', 'report: 10.'],
    ['report:sshd: 10.', 'write report sshd: 10.', 'report sshd: 10.'],
    ['report: 192.168. and 10.', 'leave it out: blanks separate words', 'report: 192.168. 10.'],
    [
      'report: ALL: spawn /bin/echo from: %h: allow',
      'write \\: for a colon in the option before',
      'report: ALL: spawn /bin/echo from\\: %h: allow',
    ],
  ] as const
).map(([line, remedy, right]): Mistake => {
  const files = '--allow allow --deny deny';
  const check = `uchroot-tcpd check --no-lookups --fail-on warning --daemon report ${files}`;
  return [
    `${check} | sed -n "s/.* → /hint: /p" >&2; ${check} >&2`,
    /odd-daemon|never-matches-address|never-matches-host-bits|bad-option-name|odd-separator|reserved-word/,
    {
      before: `echo '${line}' >allow; echo 'ALL: ALL' >deny`,
      after: (_, hint) =>
        hint === remedy
          ? `echo '${right.replaceAll('\\', '\\\\')}' >allow; uchroot-tcpd match ${files} report 10.0.0.1`
          : 'false',
    },
  ];
});

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
  ['uchroot --setenv LANG C.UTF-8 nobody $PWD/jail /bin/ls', /--setenv takes NAME=VALUE/],
  ...['n=100', 'u=100', 'c=0', 'v=4294967296'].map((limit): Mistake => [
    `uchroot --rlimit ${limit} nobody jail /bin/ls`,
    /there is no resource limit/,
    { after: (line, hint) => line.replace(limit.charAt(0) + '=', `${/mean (\w+)\?/.exec(hint)?.[1]}=`) },
  ]),
  [
    'uchroot --status-fd $PWD/status nobody jail /bin/ls',
    /--status-fd takes a number/,
    {
      after: (line, hint) =>
        `${line.replace('--status-fd $PWD/status', /--status-fd 3/.exec(hint)?.[0] ?? '')} ${/3>\S+/.exec(hint)?.[0]}`,
    },
  ],
  [
    'uchroot --isolate --bind data:/mnt nobody jail /bin/ls',
    /must be an absolute path/,
    { before: 'mkdir data jail/mnt', after: found('data:/mnt', /\$PWD\/data:\/mnt/) },
  ],
  [
    'uchroot-jail build jail /bin/ls --copy $PWD/site $PWD/target',
    /program \S+\/target: it is a directory/,
    { before: 'mkdir site target', after: found('--copy $PWD/site $PWD/target', /--copy \S+:\S+/) },
  ],
];

// Words for no limit.
const endless: readonly Mistake[] = ['--pids max', '--memory unlimited', '--cpu-time infinity'].map(
  (words): Mistake => [
    `uchroot ${words} nobody jail /bin/ls`,
    /must be a number|takes a number/,
    { after: leftOut(words) },
  ],
);

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

const all = [
  ...units,
  ...options,
  ...valued,
  ...commands,
  ...jails,
  ...files,
  ...pairs,
  ...foreignOptions,
  ...nearRules,
  ...others,
  ...services,
  ...endless,
];

t.test(
  `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
  { skip: unlessRoot('unshare', 'nsenter') },
  async (t) => {
    t.ok(all.length >= 34);
    const beginner = await newBeginner();
    await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
  },
);
