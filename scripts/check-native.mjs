// Looks for mistakes in native/ with clang-tidy, in the files that have changed since they passed. scripts/native-checked.txt has the
// hashes of those that did, so that scripts/test need not look at all, which takes four minutes of a processor.
//   node scripts/check-native.mjs            the changed files; nothing is recorded
//   node scripts/check-native.mjs --record   the same, and those that pass are recorded
//   node scripts/check-native.mjs --list     prints their names
// Any of the three can be followed by files, which are then looked at in any case.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';

process.chdir(resolve(import.meta.dirname, '..'));
const recordFile = 'scripts/native-checked.txt';

// A source and the headers of this project that it includes, each once.
function filesOf(file, seen = new Set()) {
  seen.add(file);
  for (const [, name] of readFileSync(file, 'latin1').matchAll(/^#include "(.*)"/gm)) {
    const header = join(dirname(file), name);
    if (existsSync(header) && !seen.has(header)) filesOf(header, seen);
  }
  return seen;
}

function hashOf(file) {
  const hash = createHash('sha256');
  for (const each of ['.clang-tidy', ...filesOf(file)]) hash.update(readFileSync(each));
  return hash.digest('hex').slice(0, 32);
}

const sources = readdirSync('native', { recursive: true })
  .filter((name) => name.endsWith('.cc'))
  .map((name) => `native/${name}`)
  .toSorted();
const hashes = new Map(sources.map((file) => [file, hashOf(file)]));
const recorded = new Map(
  readFileSync(recordFile, 'latin1')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [line.split('  ').toReversed()])),
);

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('--')).map((word) => join(word));
const unknown = named.find((file) => !hashes.has(file));
if (unknown !== undefined) throw new Error(`check-native: ${unknown} is no source of native/`);
const changed = sources.filter((file) => named.includes(file) || recorded.get(file) !== hashes.get(file));

/** Resolves to whether clang-tidy finds nothing in a file. Its findings go to our standard output. */
function passes(file) {
  return new Promise((done, reject) => {
    const child = spawn('clang-tidy', ['-p', 'build', '--quiet', file], {
      stdio: ['ignore', 'inherit', 'ignore'],
    });
    child.on('error', () =>
      reject(new Error('check-native: this needs clang-tidy (Debian: apt-get install clang-tidy)')),
    );
    child.on('close', (status) => done(status === 0));
  });
}

async function look() {
  const commands = execFileSync(process.execPath, ['scripts/compile-commands.mjs']);
  writeFileSync('build/compile_commands.json', commands);
  const waiting = [...changed];
  const passed = [];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift())
      if (await passes(file)) passed.push(file);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return passed;
}

if (words.includes('--list')) {
  for (const file of changed) console.log(file);
} else if (changed.length > 0) {
  const passed = await look();
  if (words.includes('--record')) {
    const good = sources.filter((file) => passed.includes(file) || recorded.get(file) === hashes.get(file));
    writeFileSync(recordFile, good.map((file) => `${hashes.get(file)}  ${file}\n`).join(''));
  }
  console.log(`check-native: ${passed.length} of ${changed.length} files passed`);
  process.exitCode = passed.length === changed.length ? 0 : 1;
}
