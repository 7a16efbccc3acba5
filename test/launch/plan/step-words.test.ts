// What the rows of the step table say of a failure, where that depends on the step.
import t from 'tap';

import type { ErrnoName } from '../../../lib/errors.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import type { FailureContext } from '../../../lib/launch/plan/step-row.ts';
import { messageHead, targetOf, wordsFor } from '../../../lib/launch/plan/table.ts';

const b = (text: string): Buffer => Buffer.from(text);

function words(step: Step, code: ErrnoName, detail: FailureContext['detail'] = 0) {
  return wordsFor(step, code, { detail, jail: '/srv/jail', cwd: b('/'), uid: 1001 });
}

t.test('the capability that a step needs is named for EPERM alone', async (t) => {
  t.match(words({ op: 'loopback_up' }, 'EPERM').hint, /^it needs CAP_NET_ADMIN: /);
  t.same(words({ op: 'loopback_up' }, 'EACCES'), { reason: undefined, hint: undefined });
  t.same(words({ op: 'setsid' }, 'EACCES'), { reason: undefined, hint: undefined });
  t.match(words({ op: 'setresuid', uid: 5 }, 'EINVAL').hint, /uid_map/, 'the row knows better');
});

t.test('a message begins with the step and what it acts on', async (t) => {
  const context: FailureContext = { detail: 7, jail: '/srv/jail', cwd: b('/'), uid: 1001 };
  t.equal(messageHead({ op: 'setresuid', uid: 5 }, context), 'setresuid: 5:');
  t.equal(messageHead({ op: 'setsid' }, context), 'setsid:');
  t.equal(messageHead({ op: 'chroot' }, context), 'chroot: /srv/jail:', 'not the dot of the call');
  t.equal(targetOf({ op: 'keep_listen_fds' }, context), 'descriptor 7');
});

t.test('what stands in the way of a --dir is named', async (t) => {
  const step: Step = { op: 'mkdir', path: b('/a/b'), mode: 0o755 };
  t.match(words(step, 'ENOTDIR').reason, /^\/a\/b, or what is above it, .* no directory$/);
  t.match(words(step, 'EEXIST').reason, /^a link above \/a\/b leads nowhere$/);
  t.match(words(step, 'ELOOP').reason, /^\/a\/b leads through a link of another user than root/);
});

t.test('the remedy for a mount point that is missing in a bind names the path of the host', async (t) => {
  const mount: Step = { op: 'mount', type: 'proc', target: b('/d/p'), flags: [], options: '' };
  t.equal(words(mount, 'ENOENT').hint, 'mkdir -p /srv/jail/d/p');
  t.equal(words({ ...mount, onHost: b('/data/p') }, 'ENOENT').hint, 'mkdir -p /data/p');
});

t.test('a source of a mount is missing in the jail or on the host', async (t) => {
  const step: Step = { op: 'open_tree', slot: 0, source: b('/s'), flags: [] };
  t.match(words({ ...step, isInJail: true }, 'ENOENT'), {
    reason: 'it is not in the jail',
    hint: /^it is a path in the jail/,
  });
  t.match(words(step, 'ENOENT'), { reason: 'it is not on the host', hint: /^it is a path of the host/ });
  const hint = (source: string) => words({ ...step, source: b(source) }, 'ENOENT').hint;
  t.equal(hint('/s=/t'), 'write /s:/t');
  t.equal(hint('/s,/t'), 'write /s:/t');
  t.match(hint('/s=t'), /^it is a path of the host/);
});

t.test('a mount that is unbindable is made private by its path', async (t) => {
  const hint = (more: { source?: Buffer }) =>
    words({ op: 'open_tree', slot: 0, flags: [], ...more }, 'EINVAL').hint;
  t.equal(hint({ source: b('/s') }), 'mount --make-private /s   # the mount that holds it');
  t.equal(hint({}), 'mount --make-private JAIL   # the mount that holds it');
});

