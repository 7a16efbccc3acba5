// A jail by reference: isolated launches mount the host's /usr and harmless parts of /etc, and nothing else of the host is there.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { host } from '../../lib/jail/packs/host.ts';
import type { PackHost } from '../../lib/jail/packs/pack.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { jailCommand, uchrootJail } from '../support/builder.ts';
import { libraryUrl } from '../support/child.ts';
import {
  command,
  packageDirectory,
  publicCommand,
  start,
  temporaryDirectory,
  type Ended,
} from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const tools = ['python3', 'node', 'perl', 'bash', 'git', 'gcc', 'openssl', 'curl', 'awk', 'tar'];
const skip = unlessRoot('unshare', 'setpriv', ...tools);
const place = skip === false ? temporaryDirectory() : '/';
const jail = `${place}/host`;
// Only this file has processes of this uid.
const uid = 61_471;
const ordinary = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];

t.before(() => {
  if (skip !== false) return;
  chmodSync(place, 0o755);
  const { status, stderr } = uchrootJail(['build', jail, '--from-host']);
  if (status !== 0) throw new Error(stderr);
});

const launch = (...words: readonly string[]): Ended => start([...command, ...words]);
const untrusted = (...words: readonly string[]): Ended => launch('--untrusted', 'auto', jail, ...words);
// --untrusted=rootless also needs cgroups of the user's own, which are another matter.
const own = ['--rootless', '--read-only', '--tmpfs', '/tmp', '--proc', '/proc', '--dev', '/dev', 'root'];
const rootless = (...words: readonly string[]): Ended =>
  start([...ordinary, ...publicCommand(), ...own, jail, ...words]);

// The host as a shell script has changed it, for these words alone: what lies in /etc and /home is a copy.
const onHost = (script: string, words: readonly string[]): Ended =>
  start([
    'unshare',
    '--mount',
    'sh',
    '-ec',
    `mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work && chmod 755 /mnt/upper
     mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
     ${script}
     exec "$@"`,
    'sh',
    ...words,
  ]);
const changed = (script: string, ...words: readonly string[]): Ended =>
  onHost(script, [...command, '--untrusted', 'auto', jail, ...words]);

// Each prints 42.
const programs: Readonly<Record<string, readonly string[]>> = {
  python3: ['-I', '-c', 'import ssl, sqlite3, ctypes; print(6 * 7)'],
  node: ['-e', 'require("crypto"); console.log(6 * 7)'],
  perl: ['-MPOSIX', '-e', 'print 6 * 7'],
  bash: ['-c', 'echo $((6 * 7))'],
  git: ['-C', '/tmp', '-c', 'alias.x=!echo 42', 'x'],
  gcc: ['-xc', '-c', '-o', '/dev/null', '-###', '/dev/null'],
  openssl: ['version', '-d'],
  curl: ['--version'],
  awk: ['BEGIN { print 6 * 7 }'],
  tar: ['--version'],
};

t.test('programs of the host run by their names, with one word', { skip }, async (t) => {
  for (const [name, args] of Object.entries(programs))
    for (const [way, run] of Object.entries({ untrusted, rootless })) {
      const { status, stdout, stderr } = run(name, ...args);
      t.equal(status, 0, `${way} ${name}: ${stderr}`);
      t.match(stdout + stderr, /^42|OPENSSLDIR|libcurl|tar|gcc/, `${way} ${name}`);
    }
  t.match(launch('--untrusted', '--setenv', 'PATH=/usr/sbin', 'auto', jail, 'ldconfig', '-p'), {
    stdout: /libc\.so\.6/,
  });
  t.match(untrusted('/usr/bin/python3', '-c', 'import time; print(time.tzname)'), { status: 0 });
});

t.test('the lines of doc/untrusted.md and what stands there', { skip }, async (t) => {
  const page = readFileSync(`${packageDirectory}/doc/untrusted.md`, 'utf8');
  const block = page.split('### Without a copy')[1]?.split('```')[1] ?? '';
  const commands = `sudo() { shift; case $1 in build) node ${jailCommand[1]} "$@";; *) node ${command[1]} "$@";; esac; }`;
  const script = block.replace('sh\n', '').replaceAll('/srv/host', `${place}/page`);
  const { stdout, stderr } = start(['bash', '-ec', `${commands}\n${script}`]);
  t.match(stdout, /^pack host\n.*\n42\n$/, stderr);
});

