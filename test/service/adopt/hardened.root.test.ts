// Adopts services whose units are hardened, on a systemd that has been booted for the purpose.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine();

const open = (filter: string): string => `cat >/usr/local/bin/hard <<'END'
#!/bin/sh
echo $$ >/var/run/hard.pid
exec sleep 1000
END
chmod 755 /usr/local/bin/hard
cat >/etc/systemd/system/hard.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/hard
CapabilityBoundingSet=CAP_CHOWN CAP_SETGID CAP_SETUID
SystemCallFilter=${filter}
END
systemctl daemon-reload && systemctl restart hard`;
const adopt = () => service('adopt', 'hard', '--no-trial', '--watch', '0.5', '--program', '/usr/bin/sleep');

for (const filter of [
  '~@clock @cpu-emulation @debug @keyring @module @mount @obsolete @resources',
  '@system-service',
])
  serviceTest(`a filter without calls that make mounts does not end the launcher: ${filter}`, async (t) => {
    t.equal(machine().shell(open(filter)).stderr, '');
    await machine().until('cat /run/hard.pid', /^\d+$/m);
    const { status, stderr } = adopt();
    t.equal(status, 0, stderr);
    t.ok(isJailed('hard'));
    t.equal(shell('cat /run/hard.pid'), show('hard', 'MainPID'), 'it is known as /var/run/hard.pid too');
    t.notMatch(service('status', 'hard').stdout, 'must not be in its jail');
    t.equal(service('release', 'hard').status, 0);
  });
