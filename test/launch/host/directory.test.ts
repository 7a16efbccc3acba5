import t from 'tap';

import type { Account } from '../../../lib/launch/host/account.ts';
import {
  absolutePath,
  acceptDirectory,
  jailFor,
  judgeDirectory,
  unreachable,
} from '../../../lib/launch/host/directory.ts';
import type { PathComponent } from '../../../lib/native.ts';
import { bySudo } from '../../../lib/words/shell-word.ts';

const sam: Account = {
  uid: 1001,
  gid: 1001,
  groups: [29, 1001],
  memberships: [1001],
  name: 'sam',
  home: '/',
  shell: '/bin/sh',
};

const directory = 0o040000;
const link = 0o120000;

interface Given extends Partial<Omit<PathComponent, 'path' | 'parent'>> {
  readonly path?: string;
}

// The path /, /srv, /srv/jail with these differences.
function judge(changes: { root?: Given; srv?: Given; jail?: Given }, account = sam): readonly string[] {
  const component = (path: string, parent: number, given: Given = {}): PathComponent => ({
    mode: directory | 0o755,
    uid: 0,
    gid: 0,
    parent,
    ...given,
    path: Buffer.from(given.path ?? path),
  });
  const components = [
    component('/', -1, changes.root),
    component('/srv', 0, changes.srv),
    component('/srv/jail', 1, changes.jail),
  ];
  return judgeDirectory({ components, isHostRoot: false }, account).map(
    ({ refuses, message }) => `${refuses ? 'refused' : 'warned'}: ${message}`,
  );
}

interface AclEntry {
  readonly tag: 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20;
  readonly permissions: number;
  readonly id?: number;
}

// The bytes of system.posix_acl_access that getxattr(2) returns.
function acl(...entries: readonly AclEntry[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2);
  entries.forEach(({ tag, permissions, id = 2 ** 32 - 1 }, index) => {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  });
  return bytes;
}

t.test('a way that is all root’s and that nobody else writes is accepted', async (t) => {
  t.same(judge({}), []);
});

t.test('a jail that the user owns is refused', async (t) => {
  t.same(judge({ jail: { uid: 1001 } }), [
    'refused: jail: /srv/jail is owned by uid 1001, the user to be jailed, who could replace what is in it',
  ]);
});

t.test('a directory above the jail counts as much as the jail', async (t) => {
  t.match(judge({ srv: { uid: 1001 } }), [/^refused: jail: \/srv, above the jail, is owned by uid 1001/]);
  t.match(judge({ root: { mode: directory | 0o777 } }), [
    /^refused: jail: \/, above the jail, can be written by everybody/,
  ]);
});

t.test('a directory that everybody writes is refused', async (t) => {
  t.match(judge({ jail: { mode: directory | 0o757 } }), [/^refused: .* by everybody \(mode 0757\)/]);
});

t.test('a directory that a group of the user writes is refused, of another group’s is warned', async (t) => {
  for (const gid of [29, 1001]) {
    t.match(judge({ jail: { mode: directory | 0o775, gid } }), [
      new RegExp(`^refused: .* by gid ${gid}, a group of the user`),
    ]);
  }
  t.same(judge({ jail: { mode: directory | 0o775, gid: 30 } }), [
    'warned: jail: /srv/jail can be written by gid 30 (mode 0775), who could replace what is in it',
  ]);
  t.same(judge({ jail: { mode: directory | 0o755, gid: 29 } }), []);
});

t.test('root’s own group writes for a user that is in it, though not for root', async (t) => {
  const jail = { mode: directory | 0o775, gid: 0 };
  t.same(judge({ jail }), []);
  t.match(judge({ jail }, { ...sam, groups: [0] }), [/^refused: .* by gid 0/]);
  t.same(judge({ jail }, { ...sam, uid: 0, gid: 0, groups: [0] }), []);
});