t.test('gcc makes a program, and the project is at its own path', { skip }, async (t) => {
  const project = '/home/nobody-has-this/project';
  const words = ['--untrusted', '--workspace', project, '--ro-bind', '/opt', 'auto', jail, 'bash', '-c'];
  const script = 'mount -t tmpfs tmpfs /home; mkdir -p /home/nobody-has-this/project; echo key >/home/key';
  const build =
    "echo 'int main() { return 42; }' >x.c && gcc x.c && ./a.out; echo $? && ls /home && ls -d /opt";
  const { stdout, stderr } = onHost(`${script}; mount -t tmpfs tmpfs /var/lib`, [
    ...command,
    ...words,
    build,
  ]);
  t.equal(stdout, '42\nnobody-has-this\n/opt\n', stderr);
});

const secret = 'sesame-opens';
const hide = ['/root', '/home', '/var', '/srv', '/run', '/opt', '/media', '/usr/local/etc', '/usr/local/var']
  .map((path) => `mkdir -p ${path}; mount -t tmpfs tmpfs ${path}; echo ${secret} >${path}/key`)
  .join('\n');
const ofEtc = [
  'shadow',
  'ssl/private/key',
  'ssh/ssh_host_rsa_key',
  'NetworkManager/x',
  'secret',
  'environment',
]
  .map((name) => `mkdir -p $(dirname /etc/${name}); echo ${secret} >/etc/${name}; chmod 644 /etc/${name}`)
  .join('\n');

t.test('nothing of the host is there but /usr and the list', { skip }, async (t) => {
  const look = `grep -rls ${secret} / --exclude-dir=proc --exclude-dir=usr; grep -rls ${secret} /usr/local; ls /root /home /srv /var`;
  const plant = `${hide}\n${ofEtc}\nmount --bind ${place} ${place}`;
  t.match(changed(plant, 'sh', '-c', `${look}; echo end`), {
    stdout: '/home:\n\n/root:\n\n/srv:\n\n/var:\nend\n',
    stderr: '',
  });
  const asRoot = [
    '--allow-root',
    '--isolate',
    '--proc',
    '/proc',
    'root',
    jail,
    '/bin/sh',
    '-c',
    `${look}; echo end`,
  ];
  t.match(onHost(plant, [...command, ...asRoot]), {
    stdout: /^\/home:\n\n\/root:\n\n\/srv:\n\n\/var:\nend\n$/,
  });
  t.same(readdirSync(`${jail}/usr/bin`), [], 'and the jail has none of it');
});

t.test('what not everybody may read is not there, and nothing can be written', { skip }, async (t) => {
  const closed = 'chmod 640 /etc/services; chmod 700 /etc/alternatives';
  t.match(changed(closed, 'sh', '-c', 'cat /etc/services; ls /etc/alternatives'), { stdout: '', status: 0 });
  const writes = 'for path in /usr/x /etc/x /etc/ssl/certs/x /etc/hosts; do : >$path; done; echo end';
  const asRoot = ['--allow-root', '--isolate', 'root', jail, '/bin/bash', '-c', writes];
  const { stdout, stderr } = onHost('', [...command, '--read-only', ...asRoot]);
  t.equal(stdout, 'end\n');
  t.match(stderr, /(?:\/usr\/x|\/etc\/x|certs\/x|hosts): Read-only(?:.*\n[^]*Read-only){3}/);
});

