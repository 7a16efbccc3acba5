// Services of our own on a booted machine: strict filters, processes that systemd leaves behind, and scripts of System V.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('flock', 'taskset', 'ionice');

const script = `#!/bin/sh
### BEGIN INIT INFO
# Provides: oldie
# Default-Start: 3
# Default-Stop: 6
### END INIT INFO
case $1 in
start) flock -n /run/oldie.lock true || exit 1; flock /run/oldie.lock sleep 1000 >/dev/null 2>&1 & ;;
stop) pkill -x flock; pkill -f '^sleep 1000' ;;
esac
`;

serviceTest('a script of System V goes on: its adoption is refused before anything stops', async (t) => {
  machine().run(['tee', '/etc/init.d/oldie'], { input: script });
  machine().shell('chmod 755 /etc/init.d/oldie; systemctl daemon-reload; systemctl start oldie');
  // the one that tries the lock has ended
  const before = (await machine().until('pgrep -x flock', /^\d+\n?$/)).trim();
  t.match(before, /^\d+$/);
  const { status, stderr } = service('adopt', 'oldie', '--program', '/usr/bin/flock');
  t.equal(status, 1);
  t.equal(
    stderr,
    `uchroot-service: oldie.service cannot be adopted: KillMode=process, and systemd does not know its main process: it ends none of its processes, so it could be put neither into a jail nor back
hint: it is the script /etc/init.d/oldie: write a unit with User= and an ExecStart= that stays in the foreground to /etc/systemd/system/oldie.service, start that, and adopt it
`,
  );
  t.equal(shell('systemctl is-active oldie'), 'active');
  t.equal(shell('pgrep -x flock'), before);
  // and the hint works
  machine().run(['tee', '/etc/systemd/system/oldie.service'], {
    input: '[Service]\nUser=nobody\nExecStart=/usr/bin/sleep 1000\n',
  });
  machine().shell('systemctl stop oldie; systemctl daemon-reload; systemctl start oldie');
  t.match(service('adopt', 'oldie', '--no-trial', '--watch', '0.3'), { status: 0, stderr: '' });
  t.ok(isJailed('oldie'));
});

// Its worker holds the lock of the service. The main process needs a file that the jail lacks.
const pair = `cat >/usr/local/bin/pair <<'END'
#!/bin/sh
flock -n /var/lib/pair/lock true || exit 9
flock --close /var/lib/pair/lock sleep 1000 &
sleep 0.5
cat /opt/pair.conf || exit 8
trap 'kill $!; exit 0' TERM
wait
END
chmod 755 /usr/local/bin/pair; echo conf >/opt/pair.conf
cat >/etc/systemd/system/pair.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/pair
KillMode=process
StateDirectory=pair
END
systemctl daemon-reload; systemctl start pair`;

