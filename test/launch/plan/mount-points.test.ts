import t from 'tap';

import { placed, placeOf } from '../../../lib/launch/plan/mount-points.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import type { NormalView } from '../../../lib/launch/request/isolation-value.ts';

const b = (text: string): Buffer => Buffer.from(text);
const tmpfs = (target: string): NormalView => ({
  kind: 'tmpfs',
  target: b(target),
  size: 1,
  inodes: 1,
  mode: 0o1777,
  noexec: false,
});
const bind = (target: string): NormalView => ({
  kind: 'bind',
  source: b('/host'),
  target: b(target),
  readOnly: false,
});
const dir = (target: string): NormalView => ({ kind: 'dir', target: b(target) });
const proc = (target: string): NormalView => ({ kind: 'proc', target: b(target) });

function placesOf(view: readonly NormalView[], ephemeral?: true) {
  return view.map((entry) => {
    const { own, onHost } = placeOf({ view, ephemeral }, entry);
    return own?.toString() ?? (onHost && `host ${String(onHost)}`);
  });
}

t.test(
  'a mount point is made in the innermost file system around it, if that is of the launch',
  async (t) => {
    t.same(placesOf([tmpfs('/a'), proc('/a/p'), bind('/a/b/c')]), [undefined, '/a', '/a']);
    t.same(placesOf([tmpfs('/a'), bind('/a/b'), tmpfs('/a/b/c'), bind('/a/b/c/d')]), [
      undefined,
      '/a',
      'host /host/c',
      '/a/b/c',
    ]);
    t.same(
      placesOf([tmpfs('/a'), dir('/a/b'), bind('/a/b/c')])[2],
      '/a',
      'a directory is in what is around it',
    );
    t.same(placesOf([tmpfs('/a'), bind('/a'), bind('/a/b')])[2], 'host /host/b', 'the later one lies above');
    t.same(placesOf([bind('/a/b'), tmpfs('/a')])[0], undefined, 'what comes later is not there yet');
    t.same(placesOf([tmpfs('/a'), bind('/ab')])[1], undefined);
  },
);

t.test('an ephemeral jail is of the launch, and a bind in it is not', async (t) => {
  t.same(placesOf([proc('/p'), bind('/d'), tmpfs('/d/t'), proc('/d/t/p')], true), [
    '/',
    '/',
    'host /host/t',
    '/d/t',
  ]);
});

t.test('only the mount of the entry itself is made a place for', async (t) => {
  const steps: readonly Step[] = [
    { op: 'mount', type: 'proc', target: b('/p'), flags: [], options: '', enters: true },
    { op: 'move_mount', slot: 2, target: b('/p/timer_list'), within: b('/p') },
  ];
  t.equal(placed({}, steps), steps);
  t.same(placed({ own: b('/') }, steps), [{ ...steps[0], own: b('/') }, steps[1]]);
});