t.test('a link of /etc that leads to what is hidden is refused, and can be left out', { skip }, async (t) => {
  const link = (path: string, target: string) => `rm -rf ${path}; ln -s ${target} ${path}`;
  for (const [path, target] of [
    ['/etc/localtime', '/root/key'],
    ['/etc/localtime', '/etc/secret'],
    ['/etc/ssl/certs', '/etc/ssl/private'],
    ['/etc/hosts', '/run/key'],
    ['/etc/services', '/usr/local/etc/key'],
    ['/etc/alternatives', '/'],
    ['/etc/alternatives', '/dev'],
  ] as const) {
    const asked = ['--untrusted', '--net', 'host', 'auto', jail, 'true'];
    const script = `${hide}\n${ofEtc}\n${link(path, target)}`;
    const refused = onHost(script, [...command, ...asked]);
    t.match(refused, { status: 125, stdout: '' }, target);
    t.match(refused.stderr, new RegExp(`^uchroot: reference: ${path} leads to ${target}, which `));
    t.ok(refused.stderr.includes(`hint: uchroot-jail build ${jail} --without ${path}`));
    const checked = onHost(script, [...jailCommand, 'check', jail]);
    t.match(
      checked.stdout,
      new RegExp(`error mounted-host.*\\n.*${path}: .*leads to ${target}, which`),
      checked.stderr,
    );
  }
  const less = `${place}/less`;
  uchrootJail(['build', less, '--from-host']);
  const asked = [...command, '--untrusted', 'auto', less, 'true'];
  t.match(onHost(`${hide}\n${link('/etc/localtime', '/root/key')}`, asked), { status: 125 });
  t.equal(uchrootJail(['build', less, '--without', '/etc/localtime']).status, 0);
  t.match(onHost(`${hide}\n${link('/etc/localtime', '/root/key')}`, asked), { status: 0, stderr: '' });
  t.match(changed(link('/etc/localtime', '/nowhere'), 'true'), { status: 0 }, 'one that leads nowhere');
});

t.test('what a user of the host can replace is refused, and check names it', { skip }, async (t) => {
  for (const script of [
    'chown nobody /etc',
    'chmod 777 /etc',
    'mkdir -p /etc/pki/tls; chown nobody /etc/ssl',
  ]) {
    const asked = ['--untrusted', 'nobody', jail, 'true'];
    t.match(
      onHost(script, [...command, ...asked]),
      { status: 125, stderr: /^uchroot: reference: \/etc/ },
      script,
    );
    t.match(
      onHost(script, [...jailCommand, 'check', jail]),
      { status: 1, stdout: /error.*of the host/ },
      script,
    );
  }
  t.match(uchrootJail(['check', jail, '--fail-on', 'note']), { status: 0 });
  t.match(
    changed('rm /etc/timezone; mkdir /etc/timezone', 'true').stderr,
    new RegExp(`^uchroot: reference: /etc/timezone is no file any more\nhint: uchroot-jail update ${jail}`),
  );
});

t.test('names of hosts come from the host only with its network', { skip }, async (t) => {
  const script =
    "echo '192.0.2.1 planted' >>/etc/hosts; rm /etc/resolv.conf; echo 'nameserver 192.0.2.2' >/etc/resolv.conf";
  const read = (...options: readonly string[]) =>
    onHost(script, [
      ...command,
      '--untrusted',
      ...options,
      'auto',
      jail,
      'cat',
      '/etc/hosts',
      '/etc/resolv.conf',
    ]).stdout;
  t.equal(read(), '127.0.0.1 localhost\n::1 localhost\n');
  t.match(read('--net', 'host'), /planted[^]*nameserver 192\.0\.2\.2/);
  t.equal(
    read('--connect-to', '192.0.2.7:443'),
    '127.0.0.1 localhost\n::1 localhost\nnameserver 127.0.0.1\n',
  );
  const stub =
    'mkdir -p /run/systemd/resolve; echo nameserver 192.0.2.3 >/run/systemd/resolve/stub-resolv.conf';
  const linked = `mount -t tmpfs tmpfs /run; ${stub}; ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`;
  const asked = [...command, '--untrusted', '--net', 'host', 'auto', jail, 'cat', '/etc/resolv.conf'];
  t.match(onHost(linked, asked), { stdout: 'nameserver 192.0.2.3\n' });
});

t.test('an open jail sees what the host has now', { skip }, async (t) => {
  const library = libraryUrl('index.js');
  const script = `
    import { openJail } from ${JSON.stringify(library)};
    import { renameSync, writeFileSync, rmSync } from 'node:fs';
    const jail = await openJail(${JSON.stringify(jail)}, { isolate: true, user: 'nobody' });
    const put = (text) => { writeFileSync('/etc/new', text); renameSync('/etc/new', '/etc/timezone'); };
    const read = async () => (await jail.run({ program: '/bin/cat', args: ['/etc/timezone'] })).stdout;
    for (const text of ['one', 'two']) { put(text); console.log(await read()); }
    rmSync('/etc/timezone'); console.log('[' + await read() + ']');
    console.log((await jail.$\`awk \${'BEGIN { print 42 }'}\`).stdout);
    jail.close();`;
  const { stdout, stderr } = onHost('', [process.execPath, '--input-type=module', '-e', script]);
  t.equal(stdout, 'one\ntwo\n[]\n42\n\n', stderr);
});

