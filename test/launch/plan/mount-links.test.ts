// Which mounts of a plan follow no link of the jail.
import t from 'tap';

import { guardLinks } from '../../../lib/launch/plan/mount-links.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';

const b = (text: string): Buffer => Buffer.from(text);

const moved: Step = { op: 'move_mount', slot: 1, target: b('/t') };
const mounted: Step = { op: 'mount', type: 'proc', target: b('/t'), flags: [], options: '' };
const inside: Step = { ...moved, within: b('/') };
const directory: Step = { op: 'mkdir', path: b('/t'), mode: 0o755 };
const steps = [moved, mounted, inside, directory];

t.test('with --allow-new-privs no mount in the jail follows a link', async (t) => {
  t.strictSame(guardLinks({ allowNewPrivs: true }, steps), [
    { ...moved, noLinks: true },
    { ...mounted, noLinks: true },
    inside,
    directory,
  ]);
});

t.test('else the steps stay as they are', async (t) => {
  t.equal(guardLinks({ allowNewPrivs: false }, steps), steps);
});
