import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { diagnoseDirectory, diagnoseProgram } from '../../../lib/launch/tell/diagnose.ts';
import type { Diagnosis } from '../../../lib/launch/tell/found-path.ts';
import type { JailView } from '../../../lib/launch/tell/jail-view.ts';
import { makeElf } from '../../support/binary/image.ts';
import { program, sam, viewOf } from '../../support/launch/view.ts';

const run = (view: JailView, path = '/bin/prog'): Diagnosis | undefined =>
  diagnoseProgram(view, Buffer.from(path));

t.test('nothing is wrong with a program that is all there', async (t) => {
  t.equal(run(viewOf({ '/bin/prog': program })), undefined);
  t.equal(run(viewOf({ '/bin/prog': { link: 'other' }, '/bin/other': program })), undefined);
  t.equal(run(viewOf({ '/bin/prog': '#!/bin/sh\n', '/bin/sh': program })), undefined);
});

t.test('a program that is not there is missing, and building is the remedy', async (t) => {
  t.same(run(viewOf({ '/bin/ls': program })), {
    message: 'not found in the jail',
    path: '/bin/prog',
    hint: 'uchroot-jail build /srv/jail /bin/prog',
    missing: true,
    isPlain: true,
  });
});

t.test('for a jail that others could replace, which the builder refuses, another one is built', async (t) => {
  const host = { program: bytePath('/bin/prog'), hasInterpreter: true, isMerged: true };
  const jail = '/home/sam/web';
  const view = viewOf({ '/lib/x': program }, {}, { host, jail });
  t.equal(run({ ...view, isUnsafe: true })?.hint, 'uchroot-jail build /srv/web /bin/prog');
  t.equal(run(view)?.hint?.startsWith('mkdir -p /home/sam/web/usr && mv -nT'), true);
});

t.test('of a path the first directory that is not there is named', async (t) => {
  t.match(run(viewOf({ '/bin/ls': program }), '/opt/app/prog'), {
    message: 'its directory /opt does not exist in the jail',
    path: '/opt',
    missing: true,
  });
});

t.test('a file on the way is named', async (t) => {
  t.match(run(viewOf({ '/bin': 'x' })), { message: '/bin is not a directory', path: '/bin' });
});

t.test('a link that leads nowhere in the jail is named with its target', async (t) => {
  t.match(run(viewOf({ '/bin/prog': { link: '/etc/alternatives/prog' }, '/etc/x': '' })), {
    message:
      'the symbolic link /bin/prog leads to /etc/alternatives/prog, and /etc/alternatives does not exist in the jail',
    missing: true,
    hint: 'uchroot-jail build /srv/jail /bin/prog',
  });
});

t.test('of a link that the host does not have, the target is built', async (t) => {
  const host = { program: undefined, hasInterpreter: true, isMerged: false };
  const hint = (link: string, path?: string): string | undefined =>
    run(
      viewOf(
        {
          '/bin/prog': { link },
          '/bin/next': { link: '../opt/x' },
          '/opt': { link: 'usr/opt' },
          '/usr/opt/y': '',
        },
        {},
        { host },
      ),
      path,
    )?.hint;
  t.equal(hint('next'), 'uchroot-jail build /srv/jail /opt/x');
  t.equal(hint('/opt/perl/perl'), 'uchroot-jail build /srv/jail /opt/perl/perl');
  t.equal(hint('../../../opt/perl'), 'uchroot-jail build /srv/jail /opt/perl');
  t.match(hint('/opt/perl', '/bin/other'), /^the host does not have it either: .* \/bin\/other$/);
});

t.test('a link among the directories that leads somewhere is not the one that is named', async (t) => {
  const tree = { '/prog': { link: '../bin/x' }, '/bin': { link: 'usr/bin' }, '/usr/bin/y': '' };
  t.match(run(viewOf(tree), '/prog'), {
    message: 'the symbolic link /prog leads to ../bin/x, and /usr/bin/x does not exist in the jail',
  });
});

