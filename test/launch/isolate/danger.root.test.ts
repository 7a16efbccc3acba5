// Binds of what leads out of a jail.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { openJail, planLaunch, runInJail } from '../../../lib/index.ts';
import { uchrootJail } from '../../support/builder.ts';
import { makeJail, rootTest, temporaryDirectory, uchroot } from '../../support/launch.ts';

const test = rootTest('unshare', 'mount');
const jail = makeJail();
const user = 'nobody';
const plain = ['--isolate', user, jail, '/probe', 'exit', '0'];

// The words before a launch on a host with this in /run. The real one is not touched.
const withRun = (make: string): readonly string[] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  `mount -t tmpfs none /run && ${make} && exec "$@"`,
  'sh',
];
const engine = withRun('mkdir -p /run/dbus /run/web && touch /run/docker.sock && ln -s web /run/podman');
const bind = (...options: readonly string[]) => uchroot([...options, ...plain], { by: engine });

test('a bind of what leads out of the jail is refused with the reason, and accepted by --insecure-path', async (t) => {
  const host = temporaryDirectory();
  symlinkSync('/run', `${host}/link`);
  symlinkSync('/var/run/docker.sock', `${host}/sock`);
  const cases: readonly (readonly [option: string, source: string, says: RegExp])[] = [
    ['--ro-bind', '/', /bind: \/ is the whole host/],
    ['--ro-bind', '/run', /bind: \/run has \/run\/dbus in it: that leads to the bus of the system/],
    ['--ro-bind', `${host}/link`, /link \(\/run\) has \/run\/dbus in it/],
    ['--ro-bind', '/run/docker.sock', /\/run\/docker.sock leads to a container engine/],
    ['--ro-bind', `${host}/sock`, /sock \(\/run\/docker.sock\) leads to a container engine/],
    ['--ro-bind', '/run/podman', /\/run\/podman \(\/run\/web\) leads to a container engine/],
    ['--ro-bind', '/proc', /\/proc shows every process/],
    ['--ro-bind', '/proc/self/root', /bind: \/proc\/self\/root \(\/\) is the whole host/],
    ['--bind', '/dev', /\/dev has every disk/],
    ['--bind', '/sys', /\/sys sets the kernel of the host, and the program could write there/],
    ['--bind', '/etc/ssl', /\/etc\/ssl lies in \/etc: that decides who logs in/],
  ];
  for (const [option, source, says] of cases) {
    const target = /docker|sock/.test(source) ? '/probe-file' : '/dir';
    writeFileSync(`${jail}/probe-file`, '');
    const words = [option, `${source}:${target}`];
    const { status, stderr } = bind(...words);
    t.equal(status, 125, source);
    t.match(stderr, says);
    t.match(stderr, /\nhint: .* {3}# or accept the risk with --insecure-path\n$/);
    if (source === '/' || source.startsWith('/proc')) continue; // what is mounted on the host may refuse
    const accepted = bind('--insecure-path', ...words);
    t.equal(accepted.status, 0, accepted.stderr);
    t.match(accepted.stderr, /^uchroot: warning: bind: /);
  }
});

test('what leads out is refused where the host has mounted it a second time, and in a directory above that', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/tree/inner`, { recursive: true });
  writeFileSync(`${host}/file`, '');
  writeFileSync(`${jail}/probe-file`, '');
  const refused = (mount: string, words: readonly string[], says: RegExp): void => {
    const by = withRun(`mkdir -p /run/dbus /run/web && touch /run/docker.sock && ${mount}`);
    const { status, stderr } = uchroot([...words, ...plain], { by });
    t.equal(status, 125, mount);
    t.match(stderr, says);
  };
  const inner = `${host}/tree/inner`;
  const tree = ['--ro-bind', `${host}/tree:/dir`];
  refused(
    `mount --bind /run ${inner}`,
    ['--ro-bind', `${inner}:/dir`],
    /inner \(\/run\) has \/run\/dbus in it/,
  );
  refused(
    `mount --bind /run ${inner}`,
    tree,
    /tree has .*inner in it, where \/run is mounted: it has \/run\/dbus/,
  );
  refused(
    `mount --bind /run/docker.sock ${host}/file`,
    ['--bind', `${host}/file:/probe-file`],
    /file \(\/run\/docker.sock\) leads to a container engine/,
  );
  refused(
    `mount -t proc proc ${inner}`,
    tree,
    /inner in it, where \/proc is mounted: it shows every process/,
  );
  refused(
    `mount --bind / ${inner}`,
    ['--bind', `${inner}/etc:/dir`],
    /inner\/etc \(\/etc\) decides who logs in/,
  );
  refused(
    `mkdir /run/data && mount -t tmpfs none /run/data && mkdir /run/data/a && mount --bind /run/data/a /root`,
    ['--bind', '/run/data:/dir'],
    /\/run\/data \(\/root\) has what root's next shell runs/,
  );
  const harmless = withRun(`mkdir /run/web && mount --bind /run/web ${inner}`);
  t.match(uchroot([...tree, ...plain], { by: harmless }), { status: 0, stderr: '' });
});

test('a bind of a single device, of data, and of what is only read, is accepted', async (t) => {
  for (const [option, source] of [
    ['--bind', '/dev/shm'],
    ['--bind', '/run/web'],
    ['--bind', '/srv'],
    ['--ro-bind', '/etc'],
    ['--ro-bind', '/sys'],
    ['--ro-bind', '/usr'],
  ] as const) {
    if (!existsSync(source) && source !== '/run/web') continue;
    const { status, stderr } = bind(option, `${source}:/dir`);
    t.equal(status, 0, stderr);
    t.equal(stderr, '', source);
  }
});

test('--plan refuses the bind, or says what it gives away', async (t) => {
  const words = ['--plan', '--bind', '/etc:/dir'];
  t.match(uchroot([...words, ...plain]), { status: 125, stderr: /bind: \/etc decides who logs in/ });
  const { stdout } = uchroot(['--insecure-path', ...words, ...plain]);
  t.match(
    stdout,
    /\nby --insecure-path it gives the program what .*\n {2}bind: \/etc decides who logs in.*\n$/,
  );
  const json = uchroot(['--insecure-path', '--format', 'json', ...words, ...plain]);
  t.match(JSON.parse(json.stdout), { givesAway: [/^bind: \/etc decides/] });
  t.match(JSON.parse(uchroot(['--plan', '--format', 'json', ...plain]).stdout), { givesAway: [] });
});

test('the library refuses it for each kind of launch, and insecurePath accepts it', async (t) => {
  const request = { user, jail, isolate: true, program: '/probe', args: ['exit', '0'] };
  const view = [{ bind: '/etc', to: '/dir' }];
  const code = { code: 'ERR_INSECURE_PATH', hint: /--ro-bind \(readOnly\)/ };
  await t.rejects(runInJail({ ...request, view }), code);
  await t.rejects(planLaunch({ ...request, view }), code);
  const open = await openJail(jail, { user, isolate: true, view });
  t.teardown(() => open.close());
  await t.rejects(open.run({ program: '/probe', args: ['exit', '0'] }), code);
  const { warnings } = await planLaunch({ ...request, view, insecurePath: true });
  t.match(warnings, [{ message: /bind: \/etc decides who logs in/ }]);
  t.equal((await runInJail({ ...request, view, insecurePath: true })).exitCode, 0);
});

test('a compiled launcher and a unit of such a bind are refused when they are made', async (t) => {
  const file = `${temporaryDirectory()}/launcher`;
  const words = ['--bind', '/etc:/dir', ...plain];
  t.match(uchroot(['--compile', file, ...words]), { status: 125, stderr: /bind: \/etc decides/ });
  t.match(uchroot(['--unit', 'systemd', ...words]), { status: 125, stderr: /bind: \/etc decides/ });
  const own = uchroot(['--unit', 'systemd', '--state', 'systemd', ...plain]);
  t.match(own, {
    status: 1,
    stderr: /--state systemd: \/var\/lib\/systemd has the state of the service manager/,
  });
  const runtime = uchroot(['--unit', 'systemd', '--runtime', 'user/0', ...plain]);
  t.match(runtime, { status: 1, stderr: /--runtime user\/0: \/run\/user\/0 lies in \/run\/user/ });
});

test('the builder says why it copies no socket that leads out', async (t) => {
  const built = `${temporaryDirectory()}/jail`;
  const by = withRun('mkfifo /run/docker.sock');
  const copied = uchrootJail(['build', built, '--copy', '/run/docker.sock'], { by });
  t.match(
    copied.stderr,
    /neither a file nor a directory\nhint: leave it out: it leads to a container engine/,
  );
});
