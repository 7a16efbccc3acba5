import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { writeManifest } from '../../../lib/jail/manifest/manifest.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { makeDirectory } from '../../support/directory.ts';
import { manifestOf } from '../../support/builder.ts';
import { unlessRoot } from '../../support/root.ts';
import { must } from '../../support/template.ts';

const options = { skip: unlessRoot('setpriv', 'python3') };
const NOBODY = 65534;

/** A jail in which the builder has made a home for nobody, with a file in it. */
async function makeJail(t: Test): Promise<string> {
  const jail = `${makeDirectory(t)}/jail`;
  await buildJail({ directory: jail, programs: ['bash'], users: ['nobody'] });
  const manifest = manifestOf(jail);
  const added = [
    { path: '/home', kind: 'directory', mode: 0o755, uid: 0, gid: 0 },
    { path: '/home/nobody', kind: 'directory', mode: 0o700, uid: NOBODY, gid: NOBODY },
    {
      path: '/home/nobody/data',
      kind: 'file',
      mode: 0o644,
      uid: NOBODY,
      gid: NOBODY,
      sizeBytes: 3,
      sha256: '0'.repeat(64),
    },
    {
      path: '/home/nobody/gone',
      kind: 'file',
      mode: 0o644,
      uid: NOBODY,
      gid: NOBODY,
      sizeBytes: 3,
      sha256: '0'.repeat(64),
    },
  ] as const;
  for (const { path, kind, mode, uid } of added) {
    if (path.endsWith('gone')) continue;
    if (kind === 'directory') mkdirSync(jail + path);
    else writeFileSync(jail + path, 'new data');
    chmodSync(jail + path, mode);
    chownSync(jail + path, uid, uid);
  }
  const reason = { how: 'state', as: 'test' } as const;
  const entries = added.map((entry) => Object.assign({ reason }, entry, { path: bytePath(entry.path) }));
  writeFileSync(
    `${jail}/.uchroot/manifest.json.gz`,
    writeManifest({ ...manifest, entries: [...manifest.entries, ...entries] }),
  );
  return jail;
}

