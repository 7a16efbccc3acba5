// First mistakes of people who know docker, kubernetes, systemd-nspawn and FreeBSD's jails, and neighbours of other mistakes. As
// first-mistakes.root.test.ts.
import t from 'tap';

import { type Follow, inTurn, type Mistake, newBeginner, tryMistake } from '../support/first-mistakes.ts';
import { unlessRoot } from '../support/root.ts';

/** Without the words, if the hint says so. */
const leftOut =
  (words: string): Follow =>
  (line, hint) =>
    hint.startsWith('leave it out') ? line.replace(words, '') : 'false';
// Options of docker, podman, kubernetes, systemd-nspawn and unshare.
const options: readonly Mistake[] = (
  [
    ['--cpuset-cpus 0', /--affinity/, '--affinity 0'],
    ['--domainname web', /--hostname/, '--isolate --hostname web'],
    ['--env-host', /--keep-env/, '--keep-env'],
    ['--read-only-rootfs', /--read-only/, '--isolate --read-only'],
    ['--bind-ro /etc:/mnt', /--ro-bind/, '--isolate --ro-bind /etc:/mnt'],
    ['--capability=kill', /--cap/, '--cap=kill'],
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

// Commands and files of docker, given to uchroot-jail.
const jails: readonly Mistake[] = [
  [
    'uchroot-jail build new ./compose.yaml',
    /program \S+\/compose\.yaml is a shim of , which a jail does not have/,
    { before: ': >compose.yaml', after: (line) => line.replace('./compose.yaml', '/bin/ls') },
  ],
  ['uchroot-jail rmi $PWD/jail', /unknown command (rmi)/],
  ['uchroot-jail rebuild $PWD/jail', /unknown command (rebuild)/],
  ['uchroot-jail inspect $PWD/jail', /unknown command (inspect)/],
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
const lines: readonly Mistake[] = (
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

// Lines of hosts.allow in the words of ufw, pf and other programs. The right one is asked about a client.
const rules: readonly Mistake[] = ['allow from 10.0.0.0/8 to report', 'report = 10.', 'report 10.0.0.1'].map(
  (line): Mistake => [
    'uchroot-tcpd check --no-lookups --allow allow --deny deny | sed -n "s/.* → /hint: /p" >&2; uchroot-tcpd check --no-lookups --allow allow --deny deny >&2',
    /missing-separator/,
    {
      before: `echo '${line}' >allow; echo 'ALL: ALL' >deny`,
      after: (_, hint) =>
        hint === 'write DAEMONS: CLIENTS'
          ? `echo 'report: 10.0.0.1' >allow; uchroot-tcpd match --allow allow --deny deny report 10.0.0.1`
          : 'false',
    },
  ],
);

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

const all = [
  ...options,
  ...jails,
  ...files,
  ...lines,
  ...rules,
  ...foreignOptions,
  ...nearRules,
  ...others,
  ...services,
];

t.test(
  `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
  { skip: unlessRoot('unshare', 'nsenter') },
  async (t) => {
    const beginner = await newBeginner();
    await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
  },
);
