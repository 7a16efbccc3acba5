import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { CATALOG } from '../../lib/tcpwrappers/check/catalog.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { faultsOfSarif } from '../support/sarif.ts';
import { uchrootTcpd } from '../support/tcpd.ts';

/** A directory with these files, and the options that name them. */
function makeFiles(t: Test, allow: string, deny: string): { directory: string; options: string[] } {
  const directory = makeDirectory(t);
  writeFileSync(join(directory, 'allow'), allow);
  writeFileSync(join(directory, 'deny'), deny);
  return { directory, options: ['--allow', join(directory, 'allow'), '--deny', join(directory, 'deny')] };
}

t.test('each usage error is one clear line, a hint where there is one', async (t) => {
  const wrong: readonly [words: readonly string[], status: number, message: RegExp, hint?: RegExp][] = [
    [[], 1, /^Usage: uchroot-tcpd run\|match\|check\|export \.\.\.$/],
    [['chekc'], 1, /^uchroot-tcpd: unknown command chekc$/, /^did you mean check\?$/],
    [['check', 'x'], 2, /^Usage: uchroot-tcpd check /],
    [['check', '--allow', ''], 2, /^uchroot-tcpd: --allow must be a path, not ''$/],
    [['run', '--deny', '', '/x'], 125, /^uchroot-tcpd: --deny must be a path, not ''$/],
    [['check', '--inetd', ''], 2, /^uchroot-tcpd: --inetd must be a path, not ''$/],
    [['match', 'sshd', ''], 2, /^uchroot-tcpd: \[USER@\]CLIENT must be without empty parts, not ''$/],
    [
      ['match', 'sshd@', '::1'],
      2,
      /^uchroot-tcpd: DAEMON\[@HOST\] must be without empty parts, not 'sshd@'$/,
    ],
    [['check', '--format', 'xml'], 2, /^uchroot-tcpd: --format must be one of text, json, sarif, not 'xml'$/],
    [['check', '--ignore', 'crfl'], 2, /^uchroot-tcpd: there is no rule crfl$/, /^did you mean crlf\?$/],
    [['check', '--fail-on', 'warnings'], 2, /: it is one of error, warning and note$/, /mean warning\?$/],
    [['check', '--allow', '/no/such'], 2, /^uchroot-tcpd: \/no\/such is not there$/],
    [
      ['check', '--dialect', 'old'],
      2,
      /^uchroot-tcpd: --dialect must be one of auto, options, command, not 'old'$/,
    ],
    [['run'], 125, /^Usage: uchroot-tcpd run /],
    [
      ['run', '--jail', 'sam', 'sshd'],
      125,
      /^uchroot-tcpd: --jail must be USER:DIRECTORY with a DIRECTORY from \/ on, not 'sam'$/,
    ],
    [['run', ''], 1, /: error: the daemon has no name$/],
    [['run', '--plan', 'sshd'], 125, /^uchroot-tcpd: unknown option --plan$/],
    [['run', '--compile', 'x', 'sshd'], 125, /^uchroot-tcpd: unknown option --compile$/],
    [['run', '--unit', 'systemd', 'sshd'], 125, /^uchroot-tcpd: unknown option --unit$/],
    [['run', '--jail', 'sam:/srv', '--check', 'sshd'], 125, /^uchroot-tcpd: unknown option --check$/],
    [['match', 'sshd'], 2, /^Usage: uchroot-tcpd match /],
    [
      ['match', '--server-port', '65536', 'sshd', '::1'],
      2,
      /^uchroot-tcpd: --server-port must be a whole number from 0 to 65535, not 65536$/,
    ],
    [['match', 'sshd', 'no such host'], 2, /^uchroot-tcpd: no such host: /, /^give an address/],
    [
      ['match', 'sshd', '192.0.2.1:22'],
      2,
      /^uchroot-tcpd: 192\.0\.2\.1:22 is more than an address$/,
      /^write 192\.0\.2\.1, and --client-port 22 for its port$/,
    ],
    [
      ['match', 'sshd', '[2001:db8::1]:22'],
      2,
      /^uchroot-tcpd: \[2001:db8::1\]:22 is more than an address$/,
      /^write 2001:db8::1, and --client-port 22 for its port$/,
    ],
    [
      ['match', 'sshd', '192.0.2.0/24'],
      2,
      /^uchroot-tcpd: 192\.0\.2\.0\/24 is more than an address$/,
      /^write 192\.0\.2\.0: one address$/,
    ],
    [['reload'], 1, /: unknown command reload$/, /^uchroot-tcpd --help$/],
    [['export'], 2, /^Usage: uchroot-tcpd export /],
    [
      ['export', '--to', 'nftables', '--port', '22'],
      2,
      /^uchroot-tcpd: --port must be DAEMON=PORT/,
      /^for example --port sshd=22$/,
    ],
    [['export', '--to', 'nftables', '--port', 'sshd=65536'], 2, /^uchroot-tcpd: --port must be DAEMON=PORT/],
    [
      ['export', '--to', 'systemd', '--unit', 'sshd=../x.service'],
      2,
      /^uchroot-tcpd: --unit must be DAEMON=NAME\.service, not /,
    ],
  ];
  for (const [words, status, message, hint] of wrong) {
    const run = uchrootTcpd(...words);
    const [first = '', second = ''] = run.stderr.split('\n');
    t.match(first, message, words.join(' '));
    t.equal(run.status, status, words.join(' '));
    if (hint !== undefined) t.match(second.replace(/^hint: /, ''), hint);
    t.equal(run.stdout, '');
  }
});

