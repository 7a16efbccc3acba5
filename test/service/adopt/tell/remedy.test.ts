import t from 'tap';

import { needsHint } from '../../../../lib/service/adopt/tell/remedy.ts';

t.test(
  'a service that does not come up is told by what option it gets what its last words name',
  async (t) => {
    t.equal(needsHint('/bin/sh: 1: env: not found'), 'if it needs env of the host: --program /usr/bin/env');
    t.equal(
      needsHint("python3: can't open file '/etc/passwd': [Errno 2] No such file or directory: '/etc/passwd'"),
      'if it needs /etc/passwd of the host: --ro-bind /etc/passwd',
    );
    t.equal(
      needsHint('cat: /etc/group: No such file or directory'),
      'if it needs /etc/group of the host: --ro-bind /etc/group',
    );
    // as Node says it
    t.equal(
      needsHint("Error: ENOENT: no such file or directory, open '/etc/group'"),
      'if it needs /etc/group of the host: --ro-bind /etc/group',
    );
    // as programs in Go say it
    t.equal(
      needsHint('could not read "/etc": stat /etc: no such file or directory'),
      'if it needs /etc of the host: --ro-bind /etc',
    );
    t.match(
      needsHint('connect to /proc/self: No such file or directory'),
      /: --ro-bind \/proc\/self --insecure-path {3}# \/proc\/self, which is \/proc\/\d+, lies in \/proc: that shows every/,
      'with what must be accepted',
    );
    t.equal(
      needsHint(
        'sh: 1: env: not found\nsh: 1: exec: /bin/cat: not found\nfailed to open log (/etc/passwd): No such file',
      ),
      'if it needs env, cat and /etc/passwd of the host: --program /usr/bin/env --program /bin/cat --ro-bind /etc/passwd',
      'all at once',
    );
    t.equal(
      needsHint('Condition((fchmod(fd, 0750)) == 0) not true.\n errno = 1 (Operation not permitted)'),
      'if it needs CAP_FOWNER of the host: --cap fowner',
    );
    t.equal(
      needsHint('adjtimex(0) failed : Operation not permitted'),
      'if it needs CAP_SYS_TIME of the host: --cap sys_time',
    );
    t.equal(
      needsHint('no user daemon: Success'),
      'if it needs the account daemon of the host: --account daemon',
    );
    const known = { caps: ['ipc_lock'], unseen: ['/etc/group'] };
    t.equal(
      needsHint('mlockall: Operation not permitted', known),
      'if it needs /etc/group of the host: --ro-bind /etc/group',
      'what it names and lacks is told, and no capability that it has',
    );
    t.match(needsHint('it ended'), /--ro-bind PATH, --bind PATH or --program PATH$/);
    t.match(
      needsHint('x: /nosuch: No such file or directory'),
      /--ro-bind PATH, --bind PATH or --program PATH$/,
    );
  },
);
