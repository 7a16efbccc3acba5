import t from 'tap';

import { decideOn, readOne, showFindings } from '../hosts.ts';

const sshd = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } } as const;

t.test('the first rule that matches decides, hosts.allow before hosts.deny', async (t) => {
  const texts = { allow: 'sshd: 10.\n', deny: 'ALL: ALL\n' };
  t.match(decideOn(texts, sshd), {
    verdict: 'granted',
    rule: { file: '/etc/hosts.allow', line: 1, text: 'sshd: 10.' },
  });
  t.match(decideOn(texts, { ...sshd, daemon: 'ftpd' }), {
    verdict: 'denied',
    rule: { file: '/etc/hosts.deny' },
  });
});

t.test('files that are not there are empty, and who is not mentioned is let in', async (t) => {
  t.match(decideOn({}, sshd), { verdict: 'granted', rule: undefined, effects: [], needs: [] });
});

t.test("the book's examples work as they are printed", async (t) => {
  const texts = {
    allow: 'sshd: ALL\nin.telnet: LOCAL\nin.telnet: 192.168.\n',
    deny: "ALL : ALL : echo '%c tried to connect to %d and was blocked' >> /var/log/tcpwrappers.log\n",
  };
  t.equal(decideOn(texts, sshd).verdict, 'granted');
  t.equal(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '192.168.7.9', name: 'unknown' } }).verdict,
    'granted',
  );
  t.equal(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '10.0.0.1', name: 'host' } }).verdict,
    'granted',
  );
  t.match(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '10.0.0.1', name: 'host.example.com' } }),
    {
      verdict: 'denied',
      effects: [
        {
          kind: 'spawn',
          command:
            "echo 'host.example.com tried to connect to in.telnet and was blocked' >> /var/log/tcpwrappers.log",
        },
      ],
    },
  );
});

t.test('a last line without a newline counts, with a warning', async (t) => {
  const texts = { allow: 'x: y\nsshd: ALL', deny: 'ALL: ALL\n' };
  t.equal(decideOn(texts, sshd).verdict, 'granted');
  t.same(showFindings(readOne('allow', texts)), ['hosts.allow:2:10 warning missing-newline']);
});

t.test(
  'with compat libwrap a last line without a newline is as there: lost in hosts.allow, refusing in hosts.deny',
  async (t) => {
    const compat = { compat: 'libwrap' } as const;
    t.equal(decideOn({ allow: 'sshd: ALL', deny: 'ALL: ALL\n' }, sshd, undefined, compat).verdict, 'denied');
    t.equal(decideOn({ allow: 'sshd: ALL: deny' }, sshd, undefined, compat).verdict, 'granted');
    t.equal(decideOn({ deny: '# nobody' }, sshd, undefined, compat).verdict, 'denied');
    t.same(showFindings(readOne('deny', { deny: '# nobody' }, compat)), [
      'hosts.deny:1:9 error missing-newline',
    ]);
  },
);

t.test('findings say where they are, in joined lines too', async (t) => {
  const allow = [
    'no separator',
    'sshd: 10.0.0.1/24 [::1]/129',
    'sshd, x@[bad]: \\',
    '  10.0.0.0/33, [dead::]/x',
    'sshd: @group: severty info',
    'sshd: ALL: umask 999',
  ];
  t.same(showFindings(readOne('allow', { allow: `${allow.join('\n')}\n` })), [
    'hosts.allow:1:1 error missing-separator',
    'hosts.allow:2:7 warning never-matches-host-bits',
    'hosts.allow:2:19 warning never-matches-prefix-length',
    'hosts.allow:3:7 warning never-matches-address',
    'hosts.allow:4:3 warning never-matches-mask-length',
    'hosts.allow:4:16 error junk-prefix-length',
    'hosts.allow:5:7 warning netgroup-unsupported',
    'hosts.allow:5:15 error no-command',
    'hosts.allow:6:12 error bad-value',
  ]);
});

t.test('the option that was meant is named', async (t) => {
  const table = readOne('allow', { allow: 'sshd: ALL: severty info\n' });
  t.equal(table.findings[0]?.hint, 'did you mean severity?');
});

t.test('comments, blank lines and CRLF are as in libwrap', async (t) => {
  const allow = '# sshd: ALL\r\n\r\n \t\r\nsshd: 10.0.0.1\r\n';
  t.match(decideOn({ allow, deny: 'ALL: ALL\n' }, sshd), { verdict: 'granted', rule: { line: 4 } });
  t.match(
    decideOn({ allow: ' # sshd: ALL\n', deny: 'ALL: ALL\n' }, sshd),
    { verdict: 'granted' },
    'no comment',
  );
});

t.test('a file that is too large refuses everybody', async (t) => {
  t.match(decideOn({ allow: { kind: 'large' } }, sshd), { verdict: 'denied', rule: undefined });
  t.match(decideOn({ allow: 'sshd: ALL\n', deny: { kind: 'large' } }, sshd), { verdict: 'granted' });
  t.match(decideOn({ allow: 'x: ALL\n', deny: { kind: 'large' } }, sshd), { verdict: 'denied' });
});

t.test('a file that cannot be opened refuses as hosts.deny and is empty as hosts.allow', async (t) => {
  const loop = { kind: 'unreadable', code: 'ELOOP' } as const;
  t.match(decideOn({ deny: loop }, sshd), {
    verdict: 'denied',
    reason: '/etc/hosts.deny cannot be opened: ELOOP',
  });
  t.equal(decideOn({ allow: loop }, sshd).verdict, 'granted');
  t.same(showFindings(readOne('allow', { allow: loop })), ['hosts.allow:: error cannot-open']);
});

t.test('unreadable files of patterns are told where they are named', async (t) => {
  const texts = {
    allow: 'sshd: /gone, /loop\n',
    files: { '/loop': { kind: 'unreadable', code: 'ELOOP' } as const },
  };
  t.same(showFindings(readOne('allow', texts)), ['hosts.allow:1:14 warning pattern-file']);
});