t.test('--help names every option, --version the version', async (t) => {
  const help = uchrootTcpd('--help');
  t.equal(help.status, 0);
  for (const option of ['--allow', '--deny', '--dialect', '--compat', '--why', '--name', '--client-port'])
    t.match(help.stdout, ` ${option} `);
  for (const option of [
    '--server-name',
    '--server-port',
    '--timeout',
    '--format',
    '--ignore',
    '--fail-on',
    '--daemon',
    '--inetd',
  ])
    t.match(help.stdout, ` ${option} `);
  for (const option of ['--no-lookups', '--implicit-allow', '--to', '--port', '--unit', '--jail'])
    t.match(help.stdout, ` ${option} `);
  t.match(uchrootTcpd('--version').stdout, /^uchroot-tcpd \d+\.\d+\.\d+\n$/);
});

t.test('check exits with 0, 1 or 2; with --fail-on, with 3 or 4 as well', async (t) => {
  const sane = makeFiles(t, '', 'ALL: ALL\n');
  const check = (options: readonly string[]) =>
    uchrootTcpd('check', '--no-lookups', '--inetd', '/dev/null', '--daemon', 'sshd', ...options);
  t.match(check(sane.options), { status: 0, stdout: /^0 errors, /m });
  const wrong = check(makeFiles(t, 'sshd: 10.0.0.1/8\n', 'ALL: ALL\n').options);
  t.match(wrong, {
    status: 1,
    stdout: /\/allow:1:7: error never-matches-host-bits: .* → write 10\.0\.0\.0\/8\n/,
  });
  t.match(check(makeFiles(t, 'sshd: 10.*\n', 'ALL: ALL\n').options), { status: 0, stdout: /1 warning,/ });
  const statusesOf = ({ options }: { readonly options: readonly string[] }) =>
    ['error', 'warning', 'note'].map((severity) => check([...options, '--fail-on', severity]).status);
  t.same(statusesOf(sane), [0, 0, 0]);
  t.same(statusesOf(makeFiles(t, 'sshd: 10.0.0.1/8\n', 'ALL: ALL\n')), [1, 1, 1]);
  t.same(statusesOf(makeFiles(t, 'sshd: 10.*\n', 'ALL: ALL\n')), [0, 3, 3]);
  t.same(statusesOf(makeFiles(t, 'sshd: [2001:db8::1]/32\n', 'ALL: ALL\n')), [0, 0, 4]);
});

