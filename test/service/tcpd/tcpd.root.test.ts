// uchroot-tcpd run as inetd starts it, beside Debian's tcpd by the same rules.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import { uchrootJail } from '../../support/builder.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { sanitized } from '../../support/sanitizer.ts';
import { plainEnv } from '../../support/service.ts';
import { uchrootTcpd } from '../../support/tcpd.ts';
import { answering, helper, openNet } from '../../support/tcpd-net.ts';

const needs = {
  skip:
    unlessRoot('inetd', 'tcpd', 'ip', 'python3', 'nsenter') ||
    (sanitized && 'the sanitized build preloads its runtime'),
};
const node = process.execPath;
const tcpd = join(import.meta.dirname, '../../../bin/uchroot-tcpd.cjs');

/** Tells what it was given. */
const SHOW = `#!/bin/sh
read line
echo "name=$0 args=$* line=$line VIA=$VIA umask=$(umask) cwd=$PWD"
id -u; id -g; id -G
nice
grep -E '^(SigIgn|SigBlk|SigCgt)' /proc/self/status
ls /proc/self/fd | tr '\\n' ' '
`;

const ALLOW = `showd: 10.99.0.2 : setenv VIA %a-%d : umask 077 : nice 5 : keepalive : linger 3
showd: 10.99.0.3 : twist /bin/echo no service for %a at %d
showd: 10.99.0.4 : severity local3.alert : deny
showd: 10.99.0.5 : user nobody
showd: 10.99.0.6 : spwan id
showd: 10.99.0.8 : aclexec test %a = 10.99.0.8 : spawn echo %c %r > /spawned : banners /etc/banners
showd: [fd99::2]
udpd: 10.99.0.2
`;

