// A service that comes up in its jail, but does something else there, goes on without the jail.
import { serviceMachine } from '../../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('socat');

// It reads a directory of which neither its unit nor its script gives the path in one word.
const server = `cat >/usr/local/bin/server <<'END'
#!/bin/sh
base=/opt
conf=$base/server
[ "$1" != reload ] || exec /usr/bin/cat $conf/address
address=0.0.0.0
user=root
[ ! -e $conf/address ] || read -r address <$conf/address
[ ! -e $conf/user ] || read -r user <$conf/user
exec /usr/bin/setpriv --reuid=$user --clear-groups /usr/bin/socat TCP-LISTEN:7070,bind=$address,reuseaddr,fork PIPE
END
chmod 755 /usr/local/bin/server
mkdir /opt/server
echo 127.0.0.1 >/opt/server/address
echo nobody >/opt/server/user
cat >/etc/systemd/system/server.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/server
END
systemctl daemon-reload && systemctl start server`;

const listens = (): Promise<string> => machine().until('ss -Hlnt sport = :7070', /127\.0\.0\.1:7070/);
const programs = ['socat', 'cat', 'setpriv'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
const adopt = (...more: readonly string[]) =>
  service('adopt', 'server', '--watch', '0.5', ...programs, ...more);

serviceTest('a service that listens elsewhere in its jail is put back, and told why', async (t) => {
  t.equal(machine().shell(server).stderr, '');
  await listens();
  const { status, stderr } = adopt();
  t.equal(status, 1);
  t.match(stderr, 'server.service comes up in its jail, but does not do what it did before');
  t.match(
    stderr,
    'it does not listen on tcp 127.0.0.1:7070; it listens on tcp 0.0.0.0:7070; it has no process of nobody; it has a process of root',
  );
  t.notOk(isJailed('server'));
  await listens();
  t.equal(shell('ls /var/lib/uchroot/services /etc/systemd/system/server.service.d 2>/dev/null'), '');
});

serviceTest('a service that does not answer its reload in the jail is put back', async (t) => {
  machine().shell(
    `echo 'ExecReload=/usr/local/bin/server reload' >>/etc/systemd/system/server.service; systemctl daemon-reload`,
  );
  const { status, stderr } = adopt();
  t.equal(status, 1);
  t.match(stderr, /its reload fails: [^]*No such file/);
  t.notOk(isJailed('server'));
  await listens();
});

serviceTest(
  'a service that does the same in its jail stays there, and the jail knows its user',
  async (t) => {
    const { status, stderr } = adopt('--ro-bind', '/opt/server');
    t.equal(status, 0, stderr);
    t.ok(isJailed('server'));
    await listens();
    t.equal(shell(`stat -c %U /proc/${show('server', 'MainPID')}`), 'nobody');
    machine().shell('systemctl stop server');
    t.equal(service('update', 'server').status, 0);
    machine().shell('systemctl start server');
    await listens();
  },
);
