import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../../../lib/tree/root.ts';
import { openStore, type Store } from '../../../lib/jail/apply/store.ts';
import { writeManifest } from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { makeDirectory } from '../../support/directory.ts';
import { everythingIn } from '../../support/builder.ts';
import { unlessRoot } from '../../support/root.ts';

const asRoot = { skip: unlessRoot() };

const NO_MANIFEST = writeManifest({ recipe: EMPTY_RECIPE, packs: [], packages: {}, entries: [] });
const path = (text: string) => bytePath(text);

function openJail(t: Test): { readonly directory: string; readonly jail: DirectoryRoot } {
  const directory = makeDirectory(t);
  const jail = openFileRoot(directory);
  t.teardown(() => jail.close());
  return { directory, jail };
}

async function stageText(store: Store, text: string) {
  const { staged } = await store.stage((fd) => writeFileSync(fd, text));
  return staged;
}

t.test('a change that was staged and not decided is undone by the next run', asRoot, async (t) => {
  const { directory, jail } = openJail(t);
  writeFileSync(`${directory}/f`, 'old');
  const store = await openStore(jail);
  await stageText(store, 'new');
  store.stageLink(path('f'));
  store.stageDirectory({ mode: 0o755, uid: 0, gid: 0 });
  store.close();
  t.equal(readdirSync(`${directory}/.uchroot/new`).length, 3);
  const next = await openStore(jail);
  t.notOk(next.completed);
  t.same(readdirSync(`${directory}/.uchroot`), []);
  t.equal(readFileSync(`${directory}/f`, 'utf8'), 'old');
  next.rollBack();
  next.close();
});

// The list of a run that was killed, with the first of its files in place already.
async function decideAndStop(directory: string, jail: DirectoryRoot): Promise<void> {
  mkdirSync(`${directory}/gone/kept`, { recursive: true });
  for (const name of ['a', 'b', 'old', 'gone/f']) writeFileSync(`${directory}/${name}`, 'old');
  const store = await openStore(jail);
  const [a, b, link] = [
    await stageText(store, 'new a'),
    await stageText(store, 'new b'),
    store.stageLink(path('a')),
  ];
  const list = {
    files: [
      { staged: a, path: '/a' },
      { staged: b, path: '/b' },
      { staged: link, path: '/link' },
    ],
    attributes: [],
    obsolete: ['/gone/f', '/gone/kept', '/gone', '/old', '/never'].map((path) => ({ path })),
  };
  renameSync(`${directory}${a}`, `${directory}/a`);
  writeFileSync(`${directory}/.uchroot/new/commit`, JSON.stringify(list));
  store.close();
}

t.test('a change that was decided is completed by the next run', asRoot, async (t) => {
  const { directory, jail } = openJail(t);
  await decideAndStop(directory, jail);
  const store = await openStore(jail);
  t.ok(store.completed);
  store.close();
  t.same(everythingIn(directory), ['.uchroot', 'a', 'b', 'link']);
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'new a');
  t.equal(readFileSync(`${directory}/b`, 'utf8'), 'new b');
});

t.test('a list that has not got its name decides nothing', asRoot, async (t) => {
  const { directory, jail } = openJail(t);
  await decideAndStop(directory, jail);
  renameSync(`${directory}/.uchroot/new/commit`, `${directory}/.uchroot/new/list`);
  const store = await openStore(jail);
  t.notOk(store.completed);
  store.close();
  t.equal(readFileSync(`${directory}/b`, 'utf8'), 'old');
});

t.test('a list that makes no sense is told, and nothing is touched', asRoot, async (t) => {
  const { directory, jail } = openJail(t);
  await decideAndStop(directory, jail);
  for (const text of [
    '',
    '{"files":',
    'null',
    '{}',
    '{"files":[{"path":1}],"attributes":[],"obsolete":[]}',
  ]) {
    writeFileSync(`${directory}/.uchroot/new/commit`, text);
    await t.rejects(
      openStore(jail),
      { name: 'JailError', code: 'ERR_MANIFEST', message: /is damaged/ },
      text,
    );
  }
  t.equal(readFileSync(`${directory}/b`, 'utf8'), 'old');
});