t.test('uchroot-tcpd run and tcpd start daemons, refuse and log alike', needs, async (t) => {
  const net = await openNet(t, {
    etc: {
      'hosts.allow': ALLOW,
      'hosts.deny': 'ALL: ALL\n',
      'banners/showd': 'welcome %a\n',
      hosts: '10.99.0.2 two.example\n10.99.0.3 two.example\n',
    },
    links: { showd: tcpd, loopd: tcpd },
    sbin: { showd: SHOW, udpd: answering },
    inetd: [
      '7001 stream tcp nowait root /usr/sbin/tcpd showd one two',
      `7002 stream tcp nowait root ${node} node ${tcpd} run showd one two`,
      `7003 dgram udp wait root /usr/sbin/tcpd udpd`,
      `7004 dgram udp wait root ${node} node ${tcpd} run /usr/sbin/udpd`,
      // by argv[0]
      `7005 stream tcp nowait root ${node} showd ${tcpd} one two`,
      `7006 stream tcp6 nowait root ${node} node ${tcpd} run showd one two`,
      `7007 stream tcp nowait root ${node} node ${tcpd} run no-such-daemon`,
      `7008 stream tcp nowait root ${node} node ${tcpd} run --jial x showd`,
      // by a link to it that has the name of the daemon
      '7009 stream tcp nowait root /etc/showd showd one two',
      '7010 stream tcp nowait root /etc/loopd loopd',
    ],
  });
  const ask = (port: number, source: string) => net.talk({ source, port })[0];
  // what inetd itself ignores stays ignored behind tcpd
  const settle = (text: string | null | undefined) =>
    text?.replace(/^(SigIgn:\t).*4$/m, '$10000000000000000');

  await t.test('the daemon gets arguments, environment, umask and signals as from tcpd', async (t) => {
    const [theirs, ours, named, linked] = net
      .talk(...[7001, 7002, 7005, 7009].map((port) => ({ source: '10.99.0.2', port })))
      .map(settle);
    t.match(ours, /^name=\S*showd args=one two line=hello VIA=10\.99\.0\.2-showd umask=0077 cwd=/);
    t.match(ours, /^SigIgn:\t0+$/m, 'nothing is ignored, SIGPIPE either');
    t.equal(ours, theirs);
    t.equal(named, theirs, 'by argv[0]');
    t.equal(linked, theirs, 'by a link');
  });

  await t.test('refused clients, and those of wrong rules, get nothing, and at once', async (t) => {
    for (const source of ['10.99.0.4', '10.99.0.6']) t.equal(ask(7002, source), '', source);
    const [theirs = 0, ours = 0] = [7001, 7002].map((port) => {
      const begin = performance.now();
      t.equal(ask(port, '10.99.0.7'), '');
      return performance.now() - begin;
    });
    t.ok(ours < theirs, 'tcpd has them wait for five seconds');
  });

  await t.test('twist gives the client a command instead', async (t) => {
    t.equal(ask(7001, '10.99.0.3'), 'no service for 10.99.0.3 at showd\n');
    t.equal(ask(7002, '10.99.0.3'), 'no service for 10.99.0.3 at showd\n');
  });

  await t.test('user changes the identity, as it does not in libwrap', async (t) => {
    t.match(ask(7001, '10.99.0.5'), /^0\n0\n/m);
    const nobody = ask(7002, '10.99.0.5') ?? '';
    t.match(nobody, /^65534\n65534\n65534\n/m);
  });

  await t.test('a command decides, another runs beside, and a banner comes first', async (t) => {
    t.match(ask(7002, '10.99.0.8'), /^welcome 10\.99\.0\.8\r\nname=/);
    t.match(net.run(['cat', '/spawned']), /^10\.99\.0\.8 [1-9][0-9]*\n$/);
  });

  await t.test('IPv6 clients are let in by IPv6 rules', async (t) => {
    t.match(ask(7006, 'fd99::2'), /args=one two/);
    t.equal(ask(7006, 'fd99::3'), '');
  });

  await t.test('a datagram is answered, or taken away unread', async (t) => {
    const ask = (port: number, source: string, seconds = 10) =>
      net.talk({ kind: 'udp', source, port, text: 'ping', seconds })[0];
    t.equal(ask(7003, '10.99.0.2'), 'answer to ping');
    t.equal(ask(7004, '10.99.0.2'), 'answer to ping');
    t.equal(ask(7004, '10.99.0.3', 1), null);
    t.equal(ask(7004, '10.99.0.2'), 'answer to ping', 'the refused one does not stand in the way');
  });

  await t.test(
    'what cannot be executed, or is no option, is logged and not told to the client',
    async (t) => {
      t.equal(ask(7007, '10.99.0.2'), '');
      t.equal(ask(7008, '10.99.0.2'), '');
      t.equal(ask(7010, '10.99.0.2'), '');
      const log = net.log();
      t.ok(log.includes('<27>uchroot-tcpd: error: uchroot-tcpd: unknown option --jial'));
    },
  );

  await t.test(
    'a client that chooses the way of the answers is refused, other IP options are dropped',
    async (t) => {
      // a record of the route (RFC 791)
      t.match(net.talk({ source: '10.99.0.2', port: 7002, options: '0707040000000000' }), [/args=one two/]);
      // over this host itself, so that the answers arrive
      const routed = '8307047f00000100';
      t.equal(net.run(['python3', helper, 'routed', routed, node, tcpd, 'run', 'showd']), '');
      const log = net.log();
      t.ok(
        log.some((line) =>
          line.startsWith('<29>showd: connect from 10.99.0.2 with IP options (ignored): 07'),
        ),
      );
      t.ok(log.includes('<28>showd: refused connect from 127.0.0.1 with IP source routing options'));
    },
  );

  await t.test('match tries each address of a host, and cannot tell if they differ', async (t) => {
    const text = net.run(['sh', '-c', `${node} ${tcpd} match showd two.example; echo status $?`]);
    t.match(text, /^client: {3}10\.99\.0\.2\b[^]*\naccess: {3}granted\n\nclient: {3}10\.99\.0\.3\b/);
    t.match(text, /\naccess: {3}delegated\nstatus 2\n$/);
  });

  await t.test('the log has the words and severities of tcpd', async (t) => {
    const log = net.log();
    for (const line of [
      '<30>showd: connect from 10.99.0.2 (10.99.0.2)',
      '<28>showd: refused connect from 10.99.0.7 (10.99.0.7)',
      '<28>showd: twist 10.99.0.3 to /bin/echo no service for 10.99.0.3 at showd',
    ])
      t.equal(log.filter((one) => one === line).length, line.startsWith('<30>') ? 5 : 2, line);
    t.ok(log.includes('<153>showd: refused connect from 10.99.0.4 (10.99.0.4)'), 'severity local3.alert');
    t.ok(log.includes('<28>udpd: refused connect from 10.99.0.3 (10.99.0.3)'));
    t.ok(log.includes('<28>no-such-daemon: refused connect from 10.99.0.2 (10.99.0.2)'));
  });
});