t.test('check writes JSON and SARIF', async (t) => {
  const { options, directory } = makeFiles(t, 'sshd: 10.0.0.1/8\n', 'ALL: ALL\n');
  const check = (format: string): unknown =>
    JSON.parse(
      uchrootTcpd(
        'check',
        '--no-lookups',
        '--daemon',
        'sshd',
        '--inetd',
        '/dev/null',
        '--format',
        format,
        ...options,
      ).stdout,
    );
  t.match(check('json'), {
    findings: [
      { rule: 'never-matches-host-bits', severity: 'error', file: `${directory}/allow`, line: 1, column: 7 },
    ],
    counts: { error: 1, warning: 0 },
  });
  const uri = `${directory}/allow`.slice(1);
  t.same(faultsOfSarif(check('sarif')), []);
  t.match(check('sarif'), {
    runs: [
      {
        tool: { driver: { name: 'uchroot-tcpd' } },
        results: [
          {
            ruleId: 'never-matches-host-bits',
            level: 'error',
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri, uriBaseId: 'HOST' },
                  region: { startLine: 1, startColumn: 7 },
                },
              },
            ],
          },
        ],
      },
    ],
  });
});

t.test('match exits with 0 for granted, 1 for denied and delegated, 2 where it cannot be told', async (t) => {
  const { options } = makeFiles(
    t,
    'sshd: 10.0.0.1\nsshd: 10.0.0.2: aclexec true\nsshd: joe@10.0.0.3\nsshd: 10.0.0.4: twist id\n',
    'ALL: ALL\n',
  );
  const match = (...words: string[]) => uchrootTcpd('match', ...options, ...words);
  t.match(match('sshd', '10.0.0.1'), { status: 0, stdout: /^rule: {5}\S+\/allow:1: sshd: 10\.0\.0\.1$/m });
  t.match(match('sshd', '10.0.0.9'), { status: 1, stdout: /^access: {3}denied$/m });
  t.match(match('sshd', '10.0.0.4'), { status: 1, stdout: /^option: {3}twist id\naccess: {3}delegated$/m });
  t.match(match('sshd', '10.0.0.2'), { status: 2, stdout: /^doubt: {4}a command decides/m });
  t.match(match('sshd', '10.0.0.3'), { status: 2, stdout: /^doubt: {4}the user of the client counts/m });
  t.match(match('sshd', 'joe@10.0.0.3'), { status: 0 });
  t.match(match('sshd', 'jim@10.0.0.3'), { status: 1 });
});

t.test('match --why says of each rule above why it does not match', async (t) => {
  const { options } = makeFiles(
    t,
    'in.ftpd vsftpd: ALL\n2222: ALL\nsshd: 10. EXCEPT 10.0.0.0/24\nsshd: .example.com joe@10.\nsshd EXCEPT ss*: ALL\n',
    'sshd: ALL\n',
  );
  const { stdout } = uchrootTcpd(
    'match',
    '--why',
    '--name',
    'h.example.org',
    '--server-port',
    '22',
    ...options,
    'sshd',
    'jim@10.0.0.1',
  );
  const passed = [...stdout.matchAll(/^passed: .*\/allow:(\d): .*: (.*)$/gm)].map(
    ([, line, why]) => `${line} ${why}`,
  );
  t.same(passed, [
    '1 sshd at port 22 is none of in.ftpd vsftpd',
    '2 sshd at port 22 is not 2222',
    '3 10.0.0.1, name h.example.org, user jim is excepted by 10.0.0.0/24',
    '4 10.0.0.1, name h.example.org, user jim is none of .example.com joe@10.',
    '5 sshd at port 22 is excepted by ss*',
  ]);
});

