// Services of our own on a booted machine: strict filters, processes that systemd leaves behind, and scripts of System V.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, isJailed } = serviceMachine('taskset', 'ionice');

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
    const { status, stdout, stderr } = service('adopt', 'strict', '--watch', '0.3', ...programs);
    t.equal(status, 0, stderr);
    t.match(stdout, 'a compiled launcher enters the jail');
    t.match(await machine().until('cat /var/lib/strict/seen', /renice/), answers, 'in the jail too');
    t.ok(isJailed('strict'));
    t.equal(shell('grep RestrictAddressFamilies /etc/systemd/system/strict.service.d/uchroot.conf'), '');
    t.equal(service('release', 'strict').status, 0);
  }
});