t.test('a host with a /bin and /lib of its own', { skip }, async (t) => {
  const split = `${place}/split`;
  const mounts = ['bin', 'sbin', 'lib', 'lib64']
    .map((name) => `mkdir ${split}/${name} && mount --bind /usr/${name} ${split}/${name}`)
    .concat(
      ['/usr', '/etc', '/proc', '/sys', '/dev', place, packageDirectory, process.execPath]
        .map((path) => path.split('/')[1] ?? '')
        .filter((name, i, names) => names.indexOf(name) === i)
        .map((name) => `mkdir -p ${split}/${name} && mount --rbind /${name} ${split}/${name}`),
    );
  const made = `${place}/split-jail`;
  mkdirSync(split);
  const script = `mount -t tmpfs tmpfs ${split} && chmod 755 ${split}\n${mounts.join('\n')}`;
  const inside = [
    ...jailCommand.map((word) => `'${word}'`),
    'build',
    made,
    '--from-host >&2 && exec',
    ...command,
  ].join(' ');
  const asked = [
    'chroot',
    split,
    'sh',
    '-c',
    `${inside} --isolate nobody ${made} ls -d /bin/cat /bin/. /lib/. /usr/lib/.`,
  ];
  const { stdout, stderr } = onHost(script, asked);
  t.equal(stdout, '/bin/.\n/bin/cat\n/lib/.\n/usr/lib/.\n', stderr);
});

t.test('a host whose programs lie elsewhere is refused', { skip }, async (t) => {
  const root = `${place}/nixos`;
  mkdirSync(`${root}/usr/bin`, { recursive: true });
  symlinkSync('/nix/store/x/bin/env', `${root}/usr/bin/env`);
  const given = { root: openFileRoot(root) } as unknown as PackHost;
  t.throws(() => typeof host.parts === 'function' && host.parts(given), {
    message: /do not lie in \/usr/,
    code: 'ERR_MISSING',
  });
});

t.test('it is for isolated launches, and has nothing of its own', { skip }, async (t) => {
  const bare = launch('nobody', jail, '/bin/sh');
  t.match(bare, {
    status: 127,
    stderr: /^uchroot: \/bin\/sh: not found in the jail\nhint: .* in isolated launches alone/,
  });
  t.match(launch('--check', 'nobody', jail, 'sh'), { stderr: /in isolated launches alone/ });
  t.match(launch('--check', '--untrusted', 'auto', jail, 'sh'), { status: 0, stderr: '' });
  t.match(untrusted('no-such-program'), { status: 127, stderr: /hint: install it in \/usr of the host/ });
  for (const words of [
    [jail, 'sh'],
    [jail, '--package', 'bash'],
    [`${place}/mixed`, '--from-host', 'sh'],
    [`${place}/mixed`, '--from-host', '--copy', '/etc/hosts:/usr/hosts'],
  ])
    t.match(uchrootJail(['build', ...words]), { status: 1, stderr: /mounts the host/ }, words.join(' '));
  t.match(uchrootJail(['build', `${place}/mixed`, '--from-host', '--from', '/']), {
    status: 1,
    stderr:
      /--from-host and --from are given at once: such a jail mounts this host\nhint: leave --from out$/m,
  });
  const copied = `${place}/copied`;
  writeFileSync(`${place}/data`, 'data\n');
  const build = ['build', copied, '--from-host', '--user', 'nobody', '--copy', `${place}/data:/srv/data`];
  t.match(uchrootJail(build), { status: 0, stderr: /^[^]*$/ });
  t.equal(
    launch('--untrusted', 'auto', copied, 'sh', '-c', 'cat /srv/data; id -un 65534').stdout,
    'data\nnobody\n',
  );
});