serviceTest('a worker that a failed start leaves in the jail does not keep the service down', async (t) => {
  machine().shell(pair);
  await machine().until('journalctl -u pair', /conf$/m);
  const programs = ['sleep', 'true', 'cat'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
  const words = ['adopt', 'pair', '--watch', '2', ...programs];
  // beside the service it fails too, and then nothing is stopped
  const pid = show('pair', 'MainPID');
  const tried = service(...words);
  t.equal(tried.status, 1);
  t.match(
    tried.stderr,
    /^uchroot-service: pair.service does not come up in its jail; it runs on, and was not stopped: /,
  );
  t.match(tried.stderr, /^hint: if it needs \/opt\/pair.conf of the host: --ro-bind \/opt\/pair.conf; /m);
  t.equal(show('pair', 'MainPID'), pid);
  t.equal(
    shell('pgrep -cx sleep; ls -d /run/systemd/system/uchroot*; ls /var/lib/uchroot/services'),
    '2\noldie.service',
  );
  const { status, stderr } = service(...words, '--no-trial');
  t.equal(status, 1);
  t.match(stderr, /^uchroot-service: pair.service does not come up; it is as before: .*status 8/);
  t.match(stderr, /^hint: if it needs \/opt\/pair.conf of the host: --ro-bind \/opt\/pair.conf$/m);
  t.equal(shell('systemctl is-active pair'), 'active');
  t.equal(shell('ls /var/lib/uchroot/services'), 'oldie.service', 'nothing of its jail is left');
});

const beside = `cat >/usr/local/bin/beside <<'END'
#!/bin/sh
echo start >>/var/lib/beside/starts
echo "starts: $(cat /var/lib/beside/starts | wc -l)"
exec sleep 1000
END
chmod 755 /usr/local/bin/beside
cat >/etc/systemd/system/beside.service <<'END'
[Unit]
Conflicts=shutdown.target other-of-beside.service
[Service]
Type=exec
ExecStart=/usr/local/bin/beside
ExecStartPost=touch /run/post-of-beside
StateDirectory=beside
END
printf '[Service]\nExecStart=/usr/bin/sleep 1000\n' >/etc/systemd/system/other-of-beside.service
systemctl daemon-reload; systemctl start beside; systemctl stop other-of-beside; rm /run/post-of-beside`;

serviceTest('a service is tried beside the running one, with copies of its data', async (t) => {
  machine().shell(beside);
  const tools = ['cat', 'wc', 'sleep'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
  const words = ['adopt', 'beside', '--watch', '0.3', ...tools];
  t.match(
    service(...words, '--plan').stdout,
    /^ {4}\d+\. start it in the jail beside the running service, /m,
  );
  t.match(service(...words), { status: 0, stderr: '' });
  t.equal(shell('journalctl -o cat -u "uchroot-trial-*" | grep starts'), 'starts: 2');
  t.equal(shell('cat /var/lib/beside/starts'), 'start\nstart', 'what the trial wrote is gone');
  t.equal(service('release', 'beside').status, 0);
  // somebody listens there
  machine().shell('mkdir -p /srv/beside; systemd-run socat UNIX-LISTEN:/srv/beside/sock,fork EXEC:cat');
  await machine().until('ls /srv/beside', /sock/);
  t.match(
    service(...words, '--ro-bind', '/srv/beside').stderr,
    'warning: beside.service: it was not tried beside the running service: it sees /srv/beside/sock, a socket of the host',
  );
  t.equal(service('release', 'beside').status, 0);
  machine().shell(
    'sed -i "s/^ExecStartPost=/ExecStartPre=/" /etc/systemd/system/beside.service; systemctl daemon-reload',
  );
  t.match(
    service(...words).stdout,
    /^ {2}no start beside the running service: ExecStartPre=\S+touch prepares its start on the host$/m,
  );
  t.equal(service('release', 'beside').status, 0);
});

const asks = `cat >/usr/local/bin/strict <<'END'
#!/bin/sh
try() { "$@" >/dev/null 2>&1; echo "$1 $?"; }
{ try taskset -p 1 $$; try ionice -c 3 -p $$; try renice 5 $$; } >/var/lib/strict/now 2>/dev/null
mv /var/lib/strict/now /var/lib/strict/seen
exec sleep 1000
END
chmod 755 /usr/local/bin/strict`;
const strictUnit = `[Service]
Type=exec
ExecStart=/usr/local/bin/strict
User=nobody
StateDirectory=strict
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictAddressFamilies=none
ProtectProc=invisible
PrivateDevices=yes
LimitCORE=0
`;

serviceTest('the filter of a unit does not end the launcher, and the program is under it', async (t) => {
  machine().shell(asks);
  const programs = ['taskset', 'ionice', 'renice', 'mv', 'sleep'].flatMap((name) => [
    '--program',
    `/usr/bin/${name}`,
  ]);
  for (const [filter, answers] of [
    ['SystemCallFilter=~@keyring', 'taskset 0\nionice 0\nrenice 0'],
    [
      'SystemCallFilter=~@clock @cpu-emulation @debug @keyring @module @mount @obsolete @privileged @resources @setuid @swap sched_setaffinity:ENOSYS',
      'taskset 1\nionice 159\nrenice 159',
    ],
    [
      'SystemCallFilter=@basic-io @file-system @io-event @ipc @process @signal\nSystemCallErrorNumber=EACCES',
      'taskset 1\nionice 1\nrenice 1',
    ],
  ] as const) {
    machine().run(['tee', '/etc/systemd/system/strict.service'], { input: `${strictUnit}${filter}\n` });
    machine().shell(
      'rm -f /var/lib/strict/seen; systemctl daemon-reload; systemctl reset-failed strict; systemctl restart strict',
    );
    t.match(await machine().until('cat /var/lib/strict/seen', /renice/), answers, filter);
    machine().shell('rm /var/lib/strict/seen');
    const { status, stdout, stderr } = service(
      'adopt',
      'strict',
      '--no-trial',
      '--watch',
      '0.3',
      ...programs,
    );
    t.equal(status, 0, stderr);
    t.match(stdout, 'a compiled launcher enters the jail');
    t.match(await machine().until('cat /var/lib/strict/seen', /renice/), answers, 'in the jail too');
    t.ok(isJailed('strict'));
    t.equal(shell('grep RestrictAddressFamilies /etc/systemd/system/strict.service.d/uchroot.conf'), '');
    t.equal(service('release', 'strict').status, 0);
  }
});

const steady = `cat >/usr/local/bin/steady <<'END'
#!/bin/sh
exec sleep 1000
END
chmod 755 /usr/local/bin/steady; mkdir /etc/steady; echo one >/etc/steady/main.conf; echo A=1 >/etc/default/steady
cat >/etc/systemd/system/steady.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/steady /etc/steady/main.conf
EnvironmentFile=/etc/default/steady
END
systemctl daemon-reload; systemctl start steady`;

serviceTest('an update with nothing to do builds nothing and restarts nothing', async (t) => {
  machine().shell(steady);
  t.equal(
    service('adopt', 'steady', '--no-trial', '--watch', '0.3', '--program', '/usr/bin/sleep').status,
    0,
  );
  const place = '/var/lib/uchroot/services/steady.service';
  const seen = () => [
    show('steady', 'MainPID'),
    shell(`ls ${place}`),
    shell(`stat -c %Y ${place}/adoption.json`),
    // a reload costs more than all the rest of an update
    shell('systemctl show --value -p UnitsLoadStartTimestampMonotonic'),
  ];
  const before = seen();
  for (const words of [['steady', '--plan'], ['--all']]) {
    const { status, stdout } = service('update', ...words);
    t.equal(status, 0);
    t.match(stdout, /^steady.service: current\b/m);
    t.same(seen(), before);
  }
  t.match(service('update', 'steady', '--format', 'json').stdout, '"isChanged": false');
  const changes = {
    'a file of its jail': 'echo "# newer" >>/usr/local/bin/steady',
    'its unit': 'echo "[Service]" >/etc/systemd/system/steady.service.d/10-own.conf',
    'its environment': 'echo A=2 >/etc/default/steady',
    'its configuration': 'echo two >/etc/steady/main.conf',
    'its drop-in': 'rm /etc/systemd/system/steady.service.d/uchroot.conf; systemctl daemon-reload',
  };
  for (const [what, line] of Object.entries(changes)) {
    const [pid] = seen();
    machine().shell(line);
    if (what === 'a file of its jail')
      t.match(service('update', 'steady', '--check'), {
        status: 1,
        stdout: 'steady.service: behind the host: ',
      });
    t.match(service('update', 'steady').stdout, /^steady.service: adopted$/m, what);
    t.not(show('steady', 'MainPID'), pid, 'it runs in the new jail');
  }
  t.match(service('update', 'steady').stdout, ': current;', 'and that is all');
  t.match(service('update', '--all', '--check'), { status: 0, stdout: /^steady.service: current$/m });
  const { stdout } = service('status', '--format', 'prometheus');
  t.match(stdout, 'uchroot_service_active{unit="steady.service"} 1\n');
});

serviceTest('the status of a service that was removed names the command that removes its jail', async (t) => {
  machine().shell('mv /usr/local/bin/steady /root');
  t.match(service('status', 'steady'), {
    status: 0,
    stdout:
      /^ {2}\/usr\/local\/bin\/steady, which was asked for, is not on the host; bring it back; to do without it: uchroot-service update steady.service$/m,
  });
  machine().shell('systemctl stop steady; rm -r /etc/systemd/system/steady.service; systemctl daemon-reload');
  const { status, stdout, stderr } = service('status', 'steady');
  t.same([status, stderr], [0, '']);
  t.match(
    stdout,
    /^ {2}the unit steady.service has gone; install it again, or remove its jail: uchroot-service release steady.service$/m,
  );
  t.notMatch(stdout, /current|behind|uchroot-jail/);
  t.equal(service('release', 'steady').status, 0, 'the remedy works');
  t.notMatch(service('status').stdout, 'steady');
});

// What the callers call: a database, a collector of figures, a host of mail.
const servers = `
const net = require('node:net');
const answer = (port, body) => net.createServer((s) => { s.on('error', () => {}); body(s); }).listen(port, '10.9.8.7');
answer(5432, (s) => s.pipe(s));
answer(9091, (s) => s.once('data', () => s.end('HTTP/1.0 200 OK\\r\\n\\r\\n')));
let heard = 0;
answer(5433, (s) => {
  s.pause();
  setTimeout(() => s.resume(), 1000);
  s.on('data', (b) => (heard += b.length)).on('close', () => console.log('in all ' + heard));
});
answer(25, (s) => {
  s.write('220 mail\\r\\n');
  s.on('data', (b) => s.write(/^DATA/.test(b) ? '354 go\\r\\n' : /^QUIT/.test(b) ? '221 bye\\r\\n' : '250 ok\\r\\n'));
});
`;
const job = `
const { connect } = require('node:net');
process.on('SIGTERM', () => {
  const s = connect(5433, 'db.internal', () => s.end(Buffer.alloc(8_000_000), () => process.exit()));
});
setInterval(() => {
  const s = connect(5432, 'db.internal', () => s.write('row'));
  s.on('data', (b) => { console.log('database: ' + b); s.end(); });
  s.on('error', (e) => console.log(e.code));
  fetch('http://evil.test/').catch((e) => console.log(e.cause.code));
}, 500);
`;
const looped = (line: string): string =>
  `#!/bin/sh\nwhile sleep 0.5; do ${line} && echo done; curl -s -m 5 http://evil.test/; done\n`;
const callers = {
  job: ['/usr/bin/node /opt/job.js', 'db.internal=10.9.8.7:5432-5433'],
  push: ['/opt/push', 'push.internal=10.9.8.7:9091'],
  mail: ['/opt/mail', 'mail.internal=10.9.8.7:25'],
} as const;

const write = (path: string, input: string, mode = '755'): void => {
  machine().run(['sh', '-c', `cat >${path} && chmod ${mode} ${path}`], { input });
};

serviceTest('services that call out reach what is on their lists, and status tells the rest', async (t) => {
  machine().shell(`
    ip address add 10.9.8.7/32 dev lo
    echo 10.9.8.7 db.internal push.internal mail.internal >>/etc/hosts
    ln -sf ${process.execPath} /usr/local/bin/node
  `);
  write('/opt/servers.js', servers);
  write('/opt/job.js', job);
  write('/opt/push', looped('curl -sf -m 5 -d up=1 http://push.internal:9091/metrics'));
  write(
    '/opt/mail',
    looped('curl -s -m 5 --mail-from a@a.test --mail-rcpt b@b.test -T /etc/hostname smtp://mail.internal'),
  );
  machine().run(['systemd-run', '--unit=servers', process.execPath, '/opt/servers.js']);
  for (const [name, [line]] of Object.entries(callers))
    write(
      `/etc/systemd/system/${name}.service`,
      `[Service]\nDynamicUser=yes\nExecStart=${line.replace('/usr/bin/node', process.execPath)}\n`,
      '644',
    );
  machine().shell('systemctl daemon-reload');
  for (const [name, [, entry]] of Object.entries(callers)) {
    machine().shell(`systemctl start ${name}`);
    const files =
      name === 'job'
        ? ['--ro-bind', '/opt/job.js']
        : ['sleep', 'curl'].flatMap((one) => ['--program', `/usr/bin/${one}`]);
    const mail = name === 'mail' ? ['--ro-bind', '/etc/hostname'] : [];
    const { status, stderr, stdout } = service(
      'adopt',
      name,
      '--watch',
      '0.3',
      '--connect-to',
      entry,
      ...files,
      ...mail,
    );
    t.equal(status, 0, stderr);
    t.match(stdout, `it may call: ${entry}`);
    const pid = show(name, 'MainPID');
    await machine().until(
      `journalctl -o cat -u ${name} _PID=${pid} + _SYSTEMD_UNIT=${name}.service`,
      /^(?:done|database: row)$/m,
    );
    await machine().until(`journalctl -o cat -u uchroot-outbound-${name}`, /evil\.test/);
    t.match(
      service('status', name).stdout,
      /it may call: .*\n    it may not call evil\.test \(no entry has this name; evil\.test:PORT would allow it\)\n/,
    );
    if (name === 'job') continue;
    t.equal(service('release', name).status, 0);
    machine().shell(`systemctl stop ${name}`);
  }
  t.match(service('update', 'job').stdout, 'there is nothing to update');
  // the sockets are those of systemd, so another process goes on with them
  const before = show('uchroot-outbound-job', 'MainPID');
  machine().shell('systemctl kill -s KILL uchroot-outbound-job.service');
  const since = shell('date +%s');
  await machine().until(
    'systemctl show --value -p MainPID uchroot-outbound-job',
    new RegExp(`^(?!0$|${before}$)\\d+$`, 'm'),
  );
  await machine().until(`journalctl -o cat -u job --since @${Number(since) + 1}`, /^database: row$/m);
  const units = ['-net.service', '.socket', '.service'].map((end) => `uchroot-outbound-job${end}`);
  const [network = ''] = units;
  const states = () => shell(`systemctl is-active ${units.join(' ')} job`);
  for (const line of [
    ...units.map((one) => `systemctl restart ${one}`),
    'systemctl restart job',
    'systemctl daemon-reload',
    'systemctl daemon-reexec',
    `systemctl stop ${network}; systemctl is-active job || systemctl start job`,
    // without a restart of its own it has failed
    'systemctl kill -s KILL job; while systemctl is-active job; do sleep 0.1; done; systemctl start job',
  ]) {
    machine().shell(line);
    const news = 'journalctl -q -o cat -u job --cursor-file=/run/seen';
    machine().shell(news);
    t.match(await machine().until(news, /^database: row$/m), 'ENOTFOUND', line);
    t.equal(states(), 'active\nactive\nactive\nactive', line);
    t.ok(isJailed('job'), line);
  }
  // with what it sends while it ends
  machine().shell('systemctl stop job');
  await machine().until('journalctl -o cat -u servers', /^in all 8000000$/m);
  t.equal(service('release', 'job').status, 0);
  t.equal(
    shell('ls -d /etc/systemd/system/uchroot-outbound* /run/uchroot-outbound/*'),
    '',
    'nothing is left',
  );
});

serviceTest('a service that listens itself gets no list, as its clients would be cut off', async (t) => {
  const unit =
    '[Service]\nDynamicUser=yes\nExecStart=/usr/bin/socat TCP-LISTEN:9999,bind=127.0.0.1,fork EXEC:cat\n';
  write('/etc/systemd/system/lis.service', unit, '644');
  machine().shell('systemctl daemon-reload');
  const adopt = () => service('adopt', 'lis', '--connect-to', 'api.test:443').stderr;
  t.match(adopt(), /it does not run, so nobody sees whether it listens.*\nhint: systemctl start lis.service/);
  machine().shell('systemctl start lis');
  await machine().until('ss -ltn', /:9999/);
  t.match(adopt(), /it listens on tcp 127\.0\.0\.1:9999, and nobody would reach it in a network of its own/);
  t.equal(shell('systemctl is-active lis'), 'active');
});
