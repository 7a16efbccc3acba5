import t from 'tap';

import { LaunchError } from '../../../lib/errors.ts';
import { buildPlan } from '../../support/plan.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { compiledHelp, compiledPlan } from '../../../lib/launch/compile/compiled-text.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { planAsJson, planAsText, stepsAsText, type Printed } from '../../../lib/launch/tell/plan-output.ts';
import { threatAnswers, threatsAsText, type ThreatFacts } from '../../../lib/launch/tell/threats.ts';
import { native } from '../../../lib/native.ts';
import { sam } from '../../support/launch/view.ts';

type Shown = Printed & { readonly steps: readonly Step[] };

function launchOf(argument: Buffer, account = sam, keys: Partial<LaunchRequest> = {}): Shown {
  const request = normalize({ user: 'sam', jail: '/srv/jail', rlimits: { as: Infinity }, ...keys });
  const stages = buildPlan({
    request,
    account,
    program: Buffer.from('/bin/prog'),
    argv: [Buffer.from('prog'), argument],
    env: [],
    keptFds: [],
    parentPid: 1,
    architecture: 'x64',
  });
  return { request, account, stages, steps: stages.flat() };
}

const launch = launchOf(Buffer.from('-l'));

t.test(
  'the text has five lines, then the threats; the steps are a line for who and where, and a line a step in its order',
  async (t) => {
    const [head, ...lines] = stepsAsText(launch).trimEnd().split('\n');
    t.equal(lines.length, launch.steps.length);
    t.equal(
      planAsText(launch).split('\n').slice(5).join('\n'),
      threatsAsText({ ...launch, landlockAbi: native.landlockAbi() }),
    );
    t.equal(head, 'uid 1001 (sam), gid 1001, groups 29,1001, jail /srv/jail');
    t.same(
      lines.map((line) => line.trim().split(/\s+/).slice(0, 2)),
      launch.steps.map((step, index) => [`${index + 1}`, step.op]),
    );
    const columns = [
      "  1  join_session_keyring                                       a new session keyring: none of the caller's keys",
      ' 43  execve                 /bin/prog                           the program',
    ];
    t.same([lines[0], lines.at(-1)], columns);
  },
);

t.test('the five lines say what the options give, and each subject is in one of two lines', async (t) => {
  const view = [
    { bind: '/srv/data', to: '/data', readOnly: true },
    { tmpfs: '/tmp' },
    { writable: '/var' },
    { proc: '/proc' },
  ];
  const own = { isolate: true, readOnly: true, view, caps: ['net_bind_service'], connectTo: ['a.test:1'] };
  const [who, where, shut = '', open = '', fails] = planAsText(launchOf(Buffer.from(''), sam, own)).split(
    '\n',
  );
  t.equal(who, 'who:    sam: uid 1001, gid 1001, groups 29,1001; capabilities net_bind_service');
  t.equal(
    where,
    'where:  /bin/prog in /srv/jail, working directory /; the jail is read-only; mounts /data (/srv/data of the host, read-only), /tmp (empty, in memory), /var (writable), /proc',
  );
  t.match(
    open,
    /^open: {3}\/srv\/data of the host \(to read\), calls to a\.test:1, files that a helper passes in, .*bugs of the kernel$/,
  );
  t.match(shut, /^shut: {3}.*processes of the host, .*the network of the host/);
  t.equal(fails, 'fails:  nothing');
  const said = [shut, open].flatMap((line) => line.slice(8).split(', '));
  const subjects = threatAnswers({ ...launch }).map(({ subject }) => subject);
  t.same(new Set(said), new Set(['/srv/data of the host (to read)', 'calls to a.test:1', ...subjects]));
  const half = { isolate: true, connectTo: ['host-loopback:80'], allow: ['unshare'] };
  const halfShut = planAsText(launchOf(Buffer.from(''), sam, half));
  t.match(halfShut, /^shut: .* the network of the host but for what is open,/m);
  t.match(halfShut, /^open: {3}system calls unshare, calls to host-loopback:80, .*, unusual system calls,/m);
  const profiled = { ...launch, request: { ...launch.request, seccomp: { file: '/p', isLog: false } } };
  const unusual = (facts: ThreatFacts) =>
    threatAnswers(facts).find(({ subject }) => subject === 'unusual system calls')?.stopped;
  t.ok(unusual(profiled));
  t.notOk(unusual({ ...profiled, allowsNamespaces: true }), 'a profile that refuses nothing');
  const problem = new LaunchError('execve: no', { step: 'execve', code: 'ENOENT' });
  t.match(planAsText(launch, { problem }), '\nfails:  execve; the reason follows\n');
});

t.test('an account without name or groups is shown as that', async (t) => {
  const nobody = { ...sam, name: undefined, groups: [] };
  t.match(stepsAsText(launchOf(Buffer.from(''), nobody)), /^uid 1001, gid 1001, groups none, jail/);
});

