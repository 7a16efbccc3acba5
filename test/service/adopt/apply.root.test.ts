// Services that files declare, on a systemd that has been booted for the purpose.
import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('ansible-playbook', 'nginx');

const place = '/etc/uchroot/services.d';
const declare = (name: string, text: string): void =>
  void machine().run(['tee', `${place}/${name}.toml`], { input: text });
// What an apply that has nothing to do must leave as it is.
const seen = () => [
  show('stated', 'MainPID'),
  shell('ls /var/lib/uchroot/services/*; cat /var/lib/uchroot/services/*/adoption.json | cksum'),
  shell('systemctl show --value -p UnitsLoadStartTimestampMonotonic'),
];
// without /srv/one it does not come up
const options = 'watch = 0.3\nro-bind = ["/srv/one"]\n';

serviceTest('apply adopts what a file declares, and says before what it would do', async (t) => {
  machine().run(['tee', '/usr/local/bin/stated'], {
    input: '#!/bin/sh\n[ -d /srv/one ] || exit 7\nexec sleep 1000\n',
  });
  machine().shell('chmod 755 /usr/local/bin/stated; mkdir -p /srv/one /srv/two');
  for (const name of ['stated', 'other'])
    machine().run(['tee', `/etc/systemd/system/${name}.service`], {
      input: '[Service]\nType=exec\nExecStart=/usr/local/bin/stated\n',
    });
  machine().shell('systemctl daemon-reload; systemctl start stated other');
  t.match(service('apply'), {
    status: 1,
    stderr: `uchroot-service: there is no ${place}, where the services are declared\nhint: mkdir -p ${place}\n`,
  });
  machine().shell(`mkdir -p ${place}`);
  t.match(service('apply', '--plan'), { status: 0, stdout: '', stderr: '' });
  declare('stated', options);
  const pid = show('stated', 'MainPID');
  t.match(service('apply', '--plan'), {
    status: 2,
    stdout: 'stated.service: would be adopted\n',
    stderr: '',
  });
  t.equal(show('stated', 'MainPID'), pid);
  t.notOk(shell('ls /var/lib/uchroot/services 2>/dev/null'));
  t.match(service('apply'), { status: 0, stdout: 'stated.service: adopted\n', stderr: '' });
  t.ok(isJailed('stated'));
});

serviceTest('a second apply builds nothing, restarts nothing and reloads nothing', async (t) => {
  const before = seen();
  for (const words of [[], ['stated'], ['--plan'], ['--plan', 'stated.service']])
    t.match(service('apply', ...words), { status: 0, stdout: 'stated.service: as declared\n', stderr: '' });
  t.match(JSON.parse(service('apply', '--format', 'json').stdout), {
    isChanged: false,
    services: [{ unit: 'stated.service', file: `${place}/stated.toml`, act: 'none', changes: [] }],
  });
  t.same(seen(), before);
});

serviceTest(
  'other options come with one restart, and without one where the jail stays the same',
  async (t) => {
    const [pid] = seen();
    const more = options.replace(']', ', "/srv/two"]');
    declare('stated', more);
    t.match(service('apply', '--plan'), { status: 2, stdout: 'stated.service: would be changed: ro-bind\n' });
    const since = shell('date +%s.%N');
    t.match(service('apply'), { status: 0, stdout: 'stated.service: changed: ro-bind\n', stderr: '' });
    t.not(seen()[0], pid);
    t.equal(shell(`journalctl -o cat -u stated --since @${since} | grep -c '^Started '`), '1');
    t.match(shell('cat /etc/systemd/system/stated.service.d/uchroot.conf'), '=/srv/two:');
    const [now] = seen();
    declare('stated', more.replace('0.3', '0.4'));
    t.match(service('apply').stdout, 'stated.service: changed: watch\n');
    t.equal(seen()[0], now);
    t.match(service('apply').stdout, 'stated.service: as declared\n');
  },
);

serviceTest(
  'a change that does not come up leaves the service as it was, and the next apply tries again',
  async (t) => {
    declare('stated', 'watch = 0.3\n');
    const { status, stderr } = service('apply');
    t.equal(status, 1);
    t.match(stderr, /^uchroot-service: stated\.service does not come up; it is as before: /);
    t.ok(isJailed('stated'));
    declare('stated', options);
    t.equal(service('apply').status, 0);
  },
);

