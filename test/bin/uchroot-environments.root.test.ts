// Which levels work in which containers and on which hosts: each cell of the table of doc/rootless.md.
import { readFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { profileFiles, podmanFile } from '../support/launch/seccomp/profiles.ts';
import {
  dockerCapabilities,
  filterOf,
  podmanCapabilities,
  refusing,
  runContainer,
  type Container,
  type EngineProfile,
} from '../support/container.ts';
import { command, makeJail, packageDirectory, start, uchroot } from '../support/launch.ts';
import { ordinary } from '../support/ordinary.ts';
import { unlessRoot, unlessThere } from '../support/root.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

const skip = unlessRoot('gcc', 'crun', 'setpriv', 'strace', 'unshare') || unlessThere(podmanFile);
const test = (name: string, body: (t: Test) => Promise<void>): void => void t.test(name, { skip }, body);
const jail = makeJail();
const uid = 61_419;
const user = ordinary(uid);
const ENOSYS = 38;

const read = (file: string): EngineProfile => JSON.parse(readFileSync(file, 'utf8')) as EngineProfile;

// What podman allows to everybody, and docker to those with CAP_SYS_ADMIN.
const forAdmin =
  'clone clone3 fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree setns syslog umount umount2 unshare'.split(
    ' ',
  );

// And docker to nobody, or to other capabilities.
const podmanOnly = new Set([
  ...forAdmin,
  ...'get_mempolicy keyctl mbind pidfd_getfd pivot_root reboot set_mempolicy signal'.split(' '),
]);

// Docker's profile may not be part of this repository. It differs from podman's in these rules, and a run with SECCOMP_PROFILES takes
// docker's own.
function dockerProfile(): EngineProfile {
  const own = profileFiles.find((file) => file.includes('docker'));
  if (own !== undefined) return read(own);
  const rules: EngineProfile['syscalls'][number][] = [];
  for (const rule of read(podmanFile).syscalls) {
    if (rule.action !== 'SCMP_ACT_ALLOW') continue;
    const isForAll = rule.includes?.caps === undefined;
    const names = isForAll ? rule.names.filter((name) => !podmanOnly.has(name)) : rule.names;
    if (names.length > 0) rules.push({ ...rule, names });
  }
  const plain = [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }];
  const admin = { caps: ['CAP_SYS_ADMIN'] };
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    syscalls: [
      ...rules,
      { names: forAdmin, action: 'SCMP_ACT_ALLOW', includes: admin },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: admin, args: plain },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', excludes: admin, errnoRet: ENOSYS },
    ],
  };
}

// Calls that Linux has had since 5.12: an older kernel answers ENOSYS (syscalls(2), and arch/x86/entry/syscalls/syscall_64.tbl).
const since512 = (
  'mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease ' +
  'futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount ' +
  'listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat ' +
  'open_tree_attr'
).split(' ');

type Where = (words: readonly string[]) => ReturnType<typeof start>;

const inside =
  (container: Container): Where =>
  (words) =>
    runContainer(jail, container, words);
const engine = (own: Partial<Container>, profile: EngineProfile, capabilities: readonly string[]): Where =>
  inside({
    uid: 0,
    capabilities,
    noNewPrivileges: false,
    isMasked: true,
    filter: filterOf(profile, capabilities),
    ...own,
  });
const unconfined = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] };
const old: Container = {
  uid: 0,
  capabilities: [...dockerCapabilities, 'sys_admin', 'net_admin'],
  noNewPrivileges: false,
  isMasked: false,
  filter: refusing(ENOSYS, since512),
};
const admin = [...dockerCapabilities, 'sys_admin', 'net_admin'];
const without = (set: string): Where => {
  const [ahead, end] = [user.inNamespace(set, []), user.command.length];
  return (words) => start([...ahead.slice(0, ahead.length - end), ...words]);
};

// The columns of the table, and who starts uchroot there.
const environments: Readonly<Record<string, () => Where>> = {
  'a host, root': () => (words) => start(words),
  'a host, user': () => (words) => start([...user.by, ...words]),
  'docker, root': () => engine({}, dockerProfile(), dockerCapabilities),
  'docker, user': () => engine({ uid }, dockerProfile(), dockerCapabilities),
  'docker `--cap-add SYS_ADMIN --cap-add NET_ADMIN`, root': () => engine({}, dockerProfile(), admin),
  'the same with `--security-opt seccomp=unconfined`, root': () =>
    engine({ filter: unconfined }, dockerProfile(), admin),
  'podman, root': () => engine({}, read(podmanFile), podmanCapabilities),
  'podman, user': () => engine({ uid }, read(podmanFile), podmanCapabilities),
  'Kubernetes, restricted': () => engine({ uid, noNewPrivileges: true }, dockerProfile(), []),
  'no user namespaces, user': () => without('echo 0 > /proc/sys/user/max_user_namespaces'),
  'Linux 5.11, root': () => inside(old),
  'Linux 5.11, user': () => inside({ ...old, uid, capabilities: [] }),
};

const rungs = ['bare', '`--landlock`', '`--rootless`', '`--isolate`'];