t.test('a word that only a shell understands is told as one', async (t) => {
  const host = { program: undefined, hasInterpreter: true, isMerged: true };
  const hint = (path: string, shell = '/bin/sh'): string | undefined =>
    run(viewOf({ '/bin/x': '', [shell]: program }, {}, { host }), path)?.hint;
  t.equal(hint('/bin/l*'), 'only a shell knows * and ?: give the whole name');
  t.equal(hint('$HOME/x'), 'only a shell knows $HOME: give the path in the jail');
  t.equal(hint('~/x'), 'only a shell knows ~: give the path in the jail');
  t.equal(hint('ls / | wc'), "only a shell knows such signs: /bin/sh -c 'ls / | wc'");
  t.equal(hint('ls;'), "only a shell knows such signs: /bin/sh -c 'ls;'");
  t.equal(hint('ls;', '/bin/bash'), "only a shell knows such signs: /bin/bash -c 'ls;'");
  t.match(hint('ls;', '/bin/y'), /uchroot-jail build \/srv\/jail \/bin\/sh, then \/bin\/sh -c 'ls;'$/);
  t.match(hint('/bin/a&b'), /^the host does not have it either/);
});

t.test('links in a circle are named', async (t) => {
  t.match(run(viewOf({ '/bin/prog': { link: 'b' }, '/bin/b': { link: 'prog' } })), {
    message: /^too many symbolic links, at \/bin\//,
    missing: false,
  });
});

t.test('a link is followed in the jail and never beyond it', async (t) => {
  t.equal(run(viewOf({ '/bin/prog': { link: '../../../bin/other' }, '/bin/other': program })), undefined);
});

t.test('a directory is no program, nor is a device', async (t) => {
  t.match(run(viewOf({ '/bin/prog/x': '' })), { message: 'is a directory', missing: false });
  t.match(run(viewOf({ '/bin/prog': '' }, { '/bin/prog': { kind: 'other' } })), {
    message: 'is not a regular file',
  });
});

t.test('a missing x bit is told with mode and owner', async (t) => {
  const view = viewOf({ '/bin/prog': program }, { '/bin/prog': { mode: 0o644 } });
  t.same(run(view), {
    message: 'no execute permission for uid 1001 (mode 0644, owner 0:0)',
    path: '/bin/prog',
    hint: 'chmod a+rx /srv/jail/bin/prog',
    missing: false,
  });
});

t.test('of owner, group and others the first that applies counts, as in the kernel', async (t) => {
  const denied = (status: { mode: number; uid?: number; gid?: number }, uid = 1001): boolean =>
    run(viewOf({ '/bin/prog': program }, { '/bin/prog': status }, { account: { ...sam, uid } })) !==
    undefined;
  t.ok(denied({ mode: 0o611, uid: 1001 }));
  t.notOk(denied({ mode: 0o700, uid: 1001 }));
  t.ok(denied({ mode: 0o701, gid: 29 }));
  t.notOk(denied({ mode: 0o710, gid: 29 }));
  t.ok(denied({ mode: 0o710, gid: 30 }));
  t.ok(denied({ mode: 0o611 }, 0), 'root has no capability left either');
});

t.test('a directory on the way that the user may not enter is named', async (t) => {
  t.match(run(viewOf({ '/bin/prog': program }, { '/bin': { mode: 0o750 } })), {
    message: 'the directory /bin may not be entered by uid 1001',
    path: '/bin',
    hint: 'chmod o+x /srv/jail/bin',
    missing: false,
  });
});

t.test('a closed directory before a link is found, though the link leads elsewhere', async (t) => {
  const view = viewOf({ '/a/prog': { link: '/b/prog' }, '/b/prog': program }, { '/a': { mode: 0o700 } });
  t.match(run(view, '/a/prog'), { path: '/a', missing: false });
});

t.test('a file system that is mounted noexec is named', async (t) => {
  t.match(run(viewOf({ '/bin/prog': program }, { '/bin/prog': { noexec: true } })), {
    message: 'it lies on a file system that is mounted noexec',
    hint: /findmnt -T \/srv\/jail\/bin\/prog/,
  });
});

t.test(
  'a program and its arguments in one word are not found; a letter that has the byte of a blank is no blank',
  async (t) => {
    t.match(run(viewOf({}), '/a b/c'), { message: 'not found in the jail' });
    t.match(run(viewOf({ '/bin/prog': program }), '/voilà/c'), {
      message: 'its directory /voilà does not exist in the jail',
    });
    const view = viewOf({ '/bin/prog': program });
    t.match(run(view, '/bin/prog -à  b'), { hint: /: \/bin\/prog \$'-\\xc3\\xa0' b$/ });
  },
);

