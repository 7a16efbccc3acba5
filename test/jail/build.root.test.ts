import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { jailCommand, everythingIn, faultsOf, makeSystem, runIn, uchrootJail } from '../support/builder.ts';
import { inChild } from '../support/child.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

t.test('bash, ls and id run in a jail made of them', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  const report = await buildJail({ directory: jail, programs: ['bash', '/bin/ls', 'id'] });
  t.equal(runIn(jail, '/bin/bash', '-c', 'echo $((6 * 7))'), '42\n');
  t.match(runIn(jail, '/bin/ls', '/'), /^bin\ndev\n/);
  t.match(runIn(jail, '/usr/bin/id', '-u'), '65534');
  t.same(report.warnings, []);
  t.ok(report.files > 3);
  t.match(report.packs[0], { name: 'base' });
  t.same(faultsOf(jail), [], 'and each file is as the manifest says');
});

t.test("everything is root's, nobody else may write, and no file is set-user-ID", asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  const old = process.umask(0);
  t.teardown(() => process.umask(old));
  await buildJail({ directory: jail, programs: ['/usr/bin/passwd', 'bash'] });
  t.equal(statSync('/usr/bin/passwd').mode & 0o4000, 0o4000, 'the one on the host is');
  for (const name of ['.', ...everythingIn(jail)]) {
    const status = lstatSync(`${jail}/${name}`);
    t.same([status.uid, status.gid], [0, 0], name);
    if (status.isSymbolicLink() || status.isCharacterDevice() || name === 'tmp') continue;
    t.equal(status.mode & 0o7022, 0, name);
  }
  t.equal(statSync(`${jail}/tmp`).mode & 0o7777, 0o1777);
});

t.test('a strict umask changes no mode', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/new/jail`;
  const old = process.umask(0o077);
  t.teardown(() => process.umask(old));
  await buildJail({ directory: jail, programs: ['bash'] });
  t.equal(statSync(jail).mode & 0o7777, 0o755);
  t.equal(statSync(`${jail}/usr/bin`).mode & 0o7777, 0o755);
  t.equal(statSync(`${jail}/tmp`).mode & 0o7777, 0o1777);
  t.equal(statSync(`${jail}/dev/null`).mode & 0o7777, 0o666);
  t.equal(runIn(jail, '/bin/bash', '-c', 'echo x >/dev/null && echo fine'), 'fine\n');
});

t.test('content, mode and modification time are those of the host', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  await buildJail({ directory: jail, programs: ['/usr/bin/bash'] });
  const [mine, hosts] = [`${jail}/usr/bin/bash`, '/usr/bin/bash'];
  t.ok(readFileSync(mine).equals(readFileSync(hosts)));
  t.equal(statSync(mine, { bigint: true }).mtimeNs, statSync(hosts, { bigint: true }).mtimeNs);
  t.equal(statSync(mine).mode, statSync(hosts).mode);
  t.not(statSync(mine).ino, statSync(hosts).ino, 'a copy, no hard link');
});

t.test('a script brings its interpreter', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/script`, '#!/bin/sh\necho "it runs $0"\n', { mode: 0o755 });
  await buildJail({ directory: `${base}/jail`, programs: [`${base}/script`] });
  t.equal(runIn(`${base}/jail`, `${base}/script`), `it runs ${base}/script\n`);
});

// What is started here must find its libraries by itself, and a sanitizer's runtime has to be preloaded.
function cleanLoader(...programs: readonly string[]): { readonly skip: string | false } {
  return sanitized ? { skip: 'the sanitized build preloads its runtime' } : needs(...programs);
}