// In one shell, as a container takes longer to start than a launch.
const script = (place: string): readonly string[] => {
  const who = place.endsWith('root') ? 0 : uid;
  // a container has the package's directory from the host, and nothing else of it
  const own = /^(a host|no user namespaces), user$/.test(place) ? user.command : command;
  const program = [jail, '/probe', 'exit', '7'];
  const run = (options: readonly string[], name: string): string =>
    `${[...own, ...options, name, ...program].join(' ')} 2>&1; echo "status $?"`;
  const nobody = '65534:65534';
  return [
    'sh',
    '-c',
    [
      run([], nobody),
      run(['--landlock'], nobody),
      run(['--rootless'], String(who)),
      run(['--isolate'], nobody),
      `${own.join(' ')} --doctor --format json`,
    ].join('\n'),
  ];
};

interface Doctor {
  readonly best?: string;
  readonly levels: readonly {
    readonly name: string;
    readonly works: boolean;
    readonly lack?: { readonly remedy?: string };
  }[];
}

const page = readFileSync(`${packageDirectory}/doc/rootless.md`, 'utf8');
const tableRows = new Map(
  [...page.matchAll(/^\| (.+?) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \|$/gm)].map(
    ([, where = '', ...cells]) => [where, cells],
  ),
);

// What a user reads: one line that says what failed, and one with the remedy.
function refusal(t: Test, status: number, told: string): void {
  t.ok(status === 125 || status === 3, told);
  t.match(told, /^uchroot(?::| must be run as root\.) [^\n]+\nhint: [^\n]+\n$/);
}

test('the table of doc/rootless.md has each place that is tried', async (t) => {
  t.same([...tableRows.keys()], Object.keys(environments));
});

for (const [place, make] of Object.entries(environments))
  test(`${place}: the levels work that doc/rootless.md says, and the others are refused with the remedy`, async (t) => {
    const cells = tableRows.get(place) ?? [];
    const ended = make()(script(place));
    const parts = ended.stdout.split(/^status (\d+)\n/m);
    for (const [i, rung] of rungs.entries()) {
      const [told = '', status] = [parts[2 * i], Number(parts[2 * i + 1])];
      t.equal(status === 7 ? 'yes' : 'no', cells[i], `${rung}: ${told}${ended.stderr}`);
      if (status !== 7) refusal(t, status, told);
    }
    const { best, levels } = JSON.parse(parts.at(-1) ?? '') as Doctor;
    const highest = rungs.findLastIndex((_, i) => cells[i] === 'yes');
    t.equal(best, rungs[highest]?.replaceAll(/[`-]/g, ''), 'the doctor names the highest');
    for (const { name, works, lack } of levels.slice(0, rungs.length)) {
      t.equal(works ? 'yes' : 'no', cells[rungs.findIndex((rung) => rung.includes(name))], name);
      if (!works) t.ok(lack?.remedy, name);
    }
  });

test('the calls that the doctor names are enough for an ordinary user in docker', async (t) => {
  const profile = dockerProfile();
  const doctor = engine({ uid }, profile, dockerCapabilities)([...command, '--doctor']);
  const [, list = ''] = /a profile that allows ([^;\n]+);/.exec(doctor.stdout) ?? [];
  const names = list.split(/, | and /);
  t.ok(names.includes('clone'), doctor.stdout);
  const allowing = {
    ...profile,
    syscalls: [...profile.syscalls, { names, action: 'SCMP_ACT_ALLOW' }],
  };
  const ended = engine(
    { uid },
    allowing,
    dockerCapabilities,
  )([...command, '--rootless', String(uid), jail, '/probe', 'exit', '7']);
  t.equal(ended.status, 7, ended.stderr);
});

test('without overlayfs --ephemeral is refused with the remedy', async (t) => {
  const by = ['strace', '-qqq', '-f', '-o', '/dev/null', '-e', 'inject=fsopen:error=ENODEV', '--'];
  const ended = uchroot(['--isolate', '--ephemeral', '65534:65534', jail, '/probe', 'exit', '7'], { by });
  t.equal(ended.status, 125);
  t.equal(
    ended.stderr,
    'uchroot: pivot_root: an overlay on the jail: the kernel has no overlayfs\nhint: modprobe overlay, or leave out --ephemeral\n',
  );
});

test('a launch in a launch: each level is nested, or refused with the remedy', async (t) => {
  const program = [jail, '/probe', 'exit', '7'];
  const outer = ['--insecure-path', '--allow-root', 'root', '/'];
  const runtime = Object.entries(sanitizerEnv).flatMap(([name, value]) => ['--setenv', `${name}=${value}`]);
  const caps = ['sys_admin', 'net_admin', 'sys_chroot', 'setuid', 'setgid', 'setpcap', 'kill'];
  const nested = (options: readonly string[], inner: readonly string[]): ReturnType<typeof start> =>
    uchroot([...options, ...runtime, ...outer, ...command, ...inner, '65534:65534', ...program]);
  for (const inner of [[], ['--landlock'], ['--isolate']]) {
    const refused = nested(['--isolate', '--proc', '/proc'], inner);
    // The first two lines warn that / of the host is the outer jail.
    refusal(t, refused.status ?? 0, refused.stderr.replace(/^uchroot: warning: .*\nhint: .*\n/, ''));
  }
  const given = ['--isolate', '--proc', '/proc', '--cap', caps.join(',')];
  const allow = ['--allow', 'mount,namespaces,chroot,keyring,host'];
  for (const inner of [[], ['--landlock'], ['--isolate']]) {
    const ended = nested([...given, ...allow], inner);
    t.equal(ended.status, 7, `${inner.join(' ')}: ${ended.stderr}`);
  }
});
