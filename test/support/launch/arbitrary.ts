// Arbitrary accounts, requests and plans, for properties.
import * as fc from 'fast-check';

import type { Account } from '../../../lib/launch/host/account.ts';
import { capabilityNames } from '../../../lib/launch/request/capabilities.ts';
import type { PlanInput } from '../plan.ts';
import type { Filter } from '../../../lib/launch/seccomp/filter.ts';
import { maxId, normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import type { View } from '../../../lib/launch/request/isolation-value.ts';

const id = fc.oneof(fc.integer({ min: 0, max: maxId }), fc.constantFrom(0, 1, 65534, maxId));

/** Bytes without NUL: any possible argument. */
const bytes = fc
  .uint8Array({ maxLength: 12 })
  .map((array) => Buffer.from(array.map((byte) => (byte === 0 ? 0xff : byte))));

const absolute = bytes.map((name) => Buffer.concat([Buffer.from('/'), name]));

const accounts: fc.Arbitrary<Account> = fc.record({
  uid: id,
  gid: id,
  groups: fc.uniqueArray(id, { maxLength: 20 }).map((gids) => gids.toSorted((a, b) => a - b)),
  memberships: fc.uniqueArray(id, { maxLength: 4 }),
  name: fc.option(fc.constant('sam'), { nil: undefined }),
  home: fc.constant('/home/sam'),
  shell: fc.constant('/bin/sh'),
});

const ports = fc.array(fc.integer({ min: 0, max: 65535 }), { maxLength: 4 });

const requests: fc.Arbitrary<LaunchRequest> = fc.record(
  {
    user: fc.constant('sam'),
    jail: absolute,
    cwd: absolute,
    // as text, because a few numbers are refused
    umask: fc.integer({ min: 0, max: 0o777 }).map((mask) => mask.toString(8)),
    rlimits: fc.dictionary(
      fc.constantFrom('nofile', 'stack', 'core', 'as'),
      fc.oneof(fc.nat(), fc.constantFrom(Infinity, Number.MAX_SAFE_INTEGER)),
    ),
    allowNewPrivs: fc.boolean(),
    caps: fc.subarray([...capabilityNames], { maxLength: 3 }),
    newSession: fc.boolean(),
    dieWithParent: fc.boolean(),
    landlockAbi: fc.integer({ min: 4, max: 6 }),
    landlockRo: fc.array(absolute, { maxLength: 3 }),
    landlockRw: fc.array(absolute, { maxLength: 3 }),
    connectTcp: ports,
    bindTcp: ports,
    nice: fc.integer({ min: 0, max: 19 }),
    oomScoreAdj: fc.integer({ min: 0, max: 1000 }),
    affinity: fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ['user', 'jail'] },
);

/** Filters as a profile or --allow makes them. */
const filters: fc.Arbitrary<Filter> = fc.record({
  bytes: fc.integer({ min: 1, max: 300 }).map((instructions) => Buffer.alloc(8 * instructions, 6)),
  flags: fc.constantFrom(0, 2, 4, 6),
  title: fc.constant('the profile /etc/profile.json'),
  isReadable: fc.boolean(),
  closesKeyrings: fc.boolean(),
});

const kinds = ['mount', 'pid', 'ipc', 'uts', 'cgroup', 'net'] as const;

// Not the root directory itself.
const inside = absolute.filter((path) => /[^/.]/.test(path.toString('latin1')));

const views: fc.Arbitrary<View> = fc.oneof(
  fc.record({ bind: absolute, to: inside, readOnly: fc.boolean() }),
  fc.record({
    tmpfs: inside,
    size: fc.integer({ min: 1 }),
    inodes: fc.integer({ min: 1, max: 2 ** 31 }),
    mode: fc.integer({ min: 0, max: 0o7777 }),
  }),
  ...(['proc', 'dev', 'dir', 'writable'] as const).map((kind) =>
    inside.map((path) => ({ [kind]: path }) as unknown as View),
  ),
);

/** Requests with namespaces of their own. */
const isolated: fc.Arbitrary<LaunchRequest> = fc
  .tuple(
    requests,
    fc.oneof(
      fc.record({ unshare: fc.subarray([...kinds], { minLength: 1 }) }),
      fc.record(
        {
          isolate: fc.constant(true),
          net: fc.constantFrom('none', 'host'),
          hostname: fc.constant('jail'),
          view: fc.array(views, { maxLength: 6 }),
        },
        { requiredKeys: ['isolate'] },
      ),
    ),
    fc.oneof(
      fc.record({ readOnly: fc.boolean() }),
      fc.record({ ephemeral: fc.oneof(fc.boolean(), absolute) }),
    ),
  )
  .map(([request, isolation, root]) =>
    Object.assign({}, request, isolation, 'isolate' in isolation ? root : {}),
  ) as fc.Arbitrary<LaunchRequest>;

function inputsOf(request: fc.Arbitrary<LaunchRequest>): fc.Arbitrary<PlanInput> {
  const inputs = fc.record({
    request: request.map((one) => normalize(one)),
    account: accounts,
    program: absolute,
    argv: fc.array(bytes, { minLength: 1, maxLength: 6 }),
    env: fc.array(bytes, { maxLength: 6 }),
    keptFds: fc.uniqueArray(fc.integer({ min: 3, max: 1000 }), { maxLength: 4 }),
    parentPid: fc.integer({ min: 1, max: 2 ** 22 }),
    newGroup: fc.option(fc.boolean(), { nil: undefined }),
    architecture: fc.constantFrom('x64', 'arm64'),
    filter: fc.option(filters, { nil: undefined }),
    status: fc.option(
      fc.record({ fd: fc.integer({ min: 0, max: 9 }), line: fc.constant(Buffer.from('{}\n')) }),
      {
        nil: undefined,
      },
    ),
  });
  return inputs.map(({ newGroup, ...input }) =>
    Object.assign(input, newGroup === undefined ? {} : { newGroup }),
  );
}

/** All inputs of a plan without isolation. */
export const planInputs = inputsOf(requests);

/** All inputs of a plan with isolation. */
export const isolatedInputs = inputsOf(isolated);