// The host gets another cache in a mount namespace, and so for this build only.
t.test(
  'a library that only the cache leads to is found in the jail',
  cleanLoader('gcc', 'unshare'),
  async (t) => {
    const base = makeDirectory(t);
    writeFileSync(`${base}/l.c`, 'int answer(void) { return 42; }');
    writeFileSync(`${base}/p.c`, 'int answer(void); int main(void) { return answer(); }');
    writeFileSync(`${base}/conf`, `${base}\n`);
    const script = `cd "$0"
    gcc -shared -fPIC -Wl,-soname,libuchroottest.so -o libuchroottest.so l.c
    gcc -o p p.c -L. -luchroottest
    ldconfig -X -f conf -C cache
    mount --bind cache /etc/ld.so.cache
    "$@"`;
    const words = [
      '--mount',
      'sh',
      '-ec',
      script,
      base,
      ...jailCommand,
      'build',
      `${base}/jail`,
      `${base}/p`,
    ];
    const built = start(['unshare', ...words]);
    t.match(built, { status: 0, stderr: '' });
    t.equal(runIn(`${base}/jail`, `${base}/p`), 'status 42: ');
    const cache = start(['ldconfig', '-p', '-C', `${base}/jail/etc/ld.so.cache`]).stdout;
    t.match(cache, /^1 libs found/, "nothing else of the host's");
    t.match(cache, `libuchroottest.so (libc6,x86-64) => ${base}/libuchroottest.so`);
  },
);