serviceTest(
  'a faulty file is told with its line; its service is not touched, and the others are done',
  async (t) => {
    const [pid] = seen();
    declare('stated', `${options}robind = "/srv/two"\n`);
    declare('other', options);
    declare('no name', '');
    const { status, stdout, stderr } = service('apply', '--format', 'json');
    t.equal(status, 1);
    t.match(
      stderr,
      `uchroot-service: ${place}/stated.toml:3: unknown key robind\nhint: did you mean ro-bind?\n`,
    );
    t.match(stderr, `${place}/no name.toml: no name is not the name of a service\n`);
    t.match(JSON.parse(stdout), {
      isChanged: true,
      services: [
        { error: /no name/ },
        { unit: 'other.service', act: 'adopt', report: { isRunning: true } },
        { unit: 'stated.service', error: `${place}/stated.toml:3: unknown key robind` },
      ],
    });
    t.ok(isJailed('other'));
    t.equal(seen()[0], pid);
    machine().shell(`rm '${place}/no name.toml'`);
    declare('@stated', '');
    t.match(service('apply').stderr, '@stated is not the name of a service');
    machine().shell(`rm ${place}/@stated.toml`);
    declare('stated', options);
    t.equal(service('apply').status, 0);
  },
);

serviceTest('only root declares services', async (t) => {
  const [pid] = seen();
  for (const [path, right, wrong, how] of [
    ['', '0755', 'chmod 777', 'can be written by everybody (mode 0777)'],
    ['/stated.toml', '0644', 'chmod 666', 'can be written by everybody (mode 0666)'],
    ['/stated.toml', '0644', 'chown daemon', 'is owned by uid 1'],
  ] as const) {
    shell(`${wrong} ${place}${path}`);
    const { status, stderr } = service('apply');
    t.equal(status, 1);
    t.match(stderr, `only root may declare services: ${place}${path} ${how}\n`);
    shell(`chown root ${place}${path}; chmod ${right} ${place}${path}`);
  }
  shell(`mv ${place} ${place}.away; touch ${place}`);
  t.match(service('apply').stderr, `the declarations: ${place}: not a directory\n`);
  shell(`rm ${place}; mv ${place}.away ${place}`);
  t.match(service('apply'), { status: 0, stderr: '' });
  t.equal(seen()[0], pid);
});

serviceTest('a service whose file is gone is released, but not one that was adopted by hand', async (t) => {
  t.equal(service('release', 'stated').status, 0);
  machine().shell(`rm ${place}/*.toml`);
  t.equal(service('adopt', 'stated', '--watch', '0.3', '--ro-bind', '/srv/one').status, 0);
  t.match(service('apply', 'stated').stderr, /^uchroot-service: nothing declares stated\.service: /);
  t.match(service('apply', '--plan'), {
    status: 2,
    stdout: 'other.service: would be released, since its file is gone\n',
  });
  t.match(service('apply'), { status: 0, stdout: 'other.service: released, since its file is gone\n' });
  t.notOk(isJailed('other'));
  t.ok(isJailed('stated'));
  const { stderr } = service('adopt', 'stated');
  t.match(
    stderr,
    `for other options, write them to ${place}/stated.toml, then: uchroot-service apply stated.service`,
  );
  declare('stated', options);
  const [pid] = seen();
  t.match(service('apply').stdout, 'stated.service: adopted before; its file counts from now on\n');
  t.match(service('apply').stdout, 'stated.service: as declared\n');
  t.equal(seen()[0], pid);
  // an alias
  machine().shell(`ln -s stated.service /etc/systemd/system/second.service; systemctl daemon-reload`);
  declare('second', options);
  t.match(service('apply').stderr, /stated\.service is declared twice: /);
  machine().shell(`rm ${place}/stated.toml`);
  t.match(service('apply').stdout, 'stated.service: as declared\n');
  t.match(service('apply', 'stated').stdout, 'stated.service: as declared\n');
  machine().shell(`rm ${place}/second.toml`);
  t.match(service('apply', 'second').stdout, 'stated.service: released, since its file is gone\n');
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
