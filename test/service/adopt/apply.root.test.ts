// Services that files declare, on a systemd that has been booted for the purpose.
import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('ansible-playbook', 'nginx');

const place = '/etc/uchroot/services.d';
const declare = (name: string, text: string): void =>
  void machine().run(['tee', `${place}/${name}.toml`], { input: text });
// What an apply that has nothing to do must leave as it is.
const seen = () => [
  show('plain', 'MainPID'),
  shell('ls /var/lib/uchroot/services/*; cat /var/lib/uchroot/services/*/adoption.json | cksum'),
  shell('systemctl show --value -p UnitsLoadStartTimestampMonotonic'),
];
// without /srv/one it does not come up
const options = 'watch = 0.3\nro-bind = ["/srv/one"]\n';

serviceTest('apply adopts what a file declares, and says before what it would do', async (t) => {
  machine().run(['tee', '/usr/local/bin/plain'], {
    input: '#!/bin/sh\n[ -d /srv/one ] || exit 7\nexec sleep 1000\n',
  });
  machine().shell('chmod 755 /usr/local/bin/plain; mkdir -p /srv/one /srv/two');
  for (const name of ['plain', 'other'])
    machine().run(['tee', `/etc/systemd/system/${name}.service`], {
      input: '[Service]\nType=exec\nExecStart=/usr/local/bin/plain\n',
    });
  machine().shell('systemctl daemon-reload; systemctl start plain other');
  t.match(service('apply'), {
    status: 1,
    stderr: `uchroot-service: there is no ${place}, where the services are declared\nhint: mkdir -p ${place}\n`,
  });
  machine().shell(`mkdir -p ${place}`);
  t.match(service('apply', '--plan'), { status: 0, stdout: '', stderr: '' });
  declare('plain', options);
  const pid = show('plain', 'MainPID');
  t.match(service('apply', '--plan'), { status: 2, stdout: 'plain.service: would be adopted\n', stderr: '' });
  t.equal(show('plain', 'MainPID'), pid);
  t.notOk(shell('ls /var/lib/uchroot/services 2>/dev/null'));
  t.match(service('apply'), { status: 0, stdout: 'plain.service: adopted\n', stderr: '' });
  t.ok(isJailed('plain'));
});

serviceTest('a second apply builds nothing, restarts nothing and reloads nothing', async (t) => {
  const before = seen();
  for (const words of [[], ['plain'], ['--plan'], ['--plan', 'plain.service']])
    t.match(service('apply', ...words), { status: 0, stdout: 'plain.service: as declared\n', stderr: '' });
  t.match(JSON.parse(service('apply', '--format', 'json').stdout), {
    isChanged: false,
    services: [{ unit: 'plain.service', file: `${place}/plain.toml`, act: 'none', changes: [] }],
  });
  t.same(seen(), before);
});

serviceTest(
  'other options come with one restart, and without one where the jail stays the same',
  async (t) => {
    const [pid] = seen();
    const more = options.replace(']', ', "/srv/two"]');
    declare('plain', more);
    t.match(service('apply', '--plan'), { status: 2, stdout: 'plain.service: would be changed: ro-bind\n' });
    const since = shell('date +%s.%N');
    t.match(service('apply'), { status: 0, stdout: 'plain.service: changed: ro-bind\n', stderr: '' });
    t.not(seen()[0], pid);
    t.equal(shell(`journalctl -o cat -u plain --since @${since} | grep -c '^Started '`), '1');
    t.match(shell('cat /etc/systemd/system/plain.service.d/uchroot.conf'), '=/srv/two:');
    const [now] = seen();
    declare('plain', more.replace('0.3', '0.4'));
    t.match(service('apply').stdout, 'plain.service: changed: watch\n');
    t.equal(seen()[0], now);
    t.match(service('apply').stdout, 'plain.service: as declared\n');
  },
);

serviceTest(
  'a change that does not come up leaves the service as it was, and the next apply tries again',
  async (t) => {
    declare('plain', 'watch = 0.3\n');
    const { status, stderr } = service('apply');
    t.equal(status, 1);
    t.match(stderr, /^uchroot-service: plain\.service does not come up; it is as before: /);
    t.ok(isJailed('plain'));
    declare('plain', options);
    t.equal(service('apply').status, 0);
  },
);

