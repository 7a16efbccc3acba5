import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import type { FileRoot } from '../../lib/tree/root.ts';
import { encodePlan } from '../../lib/launch/plan/encode.ts';
import { environmentRules } from '../../lib/launch/host/environment.ts';
import { encodePayload } from '../../lib/launch/compile/payload.ts';
import { buildPlan } from '../support/plan.ts';
import { stepWords } from '../../lib/launch/compile/messages.ts';
import { isolatedInputs, planInputs } from '../support/launch/arbitrary.ts';
import '../support/plain-spawn.ts';

const root = `${import.meta.dirname}/../../..`;
const directory = t.testdir();
const closedRoot: FileRoot = { lstat: () => undefined, open: () => undefined, list: () => undefined };
const checkPlan = `${directory}/check-plan`;

function compile(...args: readonly string[]): void {
  const common = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Werror'];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  // Without the sanitizers, if this process has them.
  execFileSync('g++', [...common, ...sanitizers, ...args], { env: { PATH: process.env.PATH } });
}

const sources = [
  ...readdirSync(`${root}/native/plan`)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `plan/${name}`),
  'compiled/payload.cc',
];
const objects = sources.map((source) => {
  const object = `${directory}/${source.replace('/', '-')}.o`;
  compile('-ffreestanding', '-c', `${root}/native/${source}`, '-o', object);
  return object;
});
compile(`${root}/test/native/check-plan.cc`, ...objects, '-o', checkPlan);

// If a sanitizer finds an error, the status is not 0.
function check(args: readonly string[]): readonly string[] {
  const run = spawnSync(checkPlan, args, { encoding: 'utf8', env: { ASAN_OPTIONS: 'detect_leaks=0' } });
  if (run.status !== 0) throw new Error(`check-plan: ${run.status} ${run.signal}\n${run.stderr}`);
  return run.stdout.trimEnd().split('\n');
}

function writePlans(name: string, count: number): readonly string[] {
  mkdirSync(`${directory}/${name}`);
  return fc.sample(fc.oneof(planInputs, isolatedInputs), count).map((input, index) => {
    const file = `${directory}/${name}/${index}`;
    const stages = buildPlan(input);
    writeFileSync(file, encodePlan(stages));
    return file;
  });
}

t.test('every plan that is encoded is accepted', async (t) => {
  const files = writePlans('valid', 200);
  t.same(
    check(files),
    files.map(() => 'accepted'),
  );
});

t.test('no truncation of a plan is accepted, whatever size its header tells', async (t) => {
  const files = writePlans('truncated', 4);
  t.same(
    check(['--mutate', '0', ...files]),
    files.map(() => '0 truncations accepted'),
  );
});

t.test('a plan with any byte changed is refused or can be read within its bounds', async (t) => {
  t.doesNotThrow(() => check(['--mutate', '20000', ...writePlans('mutated', 4)]));
});

function writePayloads(name: string, count: number): readonly string[] {
  mkdirSync(`${directory}/${name}`);
  return fc.sample(fc.oneof(planInputs, isolatedInputs), count).map((input, index) => {
    const stages = buildPlan(input);
    const { request, account } = input;
    const view = {
      root: closedRoot,
      account,
      jail: '/srv/jail',
      cwd: request.cwd,
      binds: [],
      architecture: 'x64',
    };
    const entry = { shown: '/srv', mode: 0o40755, uid: 0, gid: 0 };
    const file = `${directory}/${name}/${index}`;
    const payload = encodePayload({
      architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
      anyInode: index % 2 === 0,
      anyPath: false,
      identity: { inode: 2n ** 63n, birthTimeNs: 17n, device: 0x8fffff00n },
      components: [
        { ...entry, name: Buffer.from('/') },
        { ...entry, name: Buffer.from('srv') },
      ],
      environment: environmentRules({
        request: { ...request, env: [], keepEnv: index % 2 === 1, passEnv: [] },
        account,
      }),
      plan: encodePlan(stages),
      words: stepWords(stages.flat(), view),
      statusFd: undefined,
      service: index % 2 === 0 ? { final: 250, passing: 251, passingErrnos: [11, 12] } : undefined,
      pidFile:
        index % 3 === 0
          ? {
              way: [{ ...entry, name: Buffer.from('/'), acl: Buffer.from('list') }],
              name: Buffer.from('x'),
              shown: '/x',
            }
          : undefined,
      planText: 'plan\n',
      helpText: 'help\n',
      versionText: 'version\n',
    });
    writeFileSync(file, payload);
    return file;
  });
}

t.test('every payload of a compiled launcher that is encoded is accepted', async (t) => {
  const files = writePayloads('payloads', 50);
  t.same(
    check(['--payload', ...files]),
    files.map(() => 'accepted'),
  );
});

t.test(
  'a payload that was cut or has any byte changed is refused or can be read within its bounds',
  async (t) => {
    t.doesNotThrow(() => check(['--payload', '--mutate', '20000', ...writePayloads('mutated-payloads', 3)]));
  },
);

t.test('the seeds of the fuzzer are judged as their names say', async (t) => {
  // A payload is for one machine.
  const corpora = process.arch === 'x64' ? { plan: [], payload: ['--payload'] } : { plan: [] };
  for (const [corpus, options] of Object.entries(corpora)) {
    const names = readdirSync(`${root}/test/fuzz/seeds/${corpus}`);
    const verdicts = check([...options, ...names.map((name) => `${root}/test/fuzz/seeds/${corpus}/${name}`)]);
    for (const [index, name] of names.entries()) t.ok(name.startsWith(`${verdicts[index]}-`), name);
  }
});