t.test('a daemon runs in a jail, with the privileges of its user', needs, async (t) => {
  const jail = join(makeDirectory(t), 'jail');
  const built = uchrootJail(['build', jail, 'sh', 'ls', 'id']);
  t.equal(built.status, 0, built.stderr);
  const run = `nowait root ${node} node ${tcpd} run --jail`;
  const net = await openNet(t, {
    etc: {
      'hosts.allow': 'sh: 10.99.0.2: setenv VIA %a: umask 077\nsh: 10.99.0.3: user root\nls gone: ALL\n',
      'hosts.deny': 'ALL: ALL\n',
    },
    inetd: [
      `7001 stream tcp ${run} nobody:${jail} --setenv A=B --rlimit nproc=77 /bin/sh -s`,
      `7002 stream tcp ${run} nobody:${jail} /bin/ls /no/such`,
      `7003 stream tcp ${run} no-such-user:${jail} /bin/ls`,
      `7004 stream tcp ${run} nobody:${jail} /bin/gone`,
      `7005 stream tcp nowait root ${node} node ${tcpd} run --rlimit nproc=77 /bin/ls`,
    ],
  });
  const text = 'id -u; id -g; ulimit -p; echo $A $VIA; umask; ls -a /; exit\n';
  const [let_in, identity, refused, ls, ...broken] = net.talk(
    { source: '10.99.0.2', port: 7001, text },
    { source: '10.99.0.3', port: 7001, text },
    { source: '10.99.0.4', port: 7001, text },
    { source: '10.99.0.4', port: 7002 },
    { source: '10.99.0.4', port: 7003 },
    { source: '10.99.0.4', port: 7004 },
    { source: '10.99.0.4', port: 7005 },
  );
  t.match(let_in, /^65534\n65534\n77\nB 10\.99\.0\.2\n0077\n[^]*\n\.uchroot\n/);
  t.notMatch(let_in, /\nhome\n/, 'the root directory is that of the jail');
  t.equal(refused, '');
  t.match(ls, /^ls: cannot access '\/no\/such'/);
  t.same([identity, ...broken], ['', '', '', ''], 'the client hears nothing of what went wrong');
  const log = net.log();
  for (const line of [
    '<28>sh: refused connect from 10.99.0.4 (10.99.0.4)',
    '<27>sh: error: the rule has user, and the jail has a user of its own',
    '<27>ls: error: Unknown user no-such-user',
    /^<27>gone: error: uchroot: \/bin\/gone: not found in the jail$/,
    '<27>uchroot-tcpd: error: uchroot-tcpd: --rlimit is for a jail: give --jail USER:DIRECTORY',
  ])
    t.ok(
      log.some((one) => (typeof line === 'string' ? one === line : line.test(one))),
      `${String(line)} in\n${log.join('\n')}`,
    );
});