t.test(
  'a program that nobody may execute is told, and the line makes it start; a library is none',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const program = `${base}/a script`;
    writeFileSync(program, '#!/bin/sh\necho done\n', { mode: 0o644 });
    chmodSync(program, 0o644);
    const asked = { directory: `${base}/jail`, programs: [program] };
    const { warnings } = await buildJail(asked);
    t.same(warnings, [
      `${program} cannot be started: nobody may execute it (mode 0644); chmod a+x '${program}' and the same build mend that`,
    ]);
    t.match(start(['sh', '-c', /chmod .*'/.exec(warnings[0] ?? '')?.[0] ?? '']), { status: 0 });
    t.same((await buildJail(asked)).warnings, []);
    t.equal(runIn(asked.directory, program), 'done\n');
    const [library = ''] = start(['sh', '-c', 'ldd /bin/ls']).stdout.match(/\/\S*libselinux\S*/) ?? [];
    copyFileSync(library, `${base}/libown.so`);
    chmodSync(`${base}/libown.so`, 0o644);
    const added = await buildJail({ ...asked, programs: [`${base}/libown.so`] });
    t.same(added.warnings, []);
  },
);

t.test(
  'a carriage return that a shell takes for an option is told, and the line makes the script start',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const script = `${base}/a script`;
    writeFileSync(script, '#!/bin/sh -e\r\necho done\r\n', { mode: 0o755 });
    const asked = { directory: `${base}/jail`, programs: [script] };
    const { warnings } = await buildJail(asked);
    t.match(warnings[0], `${script} cannot be started: its first line ends in a carriage return`);
    t.not(start(['chroot', asked.directory, script]).status, 0);
    t.match(start(['sh', '-c', /sed .*'/.exec(warnings[0] ?? '')?.[0] ?? '']), { status: 0 });
    t.same((await buildJail(asked)).warnings, []);
    t.equal(runIn(asked.directory, script), 'done\n');
    writeFileSync(script, '#!/bin/sh -e\necho done\r\n');
    t.same((await buildJail(asked)).warnings, [], 'one in another line is none of it');
  },
);

t.test('a library beside its program is found in a jail without /proc', cleanLoader('gcc'), async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/own`);
  writeFileSync(`${base}/l.c`, 'int answer(void) { return 42; }');
  writeFileSync(`${base}/p.c`, 'int answer(void); int main(void) { return answer(); }');
  const script = `cd "$0"
    gcc -shared -fPIC -Wl,-soname,libuchroottest.so -o own/libuchroottest.so l.c
    gcc -o p p.c -Lown -luchroottest '-Wl,-rpath,$ORIGIN/own'`;
  t.match(start(['sh', '-ec', script, base]), { status: 0, stderr: '' });
  const { warnings } = await buildJail({ directory: `${base}/jail`, programs: [`${base}/p`] });
  t.same(warnings, []);
  t.equal(runIn(`${base}/jail`, `${base}/p`), 'status 42: ');
});

t.test('a jail can be added to, while its programs run', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  await buildJail({ directory: jail, programs: ['bash'] });
  const before = statSync(`${jail}/usr/bin/bash`).ino;
  await buildJail({ directory: jail, programs: ['bash', 'ls'] });
  t.match(runIn(jail, '/bin/ls', '/usr/bin'), 'bash\nls\n');
  t.equal(statSync(`${jail}/usr/bin/bash`).ino, before, 'what is as it should be stays');
  writeFileSync(`${jail}/usr/bin/bash`, 'tampered with');
  const file = statSync(`${jail}/usr/bin/bash`).ino;
  await buildJail({ directory: jail, programs: ['bash'], replace: ['/usr/bin/bash'] });
  t.not(statSync(`${jail}/usr/bin/bash`).ino, file, 'replaced by rename, not written over');
  t.match(runIn(jail, '/bin/ls', '/usr/bin'), 'bash\nls\n', 'and what was added before is still there');
  t.same(faultsOf(jail), [], 'no temporary file is left');
});

t.test('a relative directory begins at the working directory', asRoot, async (t) => {
  const base = makeDirectory(t);
  const old = process.cwd();
  process.chdir(base);
  t.teardown(() => process.chdir(old));
  await buildJail({ directory: './new/./jail/', programs: ['bash'] });
  t.ok(existsSync(`${base}/new/jail/usr/bin/bash`));
});

t.test('a program that is not there, or cannot run, stops everything before it begins', asRoot, async (t) => {
  const base = makeDirectory(t);
  const directory = `${base}/jail`;
  writeFileSync(`${base}/text`, 'hello\n');
  writeFileSync(`${base}/lost`, '#!/no/such/interpreter\n');
  await t.rejects(buildJail({ directory, programs: ['no-such-program'] }), {
    name: 'UsageError',
    message: /PATH/,
  });
  await t.rejects(buildJail({ directory, programs: [`${base}/none`] }), {
    name: 'UsageError',
    message: /it is not there/,
  });
  await t.rejects(buildJail({ directory, programs: [base] }), {
    name: 'UsageError',
    message: /not a regular file/,
  });
  await t.rejects(buildJail({ directory, programs: [`${base}/text`] }), {
    name: 'JailError',
    message: /neither an ELF file nor a script/,
  });
  await t.rejects(buildJail({ directory, programs: [`${base}/lost`] }), {
    code: 'ERR_MISSING',
    message: `interpreter /no/such/interpreter, needed by ${base}/lost: it is not there`,
  });
  makeSystem(`${base}/root`, '/bin/bash');
  await t.rejects(buildJail({ directory, from: `${base}/root`, programs: ['bash'], packs: ['java'] }), {
    code: 'ERR_MISSING',
    message: 'the host has nothing of the pack java, which was asked for',
  });
  t.notOk(existsSync(directory));
});

t.test('a request is checked before anything is done', async (t) => {
  const rejects = (request: object, message: RegExp) =>
    t.rejects(buildJail(request as Parameters<typeof buildJail>[0]), { name: 'UsageError', message });
  await rejects({ directory: '/srv/j', programs: [] }, /no program/);
  await rejects({ directory: '', programs: ['a'] }, /directory must be a path/);
  await rejects({ directory: '/srv/j', programs: [''] }, /programs\[0\] must be a path/);
  await rejects({ directory: '/srv/\0', programs: ['a'] }, /directory must be a path/);
  await rejects({ directory: '/srv/j', programs: ['a'], program: 'b' }, /unknown key 'program'/);
});

t.test(
  'a jail is built where no device may be made, and a warning tells what is missing',
  needs('setpriv'),
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    const without = { by: ['setpriv', '--bounding-set=-mknod', '--inh-caps=-mknod'] };
    t.match(uchrootJail(['build', jail, 'bash'], without), {
      status: 0,
      stderr: /^uchroot-jail: warning: \/dev\/null was not made: mknod is not permitted here\n/,
    });
    t.match(uchrootJail(['update', jail]), { status: 0, stderr: '' });
    t.same(faultsOf(jail), []);
  },
);

t.test('the command answers with one line and a status', asRoot, async (t) => {
  const base = makeDirectory(t);
  t.match(uchrootJail(['build', `${base}/jail`, 'bash']), {
    status: 0,
    stdout: /^\S+: \d+ files, [\d.]+ MB\n$/,
    stderr: '',
  });
});

t.test("an ordinary user is told that a jail of root's is not his", asRoot, async (t) => {
  const directory = makeDirectory(t);
  const told = inChild(`
    const { buildJail } = await load('jail/building.js');
    native.setuid(65534);
    tell(await attempt(() => buildJail({ directory: ${JSON.stringify(directory)}, programs: ['bash'] })));`);
  t.match(told, { name: 'JailError', code: 'EPERM', hint: /sudo/ });
});