serviceTest(
  'a faulty file is told with its line; its service is not touched, and the others are done',
  async (t) => {
    const [pid] = seen();
    declare('plain', `${options}robind = "/srv/two"\n`);
    declare('other', options);
    declare('no name', '');
    const { status, stdout, stderr } = service('apply', '--format', 'json');
    t.equal(status, 1);
    t.match(
      stderr,
      `uchroot-service: ${place}/plain.toml:3: unknown key robind\nhint: did you mean ro-bind?\n`,
    );
    t.match(stderr, `${place}/no name.toml: no name is not the name of a service\n`);
    t.match(JSON.parse(stdout), {
      isChanged: true,
      services: [
        { error: /no name/ },
        { unit: 'other.service', act: 'adopt', report: { isRunning: true } },
        { unit: 'plain.service', error: `${place}/plain.toml:3: unknown key robind` },
      ],
    });
    t.ok(isJailed('other'));
    t.equal(seen()[0], pid);
    machine().shell(`rm '${place}/no name.toml'`);
    declare('plain', options);
    t.equal(service('apply').status, 0);
  },
);

serviceTest('a service whose file is gone is released, but not one that was adopted by hand', async (t) => {
  t.equal(service('release', 'plain').status, 0);
  machine().shell(`rm ${place}/*.toml`);
  t.equal(service('adopt', 'plain', '--watch', '0.3', '--ro-bind', '/srv/one').status, 0);
  t.match(service('apply', 'plain').stderr, /^uchroot-service: nothing declares plain\.service: /);
  t.match(service('apply', '--plan'), {
    status: 2,
    stdout: 'other.service: would be released, since its file is gone\n',
  });
  t.match(service('apply'), { status: 0, stdout: 'other.service: released, since its file is gone\n' });
  t.notOk(isJailed('other'));
  t.ok(isJailed('plain'));
  const { stderr } = service('adopt', 'plain');
  t.match(
    stderr,
    `for other options, write them to ${place}/plain.toml, then: uchroot-service apply plain.service`,
  );
  declare('plain', options);
  const [pid] = seen();
  t.match(service('apply').stdout, 'plain.service: adopted before; its file counts from now on\n');
  t.match(service('apply').stdout, 'plain.service: as declared\n');
  t.equal(seen()[0], pid);
  // an alias
  machine().shell(`ln -s plain.service /etc/systemd/system/second.service; systemctl daemon-reload`);
  declare('second', options);
  t.match(service('apply').stderr, /plain\.service is declared twice: /);
  machine().shell(`rm ${place}/plain.toml`);
  t.match(service('apply').stdout, 'plain.service: as declared\n');
  t.match(service('apply', 'plain').stdout, 'plain.service: as declared\n');
  machine().shell(`rm ${place}/second.toml`);
  t.match(service('apply', 'second').stdout, 'plain.service: released, since its file is gone\n');
  t.notOk(shell('ls /var/lib/uchroot/services 2>/dev/null'), 'nothing is left');
});

serviceTest(
  'the playbook of examples/fleet adopts services, and changes nothing when it runs again',
  async (t) => {
    machine().shell(`
    ln -s ${packageDirectory}/dist/bin/uchroot-service.cjs /usr/local/bin/uchroot-service
    cp -r ${packageDirectory}/examples/fleet /root; mkdir -p /srv/site; systemctl start nginx
  `);
    const play = () =>
      machine().run([
        'env',
        `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:${process.execPath.replace(/\/[^/]*$/, '')}`,
        'HOME=/root',
        'LC_ALL=C.UTF-8',
        'ansible-playbook',
        '-i',
        'localhost,',
        '-c',
        'local',
        '/root/fleet/site.yml',
      ]);
    const first = play();
    t.equal(first.status, 0, first.stdout + first.stderr);
    t.match(first.stdout, / changed=2 .* failed=0 /);
    t.ok(isJailed('nginx'));
    const pid = show('nginx', 'MainPID');
    t.match(play().stdout, / changed=0 .* failed=0 /);
    t.equal(show('nginx', 'MainPID'), pid);
    machine().shell('rm /root/fleet/services.d/nginx.toml');
    t.match(play().stdout, / changed=2 .* failed=0 /);
    t.notOk(isJailed('nginx'));
  },
);