t.test('match --why says what is wrong with the lines on the way, as check does', async (t) => {
  const { options, directory } = makeFiles(
    t,
    'sshd: 10.0.0.1/8\nsshd: /no/such/file \\\n  10.0\nsshd 10.2.3.4\nsshd: 10.2.3.4: deny\n10.0.0.0/8: sshd\n',
    'sshd: [x]\nsshd: 10.2.3.5',
  );
  const match = (client: string, ...words: string[]) => {
    const { stdout } = uchrootTcpd('match', '--why', ...options, ...words, '--name', 'h', 'sshd', client);
    const told = stdout.replaceAll(`${directory}/`, '').matchAll(/^(?:passed|finding): +(\w+:\d+): (.*)$/gm);
    return [...told].map(([, place, text]) => `${place} ${text}`);
  };
  const passed = [
    'allow:1 sshd: 10.0.0.1/8: 10.2.3.4, name h is not 10.0.0.1/8; ' +
      'column 7: the network has bits outside its mask; it matches nobody → write 10.0.0.0/8',
    'allow:3 sshd: /no/such/file   10.0: 10.2.3.4, name h is none of /no/such/file 10.0; ' +
      'line 2, column 7: /no/such/file does not exist; it matches nobody → create it; ' +
      'column 3: 10.0 is no complete address: it matches nobody → write 10.0.',
  ];
  const noRule = 'allow:4 no ":" between daemons and clients; the line is no rule → write DAEMONS: CLIENTS';
  t.same(match('10.2.3.4'), [...passed, noRule], 'up to the rule that matches');
  const all = [
    ...passed,
    'allow:5 sshd: 10.2.3.4: deny: 10.2.3.4, name h is not 10.2.3.4',
    'allow:6 10.0.0.0/8: sshd: sshd is not 10.0.0.0/8; ' +
      'column 1: the address 10.0.0.0/8 stands in the list of daemons → write DAEMONS: CLIENTS',
    'deny:1 sshd: [x]: 10.2.3.4, name h is not [x]; column 7: no IPv6 address between the brackets; it matches nobody → write [2001:db8::1], or [2001:db8::]/32',
  ].map((line) => line.replace('10.2.3.4, name', '10.2.3.5, name'));
  t.same(match('10.2.3.5'), [
    ...all,
    noRule,
    'deny:2 the last line has no newline; libwrap does not read it → add a newline at the end of the file',
  ]);
  t.same(match('10.2.3.5', '--compat', 'libwrap'), [
    ...all,
    noRule,
    'deny:2 the last line has no newline and is not read → add a newline at the end of the file',
  ]);
});

t.test('match takes name, address, ports and user apart, and shows what the options come to', async (t) => {
  const { options } = makeFiles(
    t,
    '2222@192.0.2.9: .example.com: spawn echo %u@%n %a %r %R %s: setenv X %d\n',
    'ALL: ALL\n',
  );
  const words = [
    '--name',
    'h.example.com',
    '--client-port',
    '4711',
    '--server-port',
    '2222',
    'sshd@192.0.2.9',
    'joe@[2001:db8::1]',
  ];
  const { stdout, status } = uchrootTcpd('match', '--format', 'json', ...options, ...words);
  t.equal(status, 0);
  const { version, decisions } = JSON.parse(stdout) as { version: number; decisions: unknown };
  t.equal(version, 1);
  t.match(decisions, [
    {
      verdict: 'granted',
      isCertain: true,
      client: { address: '2001:db8::1', name: 'h.example.com', port: 4711, user: 'joe' },
      options: [
        { name: 'spawn', value: 'echo joe@h.example.com 2001:db8::1 4711 2222 sshd@192.0.2.9' },
        { name: 'setenv', value: 'X sshd' },
      ],
      lookups: [],
    },
  ]);
});

t.test('match shows control characters of the files as what they are', async (t) => {
  const { options } = makeFiles(t, 'sshd: \x1b[2Jx 10.0.0.1\n', 'ALL: ALL\n');
  const { stdout } = uchrootTcpd('match', '--why', ...options, 'sshd', '10.0.0.1');
  t.notMatch(stdout, '\x1b');
  t.match(stdout, String.raw`\x1b[2Jx`);
});