t.test('a sticky directory is fine when the entry below it is root’s', async (t) => {
  const srv = { mode: directory | 0o1777 };
  t.same(judge({ srv }), []);
  t.match(judge({ srv, jail: { uid: 1001 } }).join('\n'), /refused: jail: \S+ is owned by uid 1001/);
});

t.test('a sticky jail is refused: what is in it can be made by everybody', async (t) => {
  t.match(judge({ jail: { mode: directory | 0o1777 } }), [
    /^refused: jail: \/srv\/jail can be written by everybody/,
  ]);
});

t.test('the owner of a sticky directory may replace what lies in it', async (t) => {
  t.match(judge({ srv: { mode: directory | 0o1777, uid: 1001 } }), [
    /^refused: jail: \/srv, above the jail, is owned/,
  ]);
});

t.test(
  'a jail below a directory of the same owner is built elsewhere: chown would leave the directory his',
  async (t) => {
    const own = { mode: directory | 0o755, uid: 500, gid: 0 };
    const components = [
      { ...own, path: Buffer.from('/h'), parent: -1 },
      { ...own, path: Buffer.from('/h/j'), parent: 0 },
    ];
    const to = jailFor({ jail: Buffer.from('/h/j'), program: undefined });
    const [above, jail] = judgeDirectory({ components, isHostRoot: false }, sam, to);
    t.equal(above?.hint, bySudo('uchroot-jail build /srv/j /bin/sh'));
    t.equal(jail?.hint, above?.hint);
  },
);

t.test('any other owner than root only warns, and the remedy is chown', async (t) => {
  t.same(judge({ jail: { uid: 1002 } }), [
    'warned: jail: /srv/jail is owned by uid 1002, who could replace what is in it',
  ]);
  const j = { path: Buffer.from('/j'), parent: -1, mode: directory | 0o755, uid: 5, gid: 0 };
  const [finding] = judgeDirectory({ components: [j], isHostRoot: false }, sam);
  t.equal(finding?.hint, bySudo('chown root:root /j'));
});

t.test('a symbolic link is judged by the directory it lies in', async (t) => {
  const srv = { mode: link | 0o777, uid: 0 };
  t.same(judge({ srv }), []);
  t.match(judge({ root: { mode: directory | 0o1777 }, srv: { ...srv, uid: 1001 } }), [
    /^refused: jail: \/srv, above the jail, is a link of uid 1001, the user to be jailed,/,
  ]);
});

t.test('an access control list that gives write to the user or a group of his is refused', async (t) => {
  const jail = { mode: directory | 0o775, gid: 30 };
  const others = [
    { tag: 0x01, permissions: 7 },
    { tag: 0x04, permissions: 5 },
    { tag: 0x10, permissions: 7 },
    { tag: 0x20, permissions: 5 },
  ] as const;
  const refused = [/^refused: .* by the user through an access control list/];
  t.same(judge({ jail: { ...jail, acl: acl(...others) } }), []);
  t.match(
    judge({ jail: { ...jail, acl: acl(...others, { tag: 0x02, permissions: 7, id: 1001 }) } }),
    refused,
  );
  t.match(judge({ jail: { ...jail, acl: acl(...others, { tag: 0x08, permissions: 2, id: 29 }) } }), refused);
  t.same(judge({ jail: { ...jail, acl: acl(...others, { tag: 0x02, permissions: 5, id: 1001 }) } }), []);
  t.same(judge({ jail: { ...jail, acl: acl(...others, { tag: 0x02, permissions: 7, id: 1002 }) } }), [
    'warned: jail: /srv/jail can be written by uid 1002 through an access control list, who could replace what is in it',
  ]);
  t.same(judge({ jail: { ...jail, acl: acl(...others, { tag: 0x08, permissions: 7, id: 31 }) } }), [
    'warned: jail: /srv/jail can be written by gid 31 through an access control list, who could replace what is in it',
  ]);
});

