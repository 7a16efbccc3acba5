// Commands from which nothing can be learned, and hosts that cannot learn.

import { existsSync, mkdirSync, rmSync } from 'node:fs';

import t from 'tap';

import { learn } from '../../../lib/jail/learn/learn.ts';
import { makeDirectory } from '../../support/directory.ts';
import { inChild } from '../../support/child.ts';
import { putFile, start } from '../../support/launch.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';

const MODULE = `${import.meta.dirname}/../../../lib/jail/learn/learn.js`;
const NOBODY = 65534;
const asRoot = { skip: unlessRoot('strace', 'unshare') };
const needs = (...tools: string[]) => ({ skip: asRoot.skip || unlessInstalled(...tools) });
const script = (path: string, ...lines: readonly string[]): string => {
  putFile(path, ['#!/bin/sh', ...lines, ''].join('\n'), 0o755);
  return path;
};

t.test('a request that cannot be meant is refused before anything happens', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  putFile(`${directory}/plain`, 'x');
  putFile(`${directory}/odd`, '#!/no/such/interpreter\n', 0o755);
  putFile(`${directory}/closed`, '#!/bin/sh\n', 0o700);
  mkdirSync('/tmp/uchroot-test-learn', { recursive: true });
  t.teardown(() => rmSync('/tmp/uchroot-test-learn', { recursive: true, force: true }));
  script('/tmp/uchroot-test-learn/x');
  for (const [command, message, user] of [
    ['no-such-command-at-all', /not found/],
    [`${directory}/plain`, /not found/],
    [`${directory}/odd`, /cannot be executed by nobody: ENOENT/],
    [`${directory}/closed`, /cannot be executed by nobody: EACCES/],
    ['/tmp/uchroot-test-learn/x', /lies in \/tmp/],
    ['', /empty/],
    ['true a\0b', /without a shell/],
    ['true | false', /without a shell/],
    ['true', /uid 0/, 'root'],
    ['true', /uid 0/, '0'],
  ] as const)
    await t.rejects(learn(command, { user }), { name: 'UsageError', message });
  await t.rejects(learn('true', { user: 'no-such-user' }), { code: 'ERR_UNKNOWN_USER' });
});

// In a process of its own: its PATH, or its capabilities.
const attempt = (
  env: Readonly<Record<string, string>>,
  by: readonly string[] = [],
): Record<string, string> => {
  const code = `import(process.argv[1]).then(({ learn }) => learn('touch /var/tmp/uchroot-real'))
    .catch(({ name, code, message, hint }) => console.log(JSON.stringify({ name, code, message, hint })))`;
  const { stdout } = start([process.execPath, '-e', code, MODULE], { by, env });
  return JSON.parse(stdout || '{}') as Record<string, string>;
};

t.test('without strace the package is named, and nothing runs', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  for (const tool of ['unshare', 'nsenter', 'setpriv', 'mount', 'cat', 'tee']) script(`${directory}/${tool}`);
  t.match(attempt({ PATH: directory }), {
    name: 'JailError',
    code: 'ERR_MISSING',
    message: /^strace, /,
    hint: 'apt-get install strace',
  });
});

t.test('a command does not run on the host if a copy of it cannot be made', needs('setpriv'), async (t) => {
  t.match(attempt({}, ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-all']), {
    name: 'JailError',
    code: 'ERR_SCRATCH',
    message: /Operation not permitted/,
    hint: /CAP_SYS_ADMIN/,
  });
  const directory = makeDirectory(t, '/var/tmp');
  script(`${directory}/mount`, 'echo "mount: unknown filesystem type \'overlay\'." >&2', 'exit 32');
  t.match(attempt({ PATH: `${directory}:/usr/bin:/bin` }), {
    code: 'ERR_SCRATCH',
    message: /unknown filesystem type 'overlay'/,
  });
  script(`${directory}/mount`, `exec /usr/bin/mount "$@"`);
  script(`${directory}/strace`, 'echo "strace: ptrace(PTRACE_TRACEME): Operation not permitted" >&2; exit 1');
  t.match(attempt({ PATH: `${directory}:/usr/bin:/bin` }), {
    code: 'ERR_SCRATCH',
    message: /PTRACE_TRACEME/,
  });
  t.notOk(existsSync('/var/tmp/uchroot-real'));
});

t.test('it takes root', asRoot, async (t) => {
  const told = inChild(`
    const { learn } = await load('jail/learn/learn.js');
    native.setuid(${NOBODY});
    tell(await attempt(() => learn('true')));`);
  t.match(told, { name: 'JailError', code: 'EPERM' });
});