t.test(
  'an obstacle to a decided change is told, and the change completed when it is gone',
  asRoot,
  async (t) => {
    const { directory, jail } = openJail(t);
    await decideAndStop(directory, jail);
    rmSync(`${directory}/b`);
    mkdirSync(`${directory}/b/in-the-way`, { recursive: true });
    const wrong = {
      name: 'JailError',
      message: /^the change of the jail is not complete: /,
      hint: /run it again/,
    };
    await t.rejects(openStore(jail), wrong);
    await t.rejects(openStore(jail), wrong);
    rmSync(`${directory}/b`, { recursive: true });
    (await openStore(jail)).close();
    t.equal(readFileSync(`${directory}/b`, 'utf8'), 'new b');
  },
);

t.test('a new store goes with what was staged, and one with a manifest stays', asRoot, async (t) => {
  const { directory, jail } = openJail(t);
  const store = await openStore(jail);
  await stageText(store, 'x');
  store.rollBack();
  store.close();
  t.same(readdirSync(directory), []);
  const second = await openStore(jail);
  const files = [{ staged: await stageText(second, 'x'), path: path('/x') }];
  second.commit({ files, attributes: [], obsolete: [] }, NO_MANIFEST);
  t.ok(second.decided);
  second.rollBack();
  second.close();
  t.same(everythingIn(directory), ['.uchroot', '.uchroot/manifest.json.gz', 'x']);
});

t.test('the second builder is told to wait', asRoot, async (t) => {
  const { jail } = openJail(t);
  const store = await openStore(jail);
  await t.rejects(openStore(jail), { name: 'JailError', code: 'EBUSY', message: /another uchroot-jail/ });
  store.rollBack();
  store.close();
  (await openStore(jail)).close();
});

const changes = {
  'a file': async (store: Store) => ({
    files: [{ staged: await stageText(store, 'of a user'), path: path('/home/sam/data/passwd') }],
    attributes: [],
    obsolete: [],
  }),
  'a mode and an owner': () => ({
    files: [],
    attributes: [{ path: path('/home/sam/data/etc'), mode: 0o777, uid: 1000, gid: 1000 }],
    obsolete: [],
  }),
};
/** A jail in which a user has made a link to /etc. */
function openLinked(t: Test) {
  const { directory, jail } = openJail(t);
  for (const made of ['etc/etc', 'home/sam']) mkdirSync(`${directory}/${made}`, { recursive: true });
  writeFileSync(`${directory}/etc/passwd`, "root's");
  symlinkSync('/etc', `${directory}/home/sam/data`);
  const isUnharmed = () => {
    t.equal(readFileSync(`${directory}/etc/passwd`, 'utf8'), "root's");
    const { mode, uid } = statSync(`${directory}/etc/etc`);
    t.same({ mode: mode & 0o7777, uid }, { mode: 0o755, uid: 0 });
  };
  return { directory, jail, isUnharmed };
}

for (const [name, change] of Object.entries(changes))
  t.test(`${name} does not go through a link that a user made after the judgement`, asRoot, async (t) => {
    const { directory, jail, isUnharmed } = openLinked(t);
    const store = await openStore(jail);
    const list = await change(store);
    t.throws(() => store.commit(list, NO_MANIFEST), { name: 'JailError', code: 'ELOOP' });
    isUnharmed();
    store.close();

    const next = await openStore(jail);
    t.ok(next.completed, 'the link does not stop the next run');
    next.close();
    isUnharmed();
    t.same(readdirSync(`${directory}/.uchroot`), ['manifest.json.gz']);
  });

t.test('a removal does not go through such a link, and the change is complete', asRoot, async (t) => {
  const { directory, jail, isUnharmed } = openLinked(t);
  const store = await openStore(jail);
  store.commit(
    { files: [], attributes: [], obsolete: [{ path: path('/home/sam/data/passwd') }] },
    NO_MANIFEST,
  );
  isUnharmed();
  store.close();
  t.same(readdirSync(`${directory}/.uchroot`), ['manifest.json.gz']);
});
