import t from 'tap';

import type { PathComponent } from '../../lib/native.ts';
import { isOthers, judgeWay, remedyOf, type WayFinding } from '../../lib/trust/way.ts';
import type { Person } from '../../lib/trust/writer.ts';

const directory = 0o040000;
const link = 0o120000;
const sam: Person = { uid: 1001, gids: [29, 1001] };
const bob: Person = { uid: 1002, gids: [1002] };

type Row = readonly [path: string, parent: number, mode: number, uid?: number, gid?: number];

function judge(
  rows: readonly Row[],
  people: readonly Person[] = [sam],
  rest: { readonly isHostRoot?: boolean; readonly isParent?: boolean; readonly endsInEntry?: boolean } = {},
): readonly string[] {
  const components = rows.map(([path, parent, mode, uid = 0, gid = 0]): PathComponent => ({
    path: Buffer.from(path),
    parent,
    mode,
    uid,
    gid,
  }));
  return judgeWay({ components, isHostRoot: false, ...rest }, people).map(
    ({ refuses, component, how }) =>
      `${refuses ? 'refused' : 'warned'}: ${Buffer.from(component.path).toString()} ${how}`,
  );
}

const root: Row = ['/', -1, directory | 0o755];
const tmp: Row = ['/tmp', 0, directory | 0o1777];

t.test('without people anybody but root is refused', async (t) => {
  const way = (mode: number, uid = 0, gid = 0): readonly Row[] => [
    root,
    ['/j', 0, directory | mode, uid, gid],
  ];
  t.same(judge(way(0o755, 5), []), ['refused: /j is owned by uid 5']);
  t.same(judge(way(0o775, 0, 5), []), ['refused: /j can be written by gid 5 (mode 0775)']);
  t.same(judge(way(0o775), []), []);
  t.same(judge(way(0o777), []), ['refused: /j can be written by everybody (mode 0777)']);
});

t.test('one of several people is enough', async (t) => {
  t.same(judge([root, ['/j', 0, directory | 0o755, 1002]], [sam, bob]), [
    'refused: /j is owned by uid 1002, the user to be jailed',
  ]);
});

t.test('an entry of a sticky directory is its owner’s, wherever on the way it comes', async (t) => {
  const way = (uid: number): readonly Row[] => [
    root,
    tmp,
    ['/tmp/ours', 1, link | 0o777],
    ['/tmp/his', 1, link | 0o777, uid],
    ['/srv', 0, directory | 0o755],
  ];
  t.same(judge(way(0)), []);
  t.same(judge(way(1001)), [
    'refused: /tmp/his is a link of uid 1001, the user to be jailed, in a directory that others can write (mode 1777)',
  ]);
  t.same(judge(way(1002)), [
    'refused: /tmp/his is a link of uid 1002 in a directory that others can write (mode 1777)',
  ]);
});

t.test('a link of a stranger in a sticky directory of some is warned of', async (t) => {
  const way: readonly Row[] = [
    root,
    ['/s', 0, directory | 0o1775, 0, 30],
    ['/s/l', 1, link | 0o777, 1002],
    ['/srv', 0, directory | 0o755],
  ];
  const message = '/s/l is a link of uid 1002 in a directory that others can write (mode 1775)';
  t.same(judge(way), [`warned: ${message}`]);
  t.same(judge(way, []), [`refused: ${message}`]);
});

t.test(
  'a link of root’s, or of the owner of its directory, may stand in a directory that others write',
  async (t) => {
    const judged = (mode: number, linkUid: number): readonly string[] =>
      judge([
        root,
        ['/s', 0, directory | mode, 5],
        ['/s/l', 1, link | 0o777, linkUid],
        ['/srv', 0, directory | 0o755],
      ]);
    const owner = 'warned: /s is owned by uid 5';
    t.same(judged(0o1777, 0), [owner]);
    t.same(judged(0o1777, 5), [owner]);
    t.same(judged(0o1777, 1), [
      owner,
      'refused: /s/l is a link of uid 1 in a directory that others can write (mode 1777)',
    ]);
    // without the sticky bit the directory says it all
    t.same(judged(0o777, 1), ['refused: /s can be written by everybody (mode 0777)']);
  },
);

t.test('the owner of a link in a directory that only root writes cannot change it', async (t) => {
  t.same(judge([root, ['/l', 0, link | 0o777, 1001], ['/srv', 0, directory | 0o755]]), []);
});

t.test('the last directory counts as a whole, unless it is there for one entry of root’s', async (t) => {
  t.same(judge([root, tmp]), ['refused: /tmp can be written by everybody (mode 1777)']);
  t.same(judge([root, tmp], [sam], { isParent: true }), []);
  t.same(judge([root, ['/t', 0, directory | 0o1777, 1001]], [sam], { isParent: true }), [
    'refused: /t is owned by uid 1001, the user to be jailed',
  ]);
});