t.test(
  'systemd starts it for each connection, and an IPv4 client is one at an IPv6 socket too',
  { skip: needs.skip || unlessInstalled('systemd-socket-activate') },
  async (t) => {
    const activate = 'systemd-socket-activate --inetd --accept -l';
    const net = await openNet(t, {
      etc: { 'hosts.allow': 'showd: 10.99.0.2: setenv VIA %a\n', 'hosts.deny': 'ALL: ALL\n' },
      // tcpd goes by its argv[0]
      sbin: { showd: SHOW, theirs: '#!/bin/bash\nexec -a showd /usr/sbin/tcpd one\n' },
      server: {
        command: `eval ${activate} 7001 ${node} ${tcpd} run showd one & ${activate} 7002 /usr/sbin/theirs`,
        ports: [7001, 7002],
      },
    });
    const [ours, theirs] = net.talk(...[7001, 7002].map((port) => ({ source: '10.99.0.2', port })));
    t.match(ours, /args=one line=hello /);
    t.equal(ours, theirs);
    t.same(net.talk({ source: '10.99.0.3', port: 7001 }), ['']);
    const [first, second] = net.log();
    t.equal(first, second);
  },
);

t.test('who is refused is gone at once, and a command of the rule goes on without him', needs, async (t) => {
  const directory = makeDirectory(t);
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('allow'), '');
  writeFileSync(
    path('deny'),
    `ALL: ALL: spawn until [ -e ${path('go')} ]; do sleep 0.05; done; echo %a > ${path('out')}\n`,
  );
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await accepted;
  const words = [tcpd, 'run', '--allow', path('allow'), '--deny', path('deny'), '/bin/echo'];
  const child = spawn(node, words, { stdio: [socket, socket, socket], env: plainEnv() });
  socket.destroy();
  t.equal(await text(client), '');
  t.notOk(existsSync(path('out')));
  writeFileSync(path('go'), '');
  t.same(await once(child, 'exit'), [0, null]);
  t.equal(readFileSync(path('out'), 'latin1'), '127.0.0.1\n');
});

t.test('without a log daemon, and without a connection, it works all the same', needs, async (t) => {
  const directory = makeDirectory(t);
  writeFileSync(join(directory, 'allow'), 'echo: UNKNOWN\n');
  writeFileSync(join(directory, 'deny'), 'ALL: ALL\n');
  const files = ['--allow', join(directory, 'allow'), '--deny', join(directory, 'deny')];
  const granted = uchrootTcpd('run', ...files, '/bin/echo', '--jail', 'x');
  t.match(granted, { status: 0, stdout: '--jail x\n' });
  t.match(uchrootTcpd('run', ...files, '/bin/ls'), { status: 0, stdout: '' });
  // with a misspelt file of refusals everybody would be let in
  const gone = ['--allow', join(directory, 'allow'), '--deny', join(directory, 'denny')];
  const refused = uchrootTcpd('run', ...gone, '/bin/echo', 'it runs');
  t.match(refused, {
    status: 125,
    stdout: /^$/,
    stderr: /error: .*denny is not there\n.*did you mean .*deny\?/,
  });
  const wrong = uchrootTcpd('run', '--keep-env', '/bin/echo');
  t.match(wrong, { status: 125, stdout: '', stderr: /^uchroot-tcpd: --keep-env is for a jail/ });
});

t.test(
  'no call that fails lets the daemon run with more than it should have',
  { skip: needs.skip || unlessInstalled('strace') },
  async (t) => {
    const directory = makeDirectory(t);
    writeFileSync(join(directory, 'allow'), 'echo: UNKNOWN: user nobody\n');
    writeFileSync(join(directory, 'deny'), 'ALL: ALL\n');
    const files = ['--allow', join(directory, 'allow'), '--deny', join(directory, 'deny')];
    const command = [node, tcpd, 'run', ...files, '/bin/echo', 'it runs'];
    const run = (...strace: string[]) =>
      spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', ...strace, ...command], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      });
    t.equal(run('-e', 'trace=none').stdout, 'it runs\n');
    for (const call of ['setgroups', 'setgid', 'setuid', 'close_range']) {
      const failed = run('-e', `trace=${call}`, '-e', `inject=${call}:error=EPERM`);
      t.equal(failed.stdout, '', call);
      t.match(failed.stderr, /the identity cannot be changed: EPERM|cannot execute .*: close_range/, call);
    }
  },
);