t.test('a target with :ro at its end was meant as an option', async (t) => {
  const hint = (target: string) =>
    words({ op: 'move_mount', slot: 0, target: b(target) }, 'ENOENT').hint ?? '';
  t.match(hint('/t:ro'), /^write --ro-bind/);
  t.match(hint('/t:rw'), /^write --ro-bind/);
  t.equal(hint('/t'), 'make it: mkdir -p /srv/jail/t; for a file: touch /srv/jail/t');
});

t.test('a root directory that cannot change has another cause with an overlay', async (t) => {
  const bare: Step = { op: 'pivot_root', slot: 0 };
  const overlay = { size: 1, inodes: 1, flags: [] };
  const memory: Step = { ...bare, overlay };
  const kept: Step = { ...bare, overlay: { ...overlay, slot: 2 } };
  const rootless: Step = { ...bare, overlay: { ...overlay, rootless: true } };
  for (const step of [bare, memory])
    t.match(words(step, 'EBUSY'), { reason: 'it is in use', hint: /findmnt/ });
  t.match(words(kept, 'EBUSY'), { reason: /--ephemeral-dir$/, hint: /directory of its own$/ });
  t.match(words(bare, 'EINVAL'), { reason: /initramfs/, hint: /mounted root file system$/ });
  t.match(words(memory, 'EINVAL'), {
    reason: /file system of the jail, or .* initramfs$/,
    hint: /^put the jail on a disk: findmnt -T/,
  });
  t.match(words(kept, 'EINVAL'), {
    reason: /another overlay, or to NFS$/,
    hint: /a disk or a tmpfs, .*: findmnt -T/,
  });
  t.match(words(rootless, 'EINVAL'), { reason: /mounted inside the jail/, hint: /^unmount them/ });
});

t.test('what newuidmap has said is the reason, if it has said anything', async (t) => {
  const step: Step = { op: 'map_ids', kind: 'uids', map: [] };
  t.match(words(step, 'EPERM', 'newuidmap: uid range [1-2) not allowed\n'), {
    reason: 'uid range [1-2) not allowed',
    hint: /^\/etc\/subuid and \/etc\/subgid/,
  });
  t.match(words(step, 'EPERM', 'newuidmap: Target process is owned by a different user'), {
    hint: /newgrp/,
  });
  t.match(words(step, 'EPERM', 0), { reason: 'it was refused', hint: /set-user-ID bit of root/ });
  t.match(words(step, 'EACCES', 'newuidmap: x'), { reason: 'x', hint: /^chown root/ });
  t.match(words(step, 'EACCES', ''), { reason: /security module/, hint: /--doctor/ });
  t.equal(words(step, 'ENOENT').reason, '/usr/bin/newuidmap is not installed');
});

t.test('the cgroup, and the file and value that the kernel refused, are named', async (t) => {
  const lines = ['Nuchroot', '1/cgroup/a', '=memory.max=1M', '2/cgroup/b', '?pids.max=5'];
  const limits = { memory: undefined, swap: undefined, pids: 5, cpu: undefined, ioWeight: undefined };
  const reason = (detail: FailureContext['detail']) =>
    words({ op: 'cgroup', limits, lines }, 'EACCES', detail).reason;
  t.equal(reason(1), '/cgroup/a: permission denied');
  t.equal(reason(2), '/cgroup/a: 1M in memory.max: permission denied');
  t.equal(reason(4), '/cgroup/b: 5 in pids.max: permission denied');
  t.equal(reason('of a compiled launcher'), '/cgroup/a: permission denied');
});

t.test('a capability that could not be dropped is named, by a compiled launcher as its number', async (t) => {
  const step: Step = { op: 'drop_bounding_set', keep: [] };
  t.equal(words(step, 'EPERM', 10).reason, 'CAP_NET_BIND_SERVICE could not be dropped');
  t.equal(words(step, 'EPERM', '%').reason, 'capability % could not be dropped');
});
