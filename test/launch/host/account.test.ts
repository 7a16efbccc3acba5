import t from 'tap';

import { accountQuery, toAccount, type Account } from '../../../lib/launch/host/account.ts';
import { refuseRoot } from '../../../lib/launch/host/privilege.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import type { HostFacts, Passwd } from '../../../lib/native.ts';

const sam: Passwd = {
  name: 'sam',
  passwd: 'x',
  uid: 1001,
  gid: 1002,
  gecos: '',
  dir: '/home/sam',
  shell: '/bin/bash',
};

function resolve(request: Omit<LaunchRequest, 'jail'>, facts: Partial<HostFacts> = {}): Account {
  const nothing: HostFacts = {
    sight: {} as HostFacts['sight'],
    passwd: null,
    groups: [],
    named: [],
    components: [],
    isHostRoot: false,
    fd: -1,
  };
  return toAccount(normalize({ ...request, jail: '/srv/jail' }), { ...nothing, ...facts });
}

t.test('a user brings uid, gid and groups of the host, ascending and each once', async (t) => {
  t.same(resolve({ user: 'sam' }, { passwd: sam, groups: [2000, 29, 1002, 29] }), {
    uid: 1001,
    gid: 1002,
    groups: [29, 1002, 2000],
    memberships: [29, 1002, 2000],
    name: 'sam',
    home: '/home/sam',
    shell: '/bin/bash',
  });
});

t.test('a user in no other group gets its own group, and never 0', async (t) => {
  t.match(resolve({ user: 'sam' }, { passwd: sam }), { gid: 1002, groups: [1002] });
});

t.test('a name of digits is the user of that name before it is a uid', async (t) => {
  t.match(resolve({ user: '1005' }, { passwd: { ...sam, name: '1005', uid: 2005 } }), { uid: 2005 });
});

t.test('a uid that the host knows brings its account', async (t) => {
  t.match(resolve({ user: 1001 }, { passwd: sam, groups: [29] }), { name: 'sam', groups: [29, 1002] });
});

t.test('a uid that the host does not know needs its group, and has no other', async (t) => {
  t.same(resolve({ user: '5000:6000' }, { named: [{}] }), {
    uid: 5000,
    gid: 6000,
    groups: [],
    memberships: [],
    name: undefined,
    home: '/',
    shell: '/bin/sh',
  });
  t.throws(() => resolve({ user: '5000' }), {
    code: 'ERR_UNKNOWN_USER',
    exitStatus: 2,
    hint: /give its group as well, as 5000:GID/,
  });
});

t.test('a group that is given takes the place of the own one, which the host would add', async (t) => {
  t.match(resolve({ user: 'sam:audio' }, { passwd: sam, groups: [100], named: [{ gid: 29 }] }), {
    gid: 29,
    groups: [29, 100],
  });
});

t.test('groups that are given are all there are', async (t) => {
  const facts = { passwd: sam, groups: [100], named: [{ gid: 44 }, { gid: 29 }] };
  t.match(resolve({ user: 'sam', groups: ['video', 'audio', '+5'] }, facts), {
    gid: 1002,
    groups: [5, 29, 44],
  });
  t.same(resolve({ user: 'sam', clearGroups: true }, facts).groups, []);
});

t.test('each group that is given by name gets its own answer', async (t) => {
  const request = { user: 'sam', group: 'audio', groups: ['+7', 'video', 8, 'users'] };
  t.same(accountQuery(normalize({ ...request, jail: '/' })).groupNames, ['audio', 'video', 'users']);
  const named = [{ gid: 29 }, { gid: 44 }, { gid: 100 }];
  t.match(resolve(request, { passwd: sam, named }), { gid: 29, groups: [7, 8, 44, 100] });
});

t.test('a group of digits is the group of that name before it is a gid', async (t) => {
  t.equal(resolve({ user: 'sam:1100' }, { passwd: sam, named: [{ gid: 2100 }] }).gid, 2100);
  t.equal(resolve({ user: 'sam:1100' }, { passwd: sam, named: [{}] }).gid, 1100);
});

t.test('an unknown user is told with the words and the status of the C original', async (t) => {
  for (const user of ['nobody-here', '', ' sam', 'SAM', '00', '-0', '4294967296']) {
    t.throws(() => resolve({ user }), {
      message: `Unknown user ${user || "''"}`,
      code: 'ERR_UNKNOWN_USER',
      exitStatus: 2,
    });
  }
});

t.test('an unknown group is told, and is no unknown user', async (t) => {
  t.throws(() => resolve({ user: 'sam:nothing' }, { passwd: sam, named: [{}] }), {
    message: 'Unknown group nothing',
    code: 'ERR_UNKNOWN_GROUP',
    exitStatus: 125,
  });
});

t.test('a number out of range is told to be one', async (t) => {
  t.throws(() => resolve({ user: '4294967295' }), { name: 'LaunchError', hint: /from 0 to 4294967294/ });
  t.throws(() => resolve({ user: 'sam:-1' }, { passwd: sam, named: [{}] }), {
    name: 'LaunchError',
    hint: /from 0 to 4294967294/,
  });
});

t.test('a database that does not answer is no unknown user', async (t) => {
  t.throws(() => resolve({ user: 'sam' }, { passwd: 5 }), {
    code: 'EIO',
    errno: 5,
    call: 'getpwnam_r',
    exitStatus: 125,
    hint: 'try: id sam',
  });
  t.throws(() => resolve({ user: 'sam:audio' }, { passwd: sam, named: [{ errno: 5 }] }), {
    code: 'EIO',
    call: 'getgrnam_r',
  });
});

t.test('an account without home or shell gets / and /bin/sh', async (t) => {
  t.match(resolve({ user: 'sam' }, { passwd: { ...sam, dir: '', shell: '' } }), {
    home: '/',
    shell: '/bin/sh',
  });
});

t.test('uid 0, gid 0 and gid 0 among the groups are refused', async (t) => {
  const account = resolve({ user: 'sam' }, { passwd: sam });
  const refuse = (changes: Partial<Account>): (() => void) => {
    return () => refuseRoot({ ...account, ...changes }, { name: 'sam', text: 'sam' });
  };
  const refusal = { name: 'LaunchError', code: 'ERR_ROOT_TARGET', exitStatus: 125, hint: /--allow-root/ };
  t.doesNotThrow(refuse({}));
  t.throws(refuse({ uid: 0 }), { ...refusal, message: /user sam is uid 0/ });
  t.throws(refuse({ gid: 0 }), { ...refusal, message: /group of sam is gid 0/ });
  t.throws(refuse({ groups: [0, 5] }), { ...refusal, message: /gid 0 among its groups/ });
});