t.test('a text file without #! is no program', async (t) => {
  t.match(run(viewOf({ '/bin/prog': 'echo hello\n' })), {
    message: 'neither an ELF program nor a script with a #! line',
    hint: 'if it is a shell script, its first line must be: #!/bin/sh',
    missing: false,
  });
  t.match(run(viewOf({ '/bin/prog': 'echo hello\n', '/bin/bash': program })), { hint: /: #!\/bin\/bash$/ });
  t.match(run(viewOf({ '/bin/prog': '' })), { message: 'the file is empty', missing: false });
});

t.test('the interpreter of a script is named with its line', async (t) => {
  t.match(run(viewOf({ '/bin/prog': '#!/usr/bin/perl -w\n' })), {
    message: /^its interpreter \/usr\/bin\/perl \(line '#!\/usr\/bin\/perl -w'\): /,
    missing: true,
  });
});

t.test('a carriage return in the #! line is the reason that is told', async (t) => {
  t.match(run(viewOf({ '/bin/prog': '#!/bin/sh\r\n', '/bin/sh': program })), {
    message: /\/bin\/sh\\x0d/,
    hint: /the line ends in a carriage return/,
    missing: true,
  });
});

t.test('an interpreter that the host lacks too must be installed there first', async (t) => {
  const tree = { '/bin/prog': '#!/usr/bin/perl\n', '/bin/env': program };
  const host = { program: bytePath('/bin/ls'), hasInterpreter: false, isMerged: false };
  const build = 'uchroot-jail build /srv/jail /usr/bin/perl';
  t.equal(
    run(viewOf(tree, {}, { host }))?.hint,
    `the host does not have it either: install it there, then ${build}`,
  );
  t.equal(run(viewOf(tree, {}, { host: { ...host, hasInterpreter: true } }))?.hint, build);
  const closed = viewOf(
    { ...tree, '/usr/bin/perl': program },
    { '/usr/bin/perl': { mode: 0o644 } },
    { host },
  );
  t.equal(run(closed)?.hint, 'chmod a+rx /srv/jail/usr/bin/perl');
});

t.test('a jail that the account may not enter is named without a slash at its end', async (t) => {
  const view = viewOf({ '/bin/prog': program }, { '/': { mode: 0o700 } });
  t.equal(diagnoseDirectory(view, Buffer.from('/'))?.hint, 'chmod o+rx /srv/jail');
});

t.test('a #! line without an interpreter, or with too long a one, is told', async (t) => {
  t.match(run(viewOf({ '/bin/prog': '#! \n' })), { message: /names no interpreter/, missing: false });
  t.match(run(viewOf({ '/bin/prog': `#!/${'x'.repeat(300)}\n` })), { message: /too long/, missing: false });
});

t.test('interpreters of interpreters are followed as deep as the kernel goes', async (t) => {
  const chain = (length: number): Record<string, string | Buffer> => ({
    '/bin/prog': '#!/bin/s1\n',
    ...Object.fromEntries(
      Array.from({ length }, (_, i) => [`/bin/s${i + 1}`, i + 1 === length ? program : `#!/bin/s${i + 2}\n`]),
    ),
  });
  t.equal(run(viewOf(chain(5))), undefined);
  t.match(run(viewOf(chain(6))), { message: /more than 5 deep/ });
  t.match(run(viewOf({ '/bin/prog': '#!/bin/prog\n' })), { message: /more than 5 deep/ });
});

t.test('the ELF interpreter is named', async (t) => {
  const dynamic = makeElf({ interpreter: '/lib64/ld-linux-x86-64.so.2' });
  t.match(run(viewOf({ '/bin/prog': dynamic })), {
    message:
      'its ELF interpreter /lib64/ld-linux-x86-64.so.2: its directory /lib64 does not exist in the jail',
    path: '/lib64',
    missing: true,
  });
  const loader = { '/bin/prog': dynamic, '/lib64/ld-linux-x86-64.so.2': makeElf({ flags1: 0x08000000 }) };
  t.equal(run(viewOf(loader)), undefined);
  t.match(run(viewOf(loader, { '/lib64/ld-linux-x86-64.so.2': { mode: 0o644 } })), {
    message: /^its ELF interpreter .*: no execute permission/,
    missing: false,
  });
});

t.test('a program for another machine is told as one', async (t) => {
  t.match(run(viewOf({ '/bin/prog': makeElf({ type: 2, machine: 183, isStatic: true }) })), {
    message: 'a program for aarch64, and this machine is x86-64',
    hint: 'give one that is built for x86-64',
    missing: false,
  });
  t.match(run(viewOf({ '/bin/prog': program }, {}, { architecture: 'arm64' })), {
    message: 'a program for x86-64, and this machine is aarch64',
  });
});

t.test('a 32-bit program runs on its 64-bit machine', async (t) => {
  t.equal(
    run(viewOf({ '/bin/prog': makeElf({ type: 2, bits: 32, machine: 3, isStatic: true }) })),
    undefined,
  );
});

t.test('an object file and a damaged file are no programs', async (t) => {
  t.match(run(viewOf({ '/bin/prog': makeElf({ type: 1 }) })), {
    message: /^an ELF file, but not a program/,
    hint: 'give the program that a linker makes',
  });
  t.match(run(viewOf({ '/bin/prog': program.subarray(0, 20) })), { message: 'a damaged ELF file' });
});

t.test('a name without a slash is not searched for, and the path that was meant is the hint', async (t) => {
  const view = viewOf({ '/usr/bin/ls': program });
  t.match(run(view, 'ls'), { missing: true, hint: 'give the path in the jail: /usr/bin/ls' });
  t.match(run(view, 'vi'), { missing: true, hint: /PATH is not searched/ });
});

t.test('a relative path begins at the working directory', async (t) => {
  const tree = { '/opt/prog': program };
  t.equal(run(viewOf(tree, {}, { cwd: Buffer.from('/opt') }), 'prog'), undefined);
  t.match(run(viewOf(tree), './prog'), { missing: true });
});

t.test('what the file cannot be read for is not guessed at', async (t) => {
  t.equal(run(viewOf({ '/bin/prog': program }, { '/bin/prog': { mode: 0o711 } })), undefined);
});

t.test('bytes that are no UTF-8 are shown, and stay on one line', async (t) => {
  t.match(diagnoseProgram(viewOf({ '/x': '' }), Buffer.from('/a\xff\n', 'latin1')), {
    path: String.raw`/a\xff\n`,
  });
});

t.test('a working directory is there, is one, and may be entered', async (t) => {
  const look = (view: JailView, path: string): Diagnosis | undefined =>
    diagnoseDirectory(view, Buffer.from(path));
  const tree = { '/home/sam/x': '', '/file': '' };
  t.equal(look(viewOf(tree), '/home/sam'), undefined);
  t.match(look(viewOf(tree), '/home/eve'), { missing: true, hint: 'mkdir -p /srv/jail/home/eve' });
  t.match(look(viewOf(tree), '/file'), { message: 'not a directory', missing: false });
  t.match(look(viewOf(tree, { '/home/sam': { mode: 0o700 } }), '/home/sam'), {
    message: 'uid 1001 may not enter it (mode 0700, owner 0:0)',
    hint: 'chmod o+x /srv/jail/home/sam',
  });
  t.match(look(viewOf(tree, { '/home': { mode: 0o700 } }), '/home/sam'), { path: '/home' });
});

t.test('what a launch binds into the jail is not said to be missing', async (t) => {
  const view = viewOf({ '/bin': { link: 'usr/bin' } }, {}, { binds: [bytePath('/usr')] });
  t.equal(diagnoseProgram(view, Buffer.from('/usr/bin/prog')), undefined);
  t.equal(diagnoseProgram(view, Buffer.from('/bin/prog')), undefined, 'through a link');
  t.equal(diagnoseDirectory(view, Buffer.from('/usr/share')), undefined);
  t.match(
    diagnoseProgram(view, Buffer.from('/usrlocal/prog')),
    { missing: true },
    'only a prefix of its name',
  );
});
