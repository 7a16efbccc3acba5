import { readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import t from 'tap';

import { launchOptions } from '../../lib/bin/uchroot-options.ts';
import { serveRows } from '../../lib/inetd/serve-request.ts';
import { optionsOf } from '../../lib/launch/request/option-row.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessInstalled } from '../support/root.ts';
import { plainEnv } from '../support/service.ts';

const bundle = join(import.meta.dirname, '../../bin/uchroot-inetd.cjs');

function uchrootInetd(...words: string[]) {
  return spawnSync(process.execPath, [bundle, ...words], { encoding: 'utf8', env: plainEnv() });
}

t.test('each usage error is one clear line, a hint where there is one', async (t) => {
  const wrong: readonly [words: readonly string[], status: number, message: RegExp, hint?: RegExp][] = [
    [[], 1, /^Usage: uchroot-inetd --listen ADDRESS /],
    [['--lisen', '7000'], 125, /^uchroot-inetd: unknown option --lisen$/, /^did you mean --listen\?$/],
    [['--listen', '7000'], 125, /^uchroot-inetd: USER is missing$/, /USER DIRECTORY PROGRAM/],
    [['--listen', '7000', 'sam', '/srv'], 125, /^uchroot-inetd: PROGRAM is missing$/],
    [['/etc/x.toml'], 1, /^uchroot-inetd: unknown command \/etc\/x\.toml$/, /^uchroot-inetd --help$/],
    [['x.conf', '--log', 'json'], 1, /: unknown command x\.conf$/, /^uchroot-inetd --help$/],
    [['frobnicate'], 1, /: unknown command frobnicate$/, /^uchroot-inetd --help$/],
    [['-p', '1', 'sam', '/srv', '/bin/x'], 125, /: unknown option -p$/, /^did you mean --listen\?$/],
    [
      ['--check', '--listen', '1', 'sam', '/srv', '/bin/x'],
      125,
      /unknown option --check$/,
      /^check stands before the options: /,
    ],
    [
      ['--unit-dir', '/etc/init.d', '--listen', '1', 'sam', '/srv', '/bin/x'],
      125,
      /^uchroot-inetd: --unit-dir needs --unit$/,
      /^give --unit systemd too$/,
    ],
    [['--listen'], 125, /^uchroot-inetd: option --listen needs a value$/],
    [['--status-fd', '3', 'sam', '/srv', '/bin/x'], 125, /^uchroot-inetd: unknown option --status-fd$/],
    [['--pid-file', '/x', 'sam', '/srv', '/bin/x'], 125, /^uchroot-inetd: unknown option --pid-file$/],
    [
      ['--listen', 'x', 'sam', '/srv', '/bin/x'],
      125,
      /^uchroot-inetd: listen: 'x' is no address$/,
      /^write PORT/,
    ],
    [['--wait', 'sam', '/srv', '/bin/x'], 125, /^uchroot-inetd: no address to listen on$/, /^give one/],
    [
      ['--listen', '1', '--rate', 'x', 'sam', '/srv', '/bin/x'],
      125,
      /rate must be COUNT/,
      /^for example --rate 50\/10:100$/,
    ],
    [['--listen', '1', '--rate', '0', 'sam', '/srv', '/bin/x'], 125, /rate must be COUNT/],
    [['--listen', '', 'sam', '/srv', '/bin/x'], 125, /^uchroot-inetd: listen: '' is no address$/],
    [['status', '--status-socket', ''], 1, /--status-socket must be a path, not ''$/],
    [['check', '--directory', '', 'x'], 125, /--directory must be a path, not ''$/],
    [
      ['--listen', '1', '--unit', 'systemd', '--unit-dir', '', 'sam', '/srv', '/bin/x'],
      125,
      /--unit-dir must be a path/,
    ],
    [['--listen', '1', '--banner', '', 'sam', '/srv', '/bin/x'], 125, /--banner must be a path, not ''$/],
    [['--listen', '1', '--instances', '0', 'sam', '/srv', '/bin/x'], 125, /instances must be a whole number/],
    [['--listen', '1', '--timeout', '-1', 'sam', '/srv', '/bin/x'], 125, /--timeout must be seconds/],
    [['--listen', '1', '--log', 'xml', 'sam', '/srv', '/bin/x'], 125, /--log must be one of text, json/],
    [['--listen', '1', '--share', 'some', 'sam', '/srv', '/bin/x'], 125, /--share must be one of all/],
    [
      ['--listen', '1', '--socket-mode', '888', 'sam', '/srv', '/bin/x'],
      125,
      /--socket-mode must be an octal mode/,
    ],
    [['--listen', '1', '--daemon', 'a/b', 'sam', '/srv', '/bin/x'], 125, /--daemon must be a name/],
    [['--listen', '1/udp', 'sam', '/srv', '/bin/x'], 125, /--listen needs --wait/, /^give --wait too$/],
    [
      ['--listen', '1', '--memory', 'much', 'sam', '/srv', '/bin/x'],
      125,
      /--memory must be a number of bytes from 4096 on, such as 64M, not 'much'$/,
    ],
  ];
  for (const [words, status, message, hint] of wrong) {
    const run = uchrootInetd(...words);
    const [first = '', second = ''] = run.stderr.split('\n');
    t.match(first, message, words.join(' '));
    t.equal(run.status, status, words.join(' '));
    if (hint !== undefined) t.match(second.replace(/^hint: /, ''), hint);
    t.equal(run.stdout, '');
  }
});

t.test('--help has each option of a service, and so has the manual', async (t) => {
  const help = uchrootInetd('--help');
  t.equal(help.status, 0);
  const ofUchroot = new Set(launchOptions().map(({ name }) => name));
  const manual = readFileSync(join(import.meta.dirname, '../../../doc/uchroot-inetd.md'), 'utf8');
  for (const [, { name, metavar }] of optionsOf(serveRows)) {
    if (ofUchroot.has(name)) continue;
    const spelling = `--${name}${metavar === undefined ? '' : ` ${metavar}`}`;
    t.ok(help.stdout.includes(`  ${spelling}`), spelling);
    t.ok(manual.includes(`\`${spelling}\``), spelling);
  }
  t.match(uchrootInetd('--version').stdout, /^uchroot-inetd \d+\.\d+\.\d+\n$/);
});

t.test(
  '--unit prints a unit whose paths begin at /, and that systemd accepts',
  { skip: unlessInstalled('systemd-analyze') },
  async (t) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        bundle,
        '--listen',
        '127.0.0.1:7000',
        '--hosts-allow',
        'allow',
        '--isolate',
        '--unit',
        'systemd',
        'sam',
        'jail',
        '/bin/x',
        'a $b é',
      ],
      { encoding: 'utf8', env: plainEnv(), cwd: '/tmp' },
    );
    // the unit is printed, and what its start would refuse is told
    t.equal(status, 125);
    t.match(stderr, /^uchroot-inetd: hosts-allow: allow: no such file/);
    t.match(
      stdout,
      ` --listen=127.0.0.1:7000 --hosts-allow=/tmp/allow --isolate sam /tmp/jail /bin/x "a $$b é"\n`,
    );
    const directory = makeDirectory(t);
    writeFileSync(join(directory, 'uchroot-test-inetd.service'), stdout);
    const verified = spawnSync(
      'systemd-analyze',
      ['verify', '--man=no', join(directory, 'uchroot-test-inetd.service')],
      {
        encoding: 'utf8',
      },
    );
    t.equal(verified.status, 0, verified.stderr);
    t.match(
      uchrootInetd('--listen', '1', '--unit', 'upstart', 'sam', '/j', '/bin/x').stderr,
      /--unit must be one of systemd, openrc, sysv, runit, s6, not 'upstart'\nhint: /,
    );
    t.match(
      uchrootInetd('--listen', 'x', '--unit', 'systemd', 'sam', '/j', '/bin/x').stderr,
      /is no address/,
    );
  },
);

t.test('--unit keeps an empty value, a profile from / on, and a directory of the jail', async (t) => {
  const words = ['--listen', '127.0.0.1:7000', '--argv0', '', '--seccomp', 'log:profile', '--chdir', 'tmp'];
  const { stdout } = spawnSync(
    process.execPath,
    [bundle, ...words, '--seccomp', 'log', '--unit', 'runit', 'sam', '/jail', '/bin/x'],
    { encoding: 'utf8', env: plainEnv(), cwd: '/tmp' },
  );
  t.match(
    stdout,
    ' --listen=127.0.0.1:7000 --argv0= --seccomp=log:/tmp/profile --chdir=tmp --seccomp=log sam /jail /bin/x\n',
  );
});

t.test('--unit of a system that opens no sockets needs an address', async (t) => {
  const unit = (format: string) => uchrootInetd('--unit', format, 'sam', '/jail', '/bin/x');
  t.match(unit('systemd').stdout, / sam \/jail \/bin\/x\n/);
  for (const format of ['openrc', 'sysv', 'runit', 's6'])
    t.match(unit(format), {
      status: 125,
      stdout: '',
      stderr: /^uchroot-inetd: no address to listen on\nhint: /,
    });
});
