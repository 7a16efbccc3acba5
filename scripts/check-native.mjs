// Looks for mistakes in native/ with clang-tidy.
//   node scripts/check-native.mjs            the files that differ from the base commit
//   node scripts/check-native.mjs --all      all files; four minutes of a processor
//   node scripts/check-native.mjs FILE...    these
//   ... --list                               prints the names of the files that would be looked at
// The base is where this branch has left main; on main itself, the commit before the last one. A file that has passed on this machine
// as it is, with its headers and .clang-tidy, is not looked at again: its hash is the name of an empty file in the user's cache.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

process.chdir(resolve(import.meta.dirname, '..'));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'uchroot-check-native');

// A source and the headers of this project that it includes, each once.
function filesOf(file, seen = new Set()) {
  seen.add(file);
  for (const [, name] of readFileSync(file, 'latin1').matchAll(/^#include "(.*)"/gm)) {
    const header = join(dirname(file), name);
    if (existsSync(header) && !seen.has(header)) filesOf(header, seen);
  }
  return seen;
}

/** The file of the cache that says that a source has passed. */
function passedFile(source) {
  const hash = createHash('sha256');
  for (const each of ['.clang-tidy', ...filesOf(source)]) hash.update(readFileSync(each));
  return join(cache, hash.digest('hex'));
}

const git = (...words) => {
  const { status, stdout } = spawnSync('git', words, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
};

function baseCommit() {
  const head = git('rev-parse', 'HEAD');
  const base = git('merge-base', 'HEAD', 'origin/main') ?? git('merge-base', 'HEAD', 'main');
  return base === head ? git('rev-parse', '--verify', '--quiet', 'HEAD^') : base;
}

/** The sources that differ from the base commit, or that include a header that does. */
function changedSources() {
  const base = baseCommit();
  if (base === undefined) {
    console.error('check-native: no commit to compare with; scripts/check-native --all looks at all files');
    return [];
  }
  const names = ['.clang-tidy', 'native'];
  const changed = new Set([
    ...git('diff', '--name-only', base, '--', ...names).split('\n'),
    ...git('ls-files', '--others', '--exclude-standard', '--', ...names).split('\n'),
  ]);
  return changed.has('.clang-tidy')
    ? sources
    : sources.filter((source) => [...filesOf(source)].some((file) => changed.has(file)));
}

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

/** Returns how many of the files pass, and remembers these. */
async function look(files) {
  const commands = execFileSync(process.execPath, ['scripts/compile-commands.mjs']);
  writeFileSync('build/compile_commands.json', commands);
  mkdirSync(cache, { recursive: true });
  const waiting = [...files];
  let passed = 0;
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (!(await passes(file))) continue;
      passed++;
      writeFileSync(passedFile(file), '');
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return passed;
}

const sources = readdirSync('native', { recursive: true })
  .filter((name) => name.endsWith('.cc'))
  .map((name) => `native/${name}`)
  .toSorted();
const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('--')).map((word) => join(word));
const unknown = named.find((file) => !sources.includes(file));
if (unknown !== undefined) throw new Error(`check-native: ${unknown} is no source of native/`);
const asked = words.includes('--all') ? sources : changedSources();
const files = named.length > 0 ? named : asked.filter((file) => !existsSync(passedFile(file)));

if (words.includes('--list')) {
  for (const file of files) console.log(file);
} else if (files.length > 0) {
  const passed = await look(files);
  console.log(`check-native: ${passed} of ${files.length} files passed`);
  process.exitCode = passed === files.length ? 0 : 1;
}