t.test('an entry is as safe as its place, whoever can write to it', async (t) => {
  const judged = (parent: Row, type: number, uid: number): readonly string[] =>
    judge([root, parent, ['/d/e', 1, type | 0o777, uid]], [sam], { endsInEntry: true });
  for (const type of [directory, link, 0o100000]) {
    t.same(judged(['/d', 0, directory | 0o755], type, 1001), []);
    t.same(judged(['/d', 0, directory | 0o1777], type, 0), []);
    t.same(judged(['/d', 0, directory | 0o777], type, 0), [
      'refused: /d can be written by everybody (mode 0777)',
    ]);
    t.match(judged(['/d', 0, directory | 0o1777], type, 1001), [
      / is (?:a link of|owned by) uid 1001, the user to be jailed, in a directory that others can write \(mode 1777\)$/,
    ]);
  }
  const others = judged(['/d', 0, directory | 0o1777], directory, 5);
  t.same(others, ['warned: /d/e is owned by uid 5 in a directory that others can write (mode 1777)']);
});

t.test('the host’s root directory is refused for everybody', async (t) => {
  const how = "/ is the host's own root directory: the program would not be locked in";
  for (const people of [[sam], [], [{ uid: 0, gids: [0] }]])
    t.same(judge([root], people, { isHostRoot: true }), [`refused: ${how}`]);
  const component = { path: Buffer.from('/'), parent: -1, mode: directory | 0o755, uid: 0, gid: 0 };
  const findings = judgeWay({ components: [component], isHostRoot: true }, [sam]);
  t.same(
    findings.map(({ isEnd }) => isEnd),
    [true],
  );
});

t.test('a remedy takes away what was found', async (t) => {
  const remedy = (mode: number, uid: number, acl?: Uint8Array): string | undefined => {
    const component = { path: Buffer.from('/j'), parent: -1, mode: directory | mode, uid, gid: 5 };
    const [finding] = judgeWay(
      { components: [acl === undefined ? component : { ...component, acl }], isHostRoot: false },
      [],
    );
    return finding && remedyOf(finding, '/j');
  };
  t.equal(remedy(0o755, 5), 'chown root:root /j');
  t.equal(remedy(0o775, 5), 'chown root:root /j && chmod go-w /j');
  t.equal(remedy(0o775, 0), 'chmod go-w /j');
  t.equal(remedy(0o775, 0, Buffer.alloc(4)), 'setfacl -b /j && chmod go-w /j');
});

t.test('a directory on the way is judged as one, though its parent is sticky', async (t) => {
  const rows: readonly Row[] = [
    root,
    tmp,
    ['/tmp/d', 1, directory | 0o755, 5],
    ['/tmp/d/e', 2, directory | 0o755, 0],
  ];
  t.same(judge(rows, []), ['refused: /tmp/d is owned by uid 5']);
  t.same(judge(rows, [], { endsInEntry: true }), ['refused: /tmp/d is owned by uid 5']);
  t.same(judge(rows.slice(0, 3), []), ['refused: /tmp/d is owned by uid 5']);
});

const finding = (more: Partial<WayFinding> & { path?: string; isCallers?: boolean }): WayFinding => {
  const { path = '/srv/d', isCallers, ...rest } = more;
  const component = { path: Buffer.from(path), parent: 0, mode: directory | 0o775, uid: 0, gid: 5 };
  return {
    refuses: true,
    kind: 'owner',
    component: isCallers === undefined ? component : { ...component, isCallers },
    isEnd: true,
    how: '',
    ...rest,
  };
};

t.test('an owner needs his home, and what he has above the end', async (t) => {
  t.ok(isOthers(finding({ isEnd: false })));
  t.ok(isOthers(finding({ path: '/home/sam' })));
  t.ok(isOthers(finding({ path: '/root' })));
  t.notOk(isOthers(finding({})));
  t.notOk(isOthers(finding({ path: '/home/sam/jail' })));
  t.notOk(isOthers(finding({ kind: 'writable', isEnd: false })));
  t.notOk(isOthers(finding({ kind: 'writable', path: '/root' })));
});

t.test('the kind of a finding is its cause', async (t) => {
  const kindOf = (mode: number, uid: number) => {
    const component = { path: Buffer.from('/j'), parent: -1, mode: directory | mode, uid, gid: 5 };
    return judgeWay({ components: [component], isHostRoot: false }, [])[0]?.kind;
  };
  t.equal(kindOf(0o755, 5), 'owner');
  t.equal(kindOf(0o775, 0), 'writable');
});

t.test('an ordinary user changes only what is his', async (t) => {
  const elsewhere = 'choose a directory in which only you can write, such as one in your home';
  for (const kind of ['owner', 'writable'] as const) {
    t.equal(remedyOf(finding({ kind }), 'D', false), elsewhere);
    t.equal(remedyOf(finding({ kind, isCallers: false }), 'D', false), elsewhere);
    t.equal(remedyOf(finding({ kind, isCallers: true }), 'D', false), 'chmod go-w D');
    t.equal(remedyOf(finding({ kind }), 'D'), 'chmod go-w D');
  }
  t.equal(remedyOf(finding({ kind: 'link' }), 'D', false), 'name the directory that D leads to');
  t.equal(remedyOf(finding({ kind: 'host-root' }), 'D', false), 'uchroot-jail build ~/jail PROGRAM');
  t.equal(remedyOf(finding({ kind: 'host-root' }), 'D'), 'uchroot-jail build /srv/jail PROGRAM');
});
