import { chmodSync, mkdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

import t from 'tap';

import { type CheckReport, checkJail } from '../../../lib/jail/check/jail-check.ts';
import { rules } from '../../../lib/jail/check/rules.ts';
import { packageDirectory } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';
import { beginProcess, must } from '../../support/template.ts';
import { defects } from '../../support/jail/defects.ts';
import { mend, openTemplate, putCommands } from '../../support/jail/planted.ts';

const options = {
  skip: unlessRoot('gcc', 'mkfs.ext4', 'setcap', 'setfacl', 'setpriv', 'chroot'),
};

const makeJail = openTemplate(t);
const commands = putCommands(t);

const rulesIn = ({ findings }: CheckReport): readonly string[] =>
  [...new Set(findings.map(({ rule }) => rule))].toSorted();

t.test('a jail that was just built has nothing wrong with it', options, async (t) => {
  const report = await checkJail({ directory: await makeJail(t) });
  t.same(report.findings, []);
  t.same(report.counts, { error: 0, warning: 0, note: 0, fixed: 0 });
});

t.test('each rule finds its defect, and nothing is found besides', options, async (t) => {
  for (const { rule, plant, at, also = [], fixed } of defects)
    await t.test(`${rule}: ${String(at)}`, async (t) => {
      const jail = await makeJail(t);
      await plant(jail, t);
      const before = await checkJail({ directory: jail });
      t.same(rulesIn(before), [rule, ...also].toSorted(), `of ${rule}`);
      t.match(
        before.findings.find((finding) => finding.rule === rule),
        { path: at, severity: severityOf(rule) },
      );
      const told = before.findings.filter((one) => one.rule === rule).map(({ remedy }) => remedy);
      if (fixed !== true) {
        await mend(t, commands, { rule, jail, told });
        return;
      }
      const during = await checkJail({ directory: jail, fix: true, replace: ['/'] });
      t.ok(during.findings.length > 0);
      t.same(
        during.findings.filter((finding) => finding.fixed !== true),
        [],
      );
      t.match(during.counts, { error: 0, warning: 0, note: 0, fixed: during.findings.length });
      t.same((await checkJail({ directory: jail })).findings, [], 'nothing is left');
    });
});

function severityOf(id: string): string | undefined {
  return rules.find((rule) => rule.id === id)?.severity;
}

t.test('a jail that is named by a link is another one tomorrow', options, async (t) => {
  const jail = await makeJail(t);
  symlinkSync(jail, `${jail}-link`);
  const { findings } = await checkJail({ directory: `${jail}-link` });
  t.match(findings, [{ rule: 'path-link', severity: 'warning', path: `${jail}-link` }]);
  t.equal(findings.length, 1);
});

t.test('a socket of a service of the jail is no finding', options, async (t) => {
  const jail = await makeJail(t);
  // a name that is the same file on the host
  const twice = `/tmp/${basename(jail)}-${process.pid}`;
  mkdirSync(jail + twice, { mode: 0o1777 });
  chmodSync(jail + twice, 0o1777);
  symlinkSync(jail + twice, twice);
  t.teardown(() => rmSync(twice));
  const program = `import os, socket, sys
os.chroot(sys.argv[1])
os.chdir('/tmp')
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
servers = [socket.socket(socket.AF_UNIX) for _ in sys.argv[2:]]
for server, name in zip(servers, sys.argv[2:]): server.bind(name)
print('up', flush=True)
servers[0].listen()
servers[0].accept()`;
  const names = ['/tmp/app.sock', 'relative.sock', `${twice}/app.sock`];
  await beginProcess(t, ['setpriv', '--no-new-privs', 'python3', '-c', program, jail, ...names]);
  t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('the first line of what is not executed names no interpreter', options, async (t) => {
  const jail = await makeJail(t);
  writeFileSync(`${jail}/usr/lib/Long.pm`, '#! perl\n');
  const { findings } = await checkJail({ directory: jail });
  t.same(
    findings.map(({ rule, path }) => `${rule} ${path}`),
    ['extra /usr/lib/Long.pm'],
  );
});

t.test('there is a test for each rule', async (t) => {
  const tested = new Set([
    ...defects.map(({ rule }) => rule),
    'mounted-host', // ../from-host.root.test.ts
    'path-link',
    'path-mount',
    'path-root',
    'path-shared',
  ]);
  t.same(
    rules.map(({ id }) => id).filter((id) => !tested.has(id)),
    [],
  );
  t.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
});

t.test('a rule says what it finds, what for, and what to do', async (t) => {
  for (const { id, summary, attack, remedy, look, lookAt, lookSlowly } of rules) {
    t.match(summary, /^[A-Z][^]*\.$/, id);
    t.match(attack, /\(\d\)|CVE-|CWE-|docs\.docker\.com/, `${id} has a source`);
    t.not(remedy, '', id);
    t.ok(look !== undefined || lookAt !== undefined || lookSlowly !== undefined, id);
  }
});

t.test('a file that only other users can write is no matter for this one', options, async (t) => {
  const jail = await makeJail(t);
  mkdirSync(`${jail}/opt`);
  must(['chown', 'daemon', `${jail}/opt`]);
  const found = async (users: readonly string[]) =>
    rulesIn(await checkJail({ directory: jail, users })).filter((rule) => rule === 'writable-directory');
  t.same(await found([]), ['writable-directory']);
  t.same(await found(['nobody']), []);
  t.same(await found(['daemon']), ['writable-directory']);
});

t.test('an access control list counts for whom it names', options, async (t) => {
  const jail = await makeJail(t);
  must(['setfacl', '-m', 'u:daemon:rwx', `${jail}/usr/lib`]);
  const found = async (users: readonly string[]) =>
    (await checkJail({ directory: jail, users })).findings.filter(
      ({ rule }) => rule === 'writable-directory',
    );
  t.same(await found(['nobody']), []);
  for (const users of [[], ['daemon']])
    t.match(await found(users), [
      { path: '/usr/lib', message: 'uid 1 can write it through an access control list' },
    ]);
});

t.test('a directory in which a link to a library directory lies counts', options, async (t) => {
  const jail = await makeJail(t);
  mkdirSync(`${jail}/data`);
  symlinkSync('/usr/lib', `${jail}/data/lib`);
  must(['sh', '-c', `echo /data/lib >'${jail}/etc/ld.so.conf'`]);
  must(['setfacl', '-m', 'u:nobody:rwx', `${jail}/data`]);
  const found = async (users: readonly string[]) =>
    (await checkJail({ directory: jail, users })).findings.filter(({ rule }) => rule === 'loader-directory');
  t.match(await found(['nobody']), [
    { path: '/data', message: /of \/data: it can be written by the user through an access control list$/ },
  ]);
  t.same(await found(['daemon']), []);
});

t.test('the manual page has every rule', async (t) => {
  const page = readFileSync(`${packageDirectory}/doc/uchroot-jail-check.md`, 'utf8');
  for (const { id, severity, summary } of rules)
    t.ok(page.includes(`| \`${id}\` | ${severity} | ${summary} |`), id);
});

t.test(
  'a program in whose place something else lies is one finding, not also one that cannot start',
  options,
  async (t) => {
    const jail = await makeJail(t);
    rmSync(`${jail}/usr/bin/ls`);
    mkdirSync(`${jail}/usr/bin/ls`);
    t.same(rulesIn(await checkJail({ directory: jail })), ['changed']);
    rmdirSync(`${jail}/usr/bin/ls`);
    symlinkSync('nowhere', `${jail}/usr/bin/ls`);
    t.same(rulesIn(await checkJail({ directory: jail })), ['changed']);
  },
);