t.test('the JSON has account, jail and every step with its fields', async (t) => {
  const shown = JSON.parse(planAsJson(launch, undefined)) as {
    readonly account: unknown;
    readonly jail: string;
    readonly steps: readonly Readonly<Record<string, unknown>>[];
    readonly threats: unknown;
    readonly problem?: unknown;
  };
  t.match(shown.account, { uid: 1001, gid: 1001, groups: [29, 1001], name: 'sam' });
  t.equal(shown.jail, '/srv/jail');
  t.notOk('problem' in shown);
  t.same(shown.threats, threatAnswers({ ...launch, landlockAbi: native.landlockAbi() }));
  t.same(
    shown.steps.map(({ op, place }) => [place, op]),
    launch.steps.map((step, index) => [index + 1, step.op]),
  );
  t.match(shown.steps.at(-1), { call: 'execve', program: '/bin/prog', argv: ['prog', '-l'] });
  t.match(
    shown.steps.find(({ resource }) => resource === 'as'),
    { limit: { soft: 'unlimited', hard: 'unlimited' } },
  );
});

t.test('bytes that are no UTF-8 are escaped in JSON', async (t) => {
  const shown = JSON.parse(planAsJson(launchOf(Buffer.from([0x61, 0xff])), undefined)) as {
    readonly steps: readonly { readonly argv?: readonly string[] }[];
  };
  t.same(shown.steps.at(-1)?.argv, ['prog', String.raw`a\xff`]);
});

t.test('what would fail is part of the JSON', async (t) => {
  const problem = new LaunchError('execve: /bin/prog: no', { step: 'execve', code: 'ENOENT', hint: 'do' });
  t.match(JSON.parse(planAsJson(launch, problem)), {
    problem: { step: 'execve', code: 'ENOENT', message: 'execve: /bin/prog: no', hint: 'do' },
  });
});

t.test('of several stages the border is shown, and each step has the number of its stage', async (t) => {
  const isolated = launchOf(Buffer.from('-l'), sam, { isolate: true });
  const [first = [], second = []] = isolated.stages;
  const lines = stepsAsText(isolated).split('\n');
  t.match(lines[first.length + 1], /^ {5}fork: this process waits/);
  t.match(lines[first.length + 2], new RegExp(`^ *${first.length + 1}  `));
  const { steps } = JSON.parse(planAsJson(isolated, undefined)) as { steps: { stage?: number }[] };
  t.same(
    steps.map(({ stage }) => stage),
    [...first.map(() => 1), ...second.map(() => 2)],
  );
  const bare = JSON.parse(planAsJson(launch, undefined)) as { steps: { stage?: number }[] };
  t.ok(bare.steps.every((step) => !('stage' in step)));
});

t.test('the plan of a compiled launcher shows what else it has recorded', async (t) => {
  const directory = { name: Buffer.from('jail'), shown: '/srv/jail', mode: 0o40755, uid: 0, gid: 5 };
  const jail = { components: [directory], identity: { inode: 7n, birthTimeNs: 0n, device: 1n } };
  const environment = {
    beginnings: [Buffer.from('TERM='), Buffer.from('LC_')],
    keepsOthers: false,
    entries: [Buffer.from('USER=sam')],
    fallbacks: [Buffer.from('LANG=C')],
    directories: [],
    jail: Buffer.from('/srv/jail'),
  };
  const shown = (anyInode: boolean, keys: Partial<LaunchRequest>, rules = environment) => {
    const compiled = launchOf(Buffer.from('-l'), sam, keys);
    const text = compiledPlan(compiled, jail, rules, anyInode);
    t.ok(text.endsWith(threatsAsText(compiled)));
    return text
      .slice(0, -threatsAsText(compiled).length)
      .split('\n')
      .slice(compiled.steps.length + 1);
  };
  t.same(shown(false, {}), [
    '  jail         /srv/jail must be a directory with inode 7, owner 0:5, mode 0755; the directories above must have the same owners and writers as now',
    '  argv         prog -l',
    '  environment  USER=sam',
    '               LANG=C, unless the caller has one',
    "               the caller's TERM, LC_*",
    '',
  ]);
  const [any, , , , others, file] = shown(
    true,
    { insecurePath: true, pidFile: '/run/x' },
    { ...environment, keepsOthers: true },
  );
  t.equal(
    any,
    '  jail         /srv/jail must be a directory with owner 0:5, and no more writers than mode 0755 allows',
  );
  t.equal(others, "               the caller's but TERM, LC_*");
  t.equal(file, '  pid file     /run/x');
});

t.test('the help of a compiled launcher says what it starts, where, and as whom', async (t) => {
  t.match(
    compiledHelp(launch),
    /^Starts \/bin\/prog in the jail \/srv\/jail as uid 1001, in place of itself\. It must be run by root\.$/m,
  );
});

t.test('the plan ends with what --insecure-path gives away', async (t) => {
  const given = [{ message: 'bind: /etc decides who logs in' }];
  t.match(
    planAsText(launch, { given }),
    /\nby --insecure-path it gives .*:\n {2}bind: \/etc decides who logs in\n$/,
  );
  t.match(JSON.parse(planAsJson(launch, undefined, given)), {
    givesAway: ['bind: /etc decides who logs in'],
  });
  t.notMatch(planAsText(launch), 'insecure-path');
});