t.test('beside an access control list the owning group keeps its own entry', async (t) => {
  const list = acl(
    { tag: 0x02, permissions: 5, id: 5 },
    { tag: 0x04, permissions: 7 },
    { tag: 0x10, permissions: 7 },
  );
  const jail = { mode: directory | 0o775, acl: list };
  t.match(judge({ jail: { ...jail, gid: 29 } }), [/^refused: .* through an access control list/]);
  t.match(judge({ jail: { ...jail, gid: 30 } }), [/^warned: .* by gid 30 through an access control list/]);
});

t.test('the mask of an access control list, which is the mode’s group part, takes write away', async (t) => {
  const list = acl({ tag: 0x02, permissions: 7, id: 1001 });
  t.same(judge({ jail: { mode: directory | 0o755, acl: list } }), []);
});

t.test('a list that is cut short is refused', async (t) => {
  const list = acl({ tag: 0x02, permissions: 7, id: 1002 });
  t.same(judge({ jail: { mode: directory | 0o775, acl: list.subarray(0, 10) } }), [
    'refused: jail: /srv/jail can be written by whoever is named in an access control list that cannot be understood, who could replace what is in it',
  ]);
});

t.test('a group that the user has by the database counts although he is not given it', async (t) => {
  const jail = { mode: directory | 0o775, gid: 100 };
  t.match(judge({ jail }, { ...sam, groups: [], memberships: [100] }), [
    /^refused: jail: \/srv\/jail can be written by gid 100, a group of the user \(mode 0775\)/,
  ]);
});

t.test('nobody is told to take /tmp from all users', async (t) => {
  const components = [
    { path: Buffer.from('/'), parent: -1, mode: directory | 0o755, uid: 0, gid: 0 },
    { path: Buffer.from('/tmp'), parent: 0, mode: directory | 0o1777, uid: 0, gid: 0 },
  ];
  const [finding] = judgeDirectory({ components, isHostRoot: false }, sam);
  t.match(finding, { refuses: true, hint: 'name a directory below it' });
});

t.test('the first refusal is thrown, unless the risk is accepted', async (t) => {
  const components = [
    { path: Buffer.from('/'), parent: -1, mode: directory | 0o755, uid: 5, gid: 0 },
    { path: Buffer.from('/j'), parent: 0, mode: directory | 0o777, uid: 0, gid: 0 },
  ];
  const findings = judgeDirectory({ components, isHostRoot: false }, sam);
  t.throws(() => acceptDirectory(findings, false), {
    name: 'LaunchError',
    code: 'ERR_INSECURE_PATH',
    step: 'jail',
    path: '/j',
    exitStatus: 125,
    hint: /^(?:sudo )?chmod go-w \/j .*--insecure-path/,
  });
  t.equal(acceptDirectory(findings, true), findings);
  const [warning] = findings;
  t.same(acceptDirectory(warning === undefined ? [] : [warning], false), [warning]);
});

t.test('a path in a message is one line, whatever it holds', async (t) => {
  t.match(judge({ jail: { path: '/a\nb\x1b[2J', uid: 1001 } }), [
    /^refused: jail: \/a\\nb\\x1b\[2J is owned/,
  ]);
});

t.test('a jail that is not reached is told with path, reason and remedy', async (t) => {
  const error = unreachable(
    { walkErrno: 2, walkPath: Buffer.from('/srv/jial') },
    { jail: Buffer.from('/nothing/jial'), program: Buffer.from('/bin/ls') },
  );
  t.match(error, {
    message: 'jail: /srv/jial: no such file or directory',
    code: 'ENOENT',
    errno: 2,
    path: '/srv/jial',
    hint: bySudo('uchroot-jail build /nothing/jial /bin/ls'),
    exitStatus: 125,
  });
});

t.test('a path of the host becomes absolute and plain', async (t) => {
  t.equal(absolutePath('/srv//a/./b/'), '/srv/a/b');
  t.equal(absolutePath('a/..b'), `${process.cwd()}/a/..b`);
});

t.test('a `..` is left to the kernel, since a link may be before it', async (t) => {
  t.equal(absolutePath('/srv/link/../b'), '/srv/link/../b');
  t.equal(absolutePath('link/../b'), `${process.cwd()}/link/../b`);
});
