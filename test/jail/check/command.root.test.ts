import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { type CheckReport, checkJail } from '../../../lib/jail/check/jail-check.ts';
import { rules } from '../../../lib/jail/check/rules.ts';
import { makeDirectory } from '../../support/directory.ts';
import { uchrootJail } from '../../support/builder.ts';
import { publicCommand, start } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';

const options = { skip: unlessRoot() };
const base = makeDirectory(t);
const jail = `${base}/jail`;

t.before(async () => {
  if (options.skip !== false) return;
  await buildJail({ directory: jail, programs: ['bash', 'ls'] });
});

function check(...args: readonly string[]) {
  return uchrootJail(['check', ...args]);
}

t.test('0 is clean, 1 is an error, 2 is that it could not be checked', options, async (t) => {
  t.match(check(jail), {
    status: 0,
    stderr: '',
    stdout: /^\S+: \d+ files, [\d.]+ MB: 0 errors, 0 warnings, 0 notes\n$/,
  });
  chmodSync(`${jail}/tmp`, 0o1770);
  t.match(check(jail), {
    status: 1,
    stdout: /^error mode: .*\n {2}\/tmp: .* → chmod 1777 .*\n.*: 1 error, 0 warnings, 0 notes\n$/,
  });
  t.match(check(jail, '--fix'), {
    status: 0,
    stdout: /\(fixed\)[^]*0 errors, 0 warnings, 0 notes, 1 fixed\n$/,
  });
  writeFileSync(`${jail}/tmp/x`, '#!/bin/sh\n', { mode: 0o755 });
  t.match(check(jail), {
    status: 0,
    stdout: /^warning uploaded-program: [^]*0 errors, 1 warning, 0 notes\n$/,
  });
  for (const args of [
    [],
    [`${base}/absent`],
    ['/etc/passwd'],
    [jail, jail],
    [jail, '--format', 'xml'],
    [jail, '--fail-on', 'never'],
    [jail, '--ignore', 'no-such-rule'],
    [jail, '--ignore', 'mode:tmp'],
    [jail, '--user', 'root'],
    [jail, '--user', 'no-such-user'],
    [jail, '--plan'],
    ['--explain', 'no-such-rule'],
  ])
    t.match(check(...args), { status: 2, stdout: '', stderr: /./ }, args.join(' '));
  t.match(check(jail, '--ignore', 'set-user-ids').stderr, /hint: did you mean set-user-id\?/);
  t.match(
    check(jail, '--format', 'jsn').stderr,
    /--format must be one of .*, not 'jsn'\nhint: did you mean --format json\?/,
  );
});

t.test('the worst finding decides about the status, and --fail-on from where', options, async (t) => {
  const statusOf = (...args: readonly string[]) => check(jail, ...args).status;
  const statuses = (...args: readonly string[]) =>
    [[], ['error'], ['warning'], ['note']].map((on) =>
      statusOf(...args, ...on.flatMap((one) => ['--fail-on', one])),
    );
  t.equal(statusOf('--ignore', 'uploaded-program', '--fail-on', 'note'), 0, 'nothing');
  t.same(statuses(), [0, 0, 3, 3], 'a warning');
  writeFileSync(`${jail}/tmp/open`, '');
  chownSync(`${jail}/tmp/open`, 12_345, 12_345);
  chmodSync(`${jail}/tmp/open`, 0o666);
  t.same(statuses('--ignore', 'uploaded-program'), [0, 0, 0, 4], 'a note');
  chmodSync(`${jail}/usr/bin/ls`, 0o4755);
  t.equal(statusOf(), 1, 'an error');
  t.equal(statusOf('--fix', '--fail-on', 'warning'), 3, 'what is fixed does not count');
  t.match(check(jail, '--fail-on', 'warnings').stderr, /hint: did you mean warning\?/);
  rmSync(`${jail}/tmp/open`);
});

t.test(
  'a user who does not own a jail checks what he can see, and is told what he cannot',
  options,
  async (t) => {
    const [, script = ''] = publicCommand('uchroot-jail');
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
    const { status, stdout } = start([...nobody, script, 'check', jail]);
    t.equal(status, 0);
    t.match(
      stdout,
      /^warning no-manifest: .*\n.*only the owner of the jail can read it: nothing was compared/m,
    );
    t.match(stdout, /^note unread: .*\n {2}\/\.uchroot: it could not be read \(EACCES\)/m);
  },
);

t.test('the same report comes as JSON', options, async (t) => {
  chmodSync(`${jail}/usr/bin/ls`, 0o4755);
  const { stdout, status } = check(jail, '--format', 'json');
  t.equal(status, 1);
  const report = JSON.parse(stdout) as CheckReport;
  t.same(report, { version: 1, ...(await checkJail({ directory: jail })) });
  t.match(report.findings[0], {
    rule: 'set-user-id',
    severity: 'error',
    path: '/usr/bin/ls',
    remedy: `chmod u-s ${jail}/usr/bin/ls`,
  });
});

t.test('an ignored finding is neither shown nor counted', options, async (t) => {
  chmodSync(`${jail}/usr/bin/ls`, 0o4755);
  const findings = async (...ignore: readonly string[]) =>
    (await checkJail({ directory: jail, ignore })).findings.map(({ rule }) => rule);
  t.same(await findings(), ['set-user-id', 'uploaded-program']);
  t.same(await findings('set-user-id'), ['uploaded-program']);
  t.same(await findings('set-user-id:/usr', 'uploaded-program:/tmp/x'), []);
  t.same(await findings('set-user-id:/usr/bin/l', 'uploaded-program:/'), ['set-user-id']);
  t.match(check(jail, '--ignore', 'set-user-id:/usr/bin', '--ignore=uploaded-program'), { status: 0 });
});

t.test('a rule is explained without a jail', async (t) => {
  const one = check('--explain', 'set-user-id');
  t.match(one, {
    status: 0,
    stdout:
      /^set-user-id \(privilege, error\)\n {2}A file .*\n.*CVE-2023-4911.*\n {2}Remedy: chmod u-s FILE\n$/,
  });
  const { stdout } = check('--explain', 'all');
  for (const { id } of rules) t.match(stdout, new RegExp(`^${id} \\(`, 'm'));
});

t.test('a request that cannot be meant is refused before anything is done', options, async (t) => {
  const wrong = { name: 'UsageError' };
  const reject = (request: object) => t.rejects(checkJail({ directory: jail, ...request }), wrong);
  await reject({ directory: '' });
  await reject({ directroy: jail });
  await reject({ users: 'nobody' });
  await reject({ ignore: [1] });
  await reject({ ignore: 'mode' });
  await reject({ fix: 'yes' });
  const unknown = { name: 'LaunchError', code: 'ERR_UNKNOWN_USER', message: 'Unknown user no-such-user' };
  await t.rejects(checkJail({ directory: jail, users: ['no-such-user'] }), unknown);
  t.match(check(jail, '--user', 'no-such-user'), {
    status: 2,
    stderr: /^uchroot-jail: Unknown user no-such-user\nhint: /,
  });
  await t.rejects(checkJail({ directory: jail, signal: AbortSignal.abort() }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  await t.rejects(checkJail({ directory: jail, signal: controller.signal, onProgress }), {
    code: 'ABORT_ERR',
  });
});