t.test(
  'export lists on standard error what is lost, and writes nothing if it cannot be told what to close',
  async (t) => {
    const whole = makeFiles(t, '8080: 10.\n', '8080: ALL\n');
    const to = (files: { options: string[] }, ...words: string[]) =>
      uchrootTcpd('export', '--to', ...words, ...files.options);
    t.match(to(whole, 'nftables'), { status: 0, stderr: '', stdout: /^table inet uchroot_tcpd$/m });
    const names = makeFiles(t, '8080: .example.com\n', '8080: ALL\n');
    t.match(to(names, 'nftables'), {
      status: 1,
      stderr: /\/allow:1: \.example\.com: it lets nobody in\n$/,
    });
    const unknown = makeFiles(t, '', 'no-such-daemon: ALL\n');
    t.match(to(unknown, 'nftables'), {
      status: 2,
      stdout: '',
      stderr: /hint: name them: --port no-such-daemon=PORT/,
    });
    t.match(to(unknown, 'nftables', '--port', 'no-such-daemon=99/udp'), {
      status: 0,
      stdout: /udp dport \{ 99 \} drop/,
    });
    t.match(to(unknown, 'systemd'), {
      status: 2,
      stdout: '',
      stderr: /hint: name it: --unit no-such-daemon=UNIT/,
    });
    const excepted = makeFiles(t, '', 'ALL EXCEPT no-such-daemon: 192.0.2.0/24\n');
    t.match(to(excepted, 'systemd', '--unit', 'x=x.service'), {
      status: 1,
      stderr: /\/deny:1: ALL EXCEPT no-such-daemon: restricts only x\.service/,
      stdout: /^# \/etc\/systemd\/system\/x\.service\.d\/[^]*\nIPAddressDeny=192\.0\.2\.0\/24\n/,
    });
    t.match(to(unknown, 'systemd', '--unit', 'no-such-daemon=x.service'), {
      status: 0,
      stdout:
        /^# \/etc\/systemd\/system\/x\.service\.d\/50-uchroot-tcpd\.conf\n[^]*\[Service\]\nIPAddressAllow=\nIPAddressDeny=any\n/,
    });
  },
);

t.test('ports of daemons are those of their services', async (t) => {
  const { options } = makeFiles(t, 'sshd in.ftpd: 10.\n', '');
  const { stdout, status } = uchrootTcpd('export', '--to', 'nftables', ...options);
  const skip = spawnSync('getent', ['services', 'ssh/tcp']).status === 0 ? false : 'needs /etc/services';
  if (skip === false) t.equal(status, 0);
  t.match(stdout, /^ *ip saddr \{ 10\.0\.0\.0\/8 \} tcp dport \{ 21-22 \} accept$/m, { skip });
});

t.test('nft takes what is written for it, over and over', { skip: unlessRoot('nft') }, async (t) => {
  const { options } = makeFiles(
    t,
    'ALL EXCEPT 22 : 10. [2001:db8::]/32 EXCEPT [2001:db8::1]\n8080@192.0.2.1 8080@[2001:db8::2]: 0.0.0.0/0.0.0.0 [::]/0 /none\n',
    '22 : 10.0.0.0/255.255.255.128 EXCEPT 10.0.0.7\nALL: ALL\n',
  );
  const { stdout, status, stderr } = uchrootTcpd('export', '--to', 'nftables', ...options);
  t.equal(status, 0, stderr);
  const nft = spawnSync('nft', ['-c', '-f', '-'], { input: stdout, encoding: 'utf8' });
  t.equal(nft.status, 0, `${nft.stderr}\n${stdout}`);
});

t.test('the manual has every rule of check, and no other', async (t) => {
  const manual = readFileSync(join(import.meta.dirname, '../../../doc/uchroot-tcpd.md'), 'utf8');
  const rows = [...manual.matchAll(/^\| `([a-z0-9-]+)` \| (error|warning|note) \| (.*) \|$/gm)];
  t.same(
    rows.map(([, id, severity, summary]) => [id, severity, summary]),
    Object.entries(CATALOG).map(([id, { severity, summary }]) => [id, severity, summary]),
  );
});
