// Runs the rows against tools: a machine for each launch (machine.mjs). Prints a table, and writes the verdicts as JSON, or doc/escapes.md.
//   node main.mjs PROGRAMS [--long] [--row NAME]... [--json FILE] [--page FILE] [TOOL[:LEVEL[:user|root]]...]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { toPage, toTable } from './page.mjs';
import { traps } from './traps.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const packageDirectory = fileURLToPath(new URL('../../', import.meta.url)).slice(0, -1);

/** The rows in their order: { subject, name, what, source }. */
function readRows(programs) {
  const { stdout } = spawnSync(`${programs}/jailed`, ['list'], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([subject, name, what, source]) => ({ subject, name, what, source }))
    .concat(traps.map(({ name, what, source }) => ({ subject: 'traps', name, what, source })));
}

/** A template: its head has lines `# KEY: VALUE` for tool, levels, as and version. */
function readTool(name) {
  const text = readFileSync(`${here}/tools/${name}`, 'utf8');
  const head = Object.fromEntries(
    [...text.matchAll(/^# (\w+): (.*)$/gm)].map(([, key, value]) => [key, value]),
  );
  const version = spawnSync('/bin/sh', ['-c', `cd ${packageDirectory} && ${head.version}`], {
    encoding: 'utf8',
  });
  return {
    name,
    title: head.title ?? name,
    levels: head.levels?.split(' ') ?? ['default'],
    as: head.as?.split(' ') ?? ['user', 'root'],
    traps: head.traps?.split(' ') ?? ['default:user'],
    isThere: version.status === 0,
    version: version.stdout.trim().split('\n')[0],
  };
}

/** The machine has its cgroups on this host: a runtime that ends with it leaves them behind. */
async function removeCgroups(name) {
  const hierarchies = [
    '/sys/fs/cgroup',
    ...readdirSync('/sys/fs/cgroup').map((each) => `/sys/fs/cgroup/${each}`),
  ];
  const left = () => hierarchies.map((each) => `${each}/${name}`).filter((path) => existsSync(path));
  // its last process ends a moment after the first
  for (let pause = 0; pause < 40 && left().length > 0; pause++) {
    spawnSync('find', [...left(), '-depth', '-type', 'd', '-delete']);
    if (left().length > 0) await setTimeout(50);
  }
}

async function runMachine(programs, { tool, level, as }, rows) {
  const directory = mkdtempSync(`${tmpdir()}/uchroot-escape-`);
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--net', '--uts', '--ipc'];
  const machine = [`${here}/machine.sh`, directory, packageDirectory];
  const first = [process.execPath, '/opt/uchroot/scripts/escape.d/machine.mjs'];
  const words = [
    ...namespaces,
    '--fork',
    '--kill-child',
    ...machine,
    ...first,
    programs.replace(packageDirectory, '/opt/uchroot'),
    basename(directory),
    tool,
    level,
    as,
    ...rows.map(({ name }) => name),
  ];
  const child = spawn('unshare', words, {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (complaint += chunk));
  await once(child, 'close');
  rmdirSync(directory);
  await removeCgroups(basename(directory));
  const lines = output
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const failure = lines.find(({ failed }) => failed !== undefined)?.failed;
  if (failure !== undefined || lines.length === 0)
    return { tool, level, as, failed: failure ?? (complaint.trim() || 'the machine ended'), verdicts: {} };
  if (complaint !== '') process.stderr.write(complaint);
  return {
    tool,
    level,
    as,
    verdicts: Object.fromEntries(lines.map(({ row, ...verdict }) => [row, verdict])),
  };
}

/** The rows of the program in one launch, and each trap in its own. */
async function runLaunch(programs, launch, rows) {
  const result = await runMachine(
    programs,
    launch,
    rows.filter(({ subject }) => subject !== 'traps'),
  );
  if (result.failed !== undefined) return result;
  for (const row of rows.filter(({ subject }) => subject === 'traps')) {
    const { isForUser = false } = traps.find(({ name }) => name === row.name);
    const isMeant =
      launch.traps.includes(`${launch.level}:${launch.as}`) && (launch.as === 'user' || !isForUser);
    const one = isMeant ? await runMachine(programs, launch, [row]) : undefined;
    const none = { verdict: 'lacks', reason: 'another launch of this launcher prepares the same' };
    result.verdicts[row.name] =
      one?.verdicts[row.name] ?? (isMeant ? { verdict: 'error', reason: one.failed } : none);
  }
  return result;
}

// `none` is first, then ours.
const rank = (name) => ['none', 'uchroot'].indexOf(name.split('-', 1)[0]) >>> 0;

/** What breaks nowhere, not even without a jail, says nothing about a tool. */
function withoutImpossible(launches, rows) {
  const planted = launches.filter(({ tool }) => tool === 'none');
  for (const { name } of rows) {
    if (launches.some(({ verdicts }) => verdicts[name]?.verdict === 'broke')) continue;
    const why = planted.map(({ verdicts }) => verdicts[name]?.reason).at(-1);
    for (const { verdicts } of launches)
      if (verdicts[name]?.verdict === 'held')
        verdicts[name] = { verdict: 'lacks', reason: `without a jail: ${why}` };
  }
}

async function main([programs, ...words]) {
  const files = new Map();
  const wanted = [];
  const only = [];
  let isLong = false;
  while (words.length > 0) {
    const next = words.shift();
    if (next === '--json' || next === '--page') files.set(next, words.shift());
    else if (next === '--long') isLong = true;
    else if (next === '--row') only.push(words.shift());
    else wanted.push(next);
  }
  const rows = readRows(programs).filter(({ name }) => only.length === 0 || only.includes(name));
  const all = readdirSync(`${here}/tools`).toSorted((a, b) => rank(a) - rank(b));
  // `none` says which rows can break at all on this kernel
  const asked = new Set(wanted.map((each) => each.split(':')[0]));
  const names = all.filter((name) => name === 'none' || asked.size === 0 || asked.has(name));
  for (const name of asked)
    if (!all.includes(name)) throw new Error(`${name} is not a tool: there are ${all.join(', ')}`);
  const tools = names.map(readTool);
  for (const { name } of tools.filter(({ isThere }) => !isThere))
    console.error(`escape: ${name} is not installed`);
  const isWanted = (launch) =>
    wanted.length === 0 ||
    launch.tool === 'none' ||
    wanted.some((each) => {
      const [tool, level, as] = each.split(':');
      return (
        launch.tool === tool &&
        (level === undefined || launch.level === level) &&
        (as === undefined || launch.as === as)
      );
    });
  const wantedLaunches = tools
    .filter(({ isThere }) => isThere)
    .flatMap(({ name, levels, as: identities, traps: meant }) =>
      levels.flatMap((level) => identities.map((as) => ({ tool: name, level, as, traps: meant }))),
    )
    .filter(isWanted);
  const launches = [];
  const next = wantedLaunches.entries();
  const work = async () => {
    for (const [index, launch] of next) launches[index] = await runLaunch(programs, launch, rows);
  };
  // most of the time a row waits
  await Promise.all([work(), work(), work()]);
  withoutImpossible(launches, rows);
  const result = { date: new Date().toISOString().slice(0, 10), kernel: release(), tools, rows, launches };
  console.log(toTable(result, isLong));
  if (files.has('--json')) writeFileSync(files.get('--json'), `${JSON.stringify(result, undefined, 1)}\n`);
  if (files.has('--page')) writeFileSync(files.get('--page'), toPage(result));
  if (
    launches.some(
      ({ failed, verdicts }) =>
        failed !== undefined || Object.values(verdicts).some(({ verdict }) => verdict === 'error'),
    )
  )
    process.exitCode = 1;
}

await main(process.argv.slice(2));