t.test('update, explain, list, clone and remove know it', { skip }, async (t) => {
  t.match(uchrootJail(['update', jail]).stdout, /up to date/);
  t.match(
    uchrootJail(['explain', jail, '/usr/bin/python3']).stdout,
    /mounted from the host .*: programs and libraries/,
  );
  t.match(uchrootJail(['explain', jail, '/etc/localtime']).stdout, /the time zone/);
  t.match(uchrootJail(['list', jail]).stdout, /\/etc\/ssl\/certs\/: mounted from the host/);
  const copy = `${place}/clone`;
  t.equal(uchrootJail(['clone', jail, copy]).status, 0);
  t.match(launch('--untrusted', 'auto', copy, 'sh', '-c', 'echo $0'), { stdout: 'sh\n' });
  t.match(launch('--untrusted', '--ephemeral', 'auto', copy, 'sh', '-c', 'echo x >/tmp/x; cat /tmp/x'), {
    stdout: 'x\n',
  });
  t.equal(uchrootJail(['remove', copy]).status, 0);
  t.notOk(existsSync(copy));
});

t.test(
  'a program that is root in a jail cannot make it one, and one that was moved is built again',
  { skip },
  async (t) => {
    const other = `${place}/other`;
    t.equal(uchrootJail(['build', other, 'sh', 'ls']).status, 0);
    const forge = ': >/.references; mkdir -p /.uchroot; : >/.other.uchroot-host; : >/../.other.uchroot-host';
    t.equal(launch('--allow-root', '--isolate', 'root', other, '/bin/sh', '-c', forge).status, 0);
    const refused = (path: string, ended: Ended): void => {
      t.match(ended, { status: 125, stdout: '' });
      const why = `^uchroot: jail: /\\.references says .*\nhint: uchroot-jail build ${path} --from-host   #.* remove it`;
      t.match(ended.stderr, new RegExp(why));
      const checked = uchrootJail(['check', path]);
      t.match(checked, { status: 1, stdout: /error mounted-host.*\n.*no record beside/ });
    };
    refused(other, launch('--isolate', 'nobody', other, '/bin/ls', '/usr'));
    refused(other, launch('--plan', '--isolate', 'nobody', other, '/bin/ls', '/usr'));
    t.equal(launch('nobody', other, '/bin/ls', '/').status, 0, 'one that mounts nothing');
    const [early, late] = [`${place}/early`, `${place}/late`];
    uchrootJail(['build', early, '--from-host']);
    const record = (path: string) => path.replace(/[^/]+$/, '.$&.uchroot-host');
    renameSync(early, late);
    const look = ['--untrusted', 'auto', late, 'sh', '-c', 'echo $0'];
    refused(late, launch(...look));
    t.equal(uchrootJail(['update', late]).status, 0);
    refused(late, launch(...look));
    writeFileSync(record(late), '', { mode: 0o666 });
    chmodSync(record(late), 0o666);
    refused(late, launch(...look));
    t.match(uchrootJail(['build', late, '--from-host']), {
      status: 1,
      stderr: /no record of this jail\nhint: remove it/,
    });
    rmSync(record(late));
    t.equal(uchrootJail(['build', late, '--from-host']).status, 0);
    t.match(launch(...look), { stdout: 'sh\n' });
    t.equal(uchrootJail(['remove', late]).status, 0);
    t.notOk(existsSync(record(late)));
    t.equal(uchrootJail(['build', early, 'sh']).status, 0);
    t.notOk(existsSync(record(early)), 'another jail in its place');
    writeFileSync(record(late), '');
    t.equal(uchrootJail(['clone', early, late]).status, 0);
    t.notOk(existsSync(record(late)), 'a clone of a jail with files in its place');
  },
);

t.test('an ordinary user has one of his own', { skip }, async (t) => {
  const home = `${place}/home`;
  mkdirSync(home);
  start(['chown', String(uid), home]);
  const jails = publicCommand('uchroot-jail');
  const built = start([...ordinary, ...jails, 'build', `${home}/jail`, '--from-host']);
  t.equal(built.status, 0, built.stderr);
  const words = [...own, `${home}/jail`, 'python3', '-c', 'print(6 * 7)'];
  t.match(start([...ordinary, ...publicCommand(), ...words]), { status: 0, stdout: '42\n' });
});