/** Changes that nobody makes to a jail with his own rights. */
function asNobody(jail: string, ...words: readonly string[]): void {
  must(['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...words], jail);
}

const DOINGS = `
chmod 750 home/nobody
echo secret >home/nobody/.bash_history
echo '-----BEGIN PRIVATE KEY-----' >home/nobody/key.pem
mkdir -m 777 home/nobody/open tmp/open
echo x >home/nobody/loose
chmod 666 home/nobody/loose
mkdir home/nobody/dev
d=home/nobody; i=0; cd $d
while [ $i -lt 1100 ]; do mkdir d && cd -P d || exit 1; i=$((i + 1)); done
`;

t.test('changes of a user to his own files do not turn the check red', options, async (t) => {
  const jail = await makeJail(t);
  asNobody(jail, 'sh', '-ec', DOINGS);
  const socket = 'import socket; socket.socket(socket.AF_UNIX).bind("home/nobody/docker.sock")';
  // as it is bound in the jail: by a path that the host does not know
  asNobody(jail, 'python3', '-c', socket);
  const { findings } = await checkJail({ directory: jail, users: ['nobody'] });
  const told = findings.map(({ rule, severity, path }) => `${severity} ${rule} ${path}`);
  t.same(
    told.filter((line) => !line.startsWith('warning unread')),
    [
      'note changed /home/nobody/data',
      'note missing /home/nobody/gone',
      'note mode /home/nobody',
      'note sticky /home/nobody/open',
      'note sticky /tmp/open',
      'note world-writable /home/nobody/loose',
      'note secret /home/nobody/.bash_history',
      'note secret /home/nobody/key.pem',
    ],
  );
});

t.test('a set-user-ID file of a user is a warning, as he gives away what is his', options, async (t) => {
  const jail = await makeJail(t);
  asNobody(jail, 'sh', '-ec', 'cp /bin/true tmp/mine; chmod 4755 tmp/mine');
  const { findings } = await checkJail({ directory: jail });
  t.match(
    findings.find(({ rule }) => rule === 'set-user-id'),
    { severity: 'warning', path: '/tmp/mine' },
  );
});

t.test('a set-group-ID file of a user is an error if the group is not his', options, async (t) => {
  const jail = await makeJail(t);
  const unknown = 54321; // to the host
  for (const [name, uid, gid] of [
    ['own', NOBODY, NOBODY],
    ['shadow', NOBODY, 42],
    ['unknown', unknown, unknown],
    ['other', unknown, 42],
  ] as const) {
    writeFileSync(`${jail}/tmp/${name}`, 'x');
    chownSync(`${jail}/tmp/${name}`, uid, gid);
    chmodSync(`${jail}/tmp/${name}`, 0o2755);
  }
  const { findings } = await checkJail({ directory: jail });
  const told = findings.filter(({ rule }) => rule === 'set-group-id');
  t.same(told.map(({ severity, path }) => `${severity} ${path}`).toSorted(), [
    'error /tmp/other',
    'error /tmp/shadow',
    'warning /tmp/own',
    'warning /tmp/unknown',
  ]);
});

t.test('a name outside is an error for a file of a user, too', options, async (t) => {
  const jail = await makeJail(t);
  asNobody(jail, 'sh', '-ec', 'echo x >tmp/f; ln tmp/f home/nobody/g; echo x >tmp/h');
  linkSync(`${jail}/tmp/h`, `${jail}-outside`);
  const { findings } = await checkJail({ directory: jail, ignore: ['changed', 'missing'] });
  t.match(findings, [
    { rule: 'outside-link', severity: 'error', path: '/tmp/h', message: /, 1 of them outside of the jail$/ },
  ]);
  t.equal(findings.length, 1);
});

t.test('a second name that a user hides from the check does not turn it red', options, async (t) => {
  const jail = await makeJail(t);
  const hide =
    'echo x >tmp/f; mkdir home/nobody/dev; cd home/nobody/dev; i=0; while [ $i -lt 1005 ]; do mkdir d; cd -P d; i=$((i + 1)); done';
  asNobody(jail, 'sh', '-ec', `exec 3<tmp; ${hide}; ln /proc/self/fd/3/f hidden || ln ${jail}/tmp/f hidden`);
  const { findings } = await checkJail({ directory: jail, ignore: ['changed', 'missing', 'unread'] });
  const message = 'it has 2 names, 1 of them not met in the jail';
  t.match(findings, [{ rule: 'outside-link', severity: 'warning', path: '/tmp/f', message }]);
  t.equal(findings.length, 1);
});

t.test('files that root has put into his home still count', options, async (t) => {
  const jail = await makeJail(t);
  writeFileSync(`${jail}/home/nobody/.netrc`, 'machine x');
  mkdirSync(`${jail}/home/nobody/open`);
  chmodSync(`${jail}/home/nobody/open`, 0o777);
  const { findings } = await checkJail({ directory: jail });
  const errors = findings
    .filter(({ severity }) => severity === 'error')
    .map(({ rule, path }) => `${rule} ${path}`);
  t.same(errors, ['sticky /home/nobody/open', 'secret /home/nobody/.netrc']);
});

t.test('--fix leaves a user’s own files as he has made them', options, async (t) => {
  const jail = await makeJail(t);
  asNobody(jail, 'sh', '-ec', 'chmod 750 home/nobody; mkdir -m 777 home/nobody/open');
  const { counts } = await checkJail({ directory: jail, fix: true });
  t.equal(counts.fixed, 0);
  t.equal(lstatSync(`${jail}/home/nobody`).mode & 0o7777, 0o750);
  t.equal(lstatSync(`${jail}/home/nobody/open`).mode & 0o7777, 0o777);
});

t.test('a place where the administrator mounts something is not extra', options, async (t) => {
  const jail = await makeJail(t);
  mkdirSync(`${jail}/data`);
  mkdirSync(`${jail}/srv/www`, { recursive: true });
  t.same((await checkJail({ directory: jail, ignore: ['changed', 'missing'] })).findings, []);
  mkdirSync(`${jail}/usr/local/x`, { recursive: true });
  const { findings } = await checkJail({ directory: jail, ignore: ['changed', 'missing'] });
  t.match(findings, [{ rule: 'extra', path: '/usr/local' }]);
  t.equal(findings.length, 1);
});

t.test('a writable directory of programs is one finding, with one remedy', options, async (t) => {
  const jail = await makeJail(t);
  chmodSync(`${jail}/usr/bin`, 0o777);
  const ignore = ['changed', 'missing'];
  const { findings } = await checkJail({ directory: jail, ignore });
  t.equal(findings.length, 1);
  t.match(findings, [
    {
      rule: 'writable-directory',
      path: '/usr/bin',
      remedy: `chown 0:0 ${jail}/usr/bin && chmod 0755 ${jail}/usr/bin`,
    },
  ]);
  const ignored = await checkJail({ directory: jail, ignore: [...ignore, 'writable-directory'] });
  t.same(
    ignored.findings.map(({ rule }) => rule),
    ['sticky'],
    'an ignored finding hides nothing else',
  );
});
