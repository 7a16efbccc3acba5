// uchroot-inetd check finds what a start would refuse, in each form of a service.
import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';

import { serveInJail } from '../../lib/index.ts';
import { makeServerJail } from '../support/inetd.ts';
import { packageDirectory, rootTest, start, temporaryDirectory, type Ended } from '../support/launch.ts';
import { Resident } from '../support/resident.ts';
import { plainEnv } from '../support/service.ts';

const test = rootTest();
const jail = makeServerJail();
const USER = '+47331:+47331';

const resident = new Resident([], plainEnv());

function run(...words: readonly string[]): Ended {
  if (words[0] === 'check' && resident.takes(words))
    return resident.run('uchroot-inetd', words, process.cwd());
  return start([process.execPath, `${packageDirectory}/dist/bin/uchroot-inetd.cjs`, ...words], {
    env: plainEnv(),
  });
}

// A service as the library and a file have it, without what is wrong.
interface Given {
  readonly listen?: string;
  readonly user?: string;
  readonly jail?: string;
  readonly program?: string;
  readonly banner?: string;
  readonly hostsAllow?: string;
  readonly hostsDeny?: string;
  readonly roBind?: string;
  readonly timeoutMs?: number;
}

function tableOf(name: string, given: Given): string {
  const { listen, user, jail: directory, program, banner, hostsAllow, hostsDeny, roBind } = given;
  const rules = { 'hosts-allow': hostsAllow, 'hosts-deny': hostsDeny };
  const keys = { listen, user, directory, program, banner, ...rules, 'ro-bind': roBind };
  const lines = Object.entries(keys).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = "${value}"`],
  );
  if (roBind !== undefined) lines.push('isolate = true');
  return `[services.${name}]\n${lines.join('\n')}\n`;
}

test('what a start refuses, or its first connection fails at, is found for each service of a file', async (t) => {
  const directory = temporaryDirectory();
  const unsafe = `${directory}/unsafe`;
  mkdirSync(unsafe);
  mkdirSync(`${jail}/data`);
  chownSync(unsafe, 47_331, 47_331);
  const good = { user: USER, jail, program: '/server' };
  const cases: readonly (readonly [name: string, wrong: Given, message: RegExp, runs?: boolean])[] = [
    ['user', { user: 'no-such-user' }, /Unknown user no-such-user\nhint: /],
    ['group', { user: '+47331:no-such-group' }, /[Uu]nknown group no-such-group/],
    ['root', { user: 'root' }, /root/],
    ['jail', { jail: `${directory}/none` }, /none/],
    ['owned', { jail: unsafe }, /unsafe/],
    [
      'program',
      { program: '/srever' },
      /\/srever: not found in the jail\nhint: did you mean \/server\?/,
      true,
    ],
    ['bind', { roBind: `${directory}/none:/data` }, /none/, true],
    ['banner', { banner: `${directory}/none` }, /banner: .*none: no such file/],
    ['rules', { hostsDeny: `${directory}/none` }, /hosts-deny: .*none: no such file/],
    ['folder', { hostsDeny: directory }, /hosts-deny: .* is a directory\nhint: name a file/],
    ['device', { hostsAllow: '/dev/zero' }, /hosts-allow: \/dev\/zero .* it is not a regular file\nhint: /],
    ['foreign', { listen: '192.0.2.1:7000' }, /listen: 192\.0\.2\.1:7000: bind: /],
    ['nowhere', { listen: `${directory}/none/socket` }, /listen: .*none\/socket: .*no such file/],
    ['file', { listen: '/etc/passwd' }, /listen: \/etc\/passwd: bind: .*\nhint: the file is no socket/],
  ];
  const file = `${directory}/services.toml`;
  const given = (index: number, wrong: Given): Given => ({
    listen: `127.0.0.1:${7000 + index}`,
    ...good,
    ...wrong,
  });
  const tables = cases.map(([name, wrong], index) => tableOf(name, given(index, wrong)));
  writeFileSync(file, [...tables, tableOf('right', given(cases.length, {}))].join(''));
  const { status, stdout, stderr } = run('check', file);
  t.equal(status, 125);
  t.match(stdout, /^right: 127\.0\.0\.1:/m);
  const told = stderr.split(/^uchroot-inetd: /m).slice(1);
  t.equal(told.length, cases.length, stderr);
  let line = 1;
  for (const [index, [name, wrong, message, runs = false]] of cases.entries()) {
    t.match(told[index], message, name);
    t.ok(told[index]?.startsWith(`${file}:${line}: ${name}: `), name);
    line += (tables[index] ?? '').split('\n').length - 1;
    // a start says the same
    const { roBind: _, listen = '127.0.0.1:0', ...keys } = wrong;
    const start = serveInJail({ ...good, ...keys, listen });
    if (runs) await (await start).drain();
    else await t.rejects(start, name);
  }
});

test('each form of a service is checked', async (t) => {
  const directory = temporaryDirectory();
  const write = (name: string, text: string): string => {
    writeFileSync(`${directory}/${name}`, text);
    return `${directory}/${name}`;
  };
  const toml = (program: string): string =>
    write('a.toml', tableOf('one', { listen: '127.0.0.1:7000', user: USER, jail, program }));
  const inetd = (program: string): string =>
    write('inetd.conf', `127.0.0.1:7000 stream tcp4 nowait nobody ${program} x\n`);
  const xinetd = (program: string): string => {
    mkdirSync(`${directory}/xinetd.d`, { recursive: true });
    write(
      'xinetd.d/one',
      `service one\n{\ntype = UNLISTED\nport = 7000\nsocket_type = stream\nwait = no\nbind = 127.0.0.1\nuser = nobody\nserver = ${program}\n}\n`,
    );
    return `${directory}/xinetd.d`;
  };
  const line = (program: string): readonly string[] => [
    '--listen',
    '127.0.0.1:7000',
    USER,
    jail,
    program,
    '--isolate',
  ];
  const forms: readonly ((program: string) => readonly string[])[] = [
    (program) => [toml(program)],
    (program) => ['--config', toml(program)],
    (program) => [inetd(program), '--directory', jail],
    (program) => ['--directory', jail, xinetd(program)],
    line,
  ];
  for (const form of forms) {
    const right = run('check', ...form('/server'));
    t.same([right.status, right.stderr], [0, ''], form('').join(' '));
    t.match(right.stdout, /: 127\.0\.0\.1:7000: \/server in /);
    const wrong = run('check', ...form('/srever'));
    t.match(wrong.stderr, /\/srever: not found in the jail\nhint: /, form('').join(' '));
    t.equal(wrong.status, 125);
  }
  const unit = run('--unit', 'systemd', ...line('/srever'));
  t.match(unit.stdout, /^ExecStart=/m);
  t.match(unit.stderr, /\/srever: not found in the jail/);
  t.equal(unit.status, 125);
  t.match(run('check').stderr, /^Usage: uchroot-inetd check /);
  t.match(run('check', '--listen', '7000', USER, jail).stderr, /^Usage: uchroot-inetd check /);
});

test('one address twice, or one that is a part of another, is found by check and by a start', async (t) => {
  const file = `${temporaryDirectory()}/services.toml`;
  const hint = 'hint: leave one of the two out, or give it another port\n';
  for (const [other, where] of [
    ['127.0.0.1:7000', 'there'],
    ['0.0.0.0:7000', 'on 127.0.0.1:7000'],
    ['7000', 'on 127.0.0.1:7000'],
  ] as const) {
    writeFileSync(
      file,
      `[services.one]\nuser = "${USER}"\ndirectory = "${jail}"\nprogram = "/server"\n\nlisten = ["127.0.0.1:7000", "${other}"]\n`,
    );
    const shown = other === '7000' ? '[::]:7000' : other;
    for (const words of [
      ['check', file],
      ['--config', file],
      ['import', file],
    ]) {
      const { status, stderr } = run(...words);
      t.equal(stderr, `uchroot-inetd: ${file}:6: listen: ${shown}: it listens ${where} already\n${hint}`);
      t.equal(status, 125);
    }
    // of one service without a file
    const line = ['--listen', '127.0.0.1:7000', '--listen', other, USER, jail, '/server'];
    for (const words of [['check', ...line], ['--unit', 'systemd', ...line], line]) {
      const { status, stdout, stderr } = run(...words);
      t.equal(stderr, `uchroot-inetd: server: listen: ${shown}: it listens ${where} already\n${hint}`);
      t.same([status, stdout], [125, '']);
    }
    await t.rejects(
      serveInJail({ listen: ['127.0.0.1:7000', other], user: USER, jail, program: '/server' }),
      {
        message: `server: listen: ${shown}: it listens ${where} already`,
      },
    );
  }
});

test('a socket for status that cannot be made is found', async (t) => {
  const line = ['--listen', '127.0.0.1:0', USER, jail, '/server'];
  for (const [path, message] of [
    ['/no/such/socket', /: listen: \/no\/such\/socket: .*no such file or directory\nhint: its directory/],
    ['/etc/passwd', /: listen: \/etc\/passwd: .*already in use\nhint: the file is no socket/],
  ] as const)
    for (const words of [['check'], []])
      t.match(run(...words, '--status-socket', path, ...line), { status: 125, stderr: message });
});

test('keys that do not go together are found', async (t) => {
  const words = ['--listen', '127.0.0.1:7000', '--timeout', '5', '--time', '5', USER, jail, '/server'];
  for (const form of [['check', ...words], words])
    t.match(run(...form), { status: 125, stderr: /--time and --timeout are given at once/ });
});

test('an isolated service with limits passes', async (t) => {
  const words = ['--listen', '127.0.0.1:7000', '--isolate', '--memory', '64M', '--pids', '10'];
  const { status, stderr } = run('check', ...words, USER, jail, '/server');
  t.same([status, stderr], [0, '']);
});

test('a wait service with tcpd in a jail without rules is warned of: it lets everybody in', async (t) => {
  const own = `${temporaryDirectory()}/jail`;
  mkdirSync(`${own}/usr/sbin`, { recursive: true, mode: 0o755 });
  const tcpd = `${own}/usr/sbin/tcpd`;
  copyFileSync('/bin/true', tcpd);
  // it uses libwrap, and has another name
  copyFileSync(`${jail}/server`, `${own}/usr/sbin/ftpd`);
  appendFileSync(`${own}/usr/sbin/ftpd`, '/etc/hosts.allow\0');
  copyFileSync(`${jail}/server`, `${own}/usr/sbin/other`);
  const warned = (program: string, ...more: readonly string[]): boolean => {
    const { stderr } = run('check', '--listen', '127.0.0.1:7000', ...more, USER, own, program);
    return /everybody is let in\nhint: install -D -m 644 -t \S+\/etc \/etc\/hosts/.test(stderr);
  };
  t.ok(warned('/usr/sbin/tcpd', '--wait'));
  t.ok(warned('/usr/sbin/ftpd', '--wait'));
  t.notOk(warned('/usr/sbin/other', '--wait'));
  t.notOk(warned('/usr/sbin/ftpd'), 'without wait the rules of the host are asked');
  const bind = ['--isolate', '--ro-bind', '/etc:/etc'];
  t.notOk(warned('/usr/sbin/ftpd', '--wait', ...bind));
  await t.rejects(
    serveInJail({
      listen: '127.0.0.1:0',
      user: USER,
      jail: own,
      program: '/usr/sbin/ftpd',
      wait: true,
      hostsDeny: '/etc/hosts.deny',
    }),
    {
      message: /^hostsDeny has no effect/,
    },
  );
  const { stderr } = run('check', '--listen', '127.0.0.1:7000', '--wait', USER, own, '/usr/sbin/ftpd');
  const remedy = /hint: (install .*)/.exec(stderr)?.[1] ?? 'false';
  t.equal(spawnSync('/bin/sh', ['-c', remedy]).status, 0);
  t.notOk(warned('/usr/sbin/ftpd', '--wait'), 'the remedy works');
});

test('--directory without a file of inetd or xinetd is refused', async (t) => {
  const words = ['--listen', '127.0.0.1:7000', '--directory', '/srv', USER, jail, '/server'];
  for (const form of [['check', ...words], words])
    t.match(run(...form), { status: 125, stderr: /--directory is for the files of --config/ });
});
