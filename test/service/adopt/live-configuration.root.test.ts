// What an adopted service sees of /etc, and what a reload does about a file of which it sees an older state.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('getent');

// Its unit names no file of /etc. Its script, its environment file and getent do.
const reader = `cat >/usr/local/bin/reader <<'END'
#!/bin/sh
# not for everybody: /etc/shadow /etc/ssl/private/reader.key /etc/reader.secret/key
. /etc/default/reader
echo "$GREETING" >/run/reader/greeting
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/reader
mkdir -p /etc/reader.d /etc/reader.conf.d /etc/reader.secret /etc/ssl/private
echo GREETING=one >/etc/default/reader
echo 'OPTIONS="--directory=/etc/reader.d/main"' >/etc/reader.env
echo one >/etc/reader.d/main
echo key >/etc/reader.secret/key
echo key >/etc/ssl/private/reader.key
chmod 600 /etc/reader.secret/key
chmod 710 /etc/ssl/private
cat >/etc/systemd/system/reader.service <<'END'
[Service]
Type=exec
RuntimeDirectory=reader
EnvironmentFile=/etc/reader.env
ExecStart=/usr/local/bin/reader $OPTIONS
ExecReload=/bin/kill -CONT $MAINPID
END
systemctl daemon-reload && systemctl start reader`;

const inJail = (path: string): string => `/proc/${show('reader', 'MainPID')}/root${path}`;
const seen = (path: string): string => shell(`cat ${inJail(path)}`);
const replace = (path: string, text: string): void => {
  shell(`printf '${text}\\n' >${path}.new && mv ${path}.new ${path}`);
};

serviceTest('what a script, a variable or a library reads in /etc is the file of the host', async (t) => {
  t.equal(machine().shell(reader).stderr, '');
  const words = ['--watch', '0.3', '--program', '/usr/bin/sleep', '--program', '/usr/bin/getent'];
  const { status, stdout, stderr } = service('adopt', 'reader', '--no-trial', ...words);
  t.equal(status, 0, stderr);
  t.ok(isJailed('reader'));
  t.match(stdout, /^ {2}read-only: \/etc\/default\/reader$/m);
  t.match(stdout, /^ {2}read-only: \/etc\/reader.d$/m);
  t.match(stdout, /^ {2}databases of the host, read-only: .*\/etc\/hosts/m);
  t.equal(shell('cat /run/reader/greeting'), 'one');
  machine().shell('echo 192.0.2.1 in-place >>/etc/hosts');
  t.match(seen('/etc/hosts'), '192.0.2.1 in-place');
  replace('/etc/reader.d/main', 'two');
  t.equal(seen('/etc/reader.d/main'), 'two', 'a directory shows a file that replaces another');
});

serviceTest('secrets of the host do not come in, though a script names them', async (t) => {
  const secrets = ['/etc/shadow', '/etc/ssl/private', '/etc/reader.secret/key', '/etc/gshadow'];
  for (const path of secrets) t.equal(shell(`ls -d ${path}`), path);
  for (const path of secrets) t.equal(shell(`ls -d ${inJail(path)}`), '', path);
});

serviceTest(
  'a file that was replaced by rename is named, and the service restarted with the new one',
  async (t) => {
    const before = show('reader', 'MainPID');
    machine().shell('cp -p /etc/hosts /etc/hosts.new; mv /etc/hosts.new /etc/hosts');
    t.match(service('reload', 'reader').stdout, 'reloaded; ', 'the bytes are the same');
    t.equal(show('reader', 'MainPID'), before);
    replace('/etc/hosts', '192.0.2.2 renamed');
    replace('/etc/default/reader', 'GREETING=two');
    t.notMatch(seen('/etc/hosts'), 'renamed');
    const { status, stdout, stderr } = service('reload', 'reader');
    t.equal(status, 0, stderr);
    t.match(
      stdout,
      'restarted: /etc/default/reader, /etc/hosts was replaced, and a mount keeps the old file',
    );
    t.match(seen('/etc/hosts'), 'renamed');
    t.equal(shell('cat /run/reader/greeting'), 'two');
  },
);

serviceTest('a reload refuses what only an update brings in, and names it', async (t) => {
  machine().shell('echo MORE=1 >>/etc/reader.env');
  t.match(service('status', 'reader').stdout, /^ {2}older than on the host: \/etc\/reader.env; /m);
  const { status, stderr } = service('reload', 'reader');
  t.equal(status, 1);
  t.match(
    stderr,
    /reader.service: a reload would not bring in \/etc\/reader.env: .*\nhint: uchroot-service update reader.service/,
  );
  t.equal(service('update', 'reader').status, 0);
  t.match(service('reload', 'reader').stdout, 'reloaded; ');
  t.equal(service('release', 'reader').status, 0);
});
