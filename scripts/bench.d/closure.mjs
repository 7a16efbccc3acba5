// Finds the libraries of programs with the resolver in this process, and with two commands that answer for one file at a
// time: the loader itself, and ldd(1), a shell script around it.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { endianness } from 'node:os';

import { openResolver } from '../../dist/lib/binary/closure.js';
import { readCpu } from '../../dist/lib/binary/machine.js';
import { readElf } from '../../dist/lib/binary/elf.js';
import { hostAbi } from '../../dist/lib/binary/machine.js';
import { bytePath } from '../../dist/lib/tree/path.js';
import { openFileRoot } from '../../dist/lib/tree/root.js';
import { rememberStatus } from '../../dist/lib/tree/remembered-root.js';
import { median, row } from './table.mjs';

const DIRECTORY = '/usr/bin';
const LDD = '/usr/bin/ldd';
const TURN = 24;

/** Path and loader of each dynamic program of the directory, links resolved, each once. */
function programsIn(root, directory) {
  const programs = new Map();
  for (const name of readdirSync(directory)) {
    const file = openIfFile(root, `${directory}/${name}`);
    if (file === undefined) continue;
    const elf = readElf(file.read);
    file.close();
    if (elf.linkage !== 'dynamic') continue;
    const path = realpathSync(`${directory}/${name}`);
    programs.set(path, { path, loader: elf.interpreter });
  }
  return [...programs.values()];
}

function openIfFile(root, path) {
  try {
    return root.open(bytePath(path)); // undefined for a link to nothing
  } catch {
    return undefined; // a directory
  }
}

/** The milliseconds for some programs. */
function resolveAll(resolver, programs) {
  const before = performance.now();
  for (const { path } of programs) {
    const { files, missing } = resolver.resolve(bytePath(path));
    if (missing.length > 0) throw new Error(`${path} lacks ${missing[0].path}`);
    if (files.length < 2) throw new Error(`${path} needs no loader`);
  }
  return performance.now() - before;
}

/** The milliseconds of each method for all programs, in turns of a few. The resolver knows nothing when it begins. */
async function oneRound({ floor, open, programs, peers }) {
  const spentMs = new Map(['resolver', ...peers.map(({ name }) => name)].map((name) => [name, 0]));
  const spend = (name, ms) => spentMs.set(name, spentMs.get(name) + ms);
  const resolver = open();
  for (let start = 0; start < programs.length; start += TURN) {
    const turn = programs.slice(start, start + TURN);
    spend('resolver', resolveAll(resolver, turn));
    for (const { name, argvOf } of peers) {
      for (const program of turn) spend(name, (await floor.command(1, argvOf(program)))[0]);
    }
  }
  return spentMs;
}

/** Files a second. */
export async function closure({ floors, quick, note }) {
  const floor = floors.values().next().value;
  const root = openFileRoot('/');
  const cpu = readCpu(readFileSync('/proc/cpuinfo', 'latin1'), hostAbi(process.arch, endianness()));
  const open = () => openResolver(rememberStatus(root), { cpu });
  const programs = programsIn(root, DIRECTORY);
  const peers = [
    { name: 'ld.so --list', argvOf: ({ loader, path }) => [loader, '--list', path], goal: 5 },
    { name: 'ldd', argvOf: ({ path }) => [LDD, path], goal: 20 },
  ].filter(({ name }) => name !== 'ldd' || existsSync(LDD));
  if (peers.length === 1) note('ldd is not installed: left out');

  const first = resolveAll(open(), programs);
  for (let i = 0; i < 5; i++) resolveAll(open(), programs); // compile and warm up before it counts
  const rounds = [];
  for (let i = 0; i < (quick ? 1 : 5); i++) rounds.push(await oneRound({ floor, open, programs, peers }));
  root.close();

  const ms = (name) => median(rounds.map((spentMs) => spentMs.get(name)));
  return peers.flatMap(({ name, goal }) => [
    row(`files/s v ${name}`, ms(name) / ms('resolver'), ['>=', goal]),
    row(`files/s v ${name}, resolver not yet compiled`, ms(name) / first),
  ]);
}
