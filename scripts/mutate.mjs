// Changes one operator, boolean or number of a pure file at a time, and runs the tests that execute it. A change that no
// test notices is a survivor: a promise without a test. Needs root; run it after npm run build.
//   node scripts/mutate.mjs                 all pure files of lib; takes long
//   node scripts/mutate.mjs FILE...         only these, such as lib/trust/writer.ts; they need not be pure, but each change
//                                           of them must be harmless to the host
//   node scripts/mutate.mjs --near FILE...  runs only tests of the same directory: much faster, but may print more survivors
// scripts/mutate-explained.txt lists changes that no test can notice, each with its reason. They are not tried. Prints the
// survivors, and explanations of changes that do not exist; exits with 1 if there are any. A change that makes a test hang counts
// as noticed: "hangs:" names it, because a busy machine can make a test hang too. Works on a copy of dist, in build/mutants.
// What each test executes is kept in build/coverage.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { parse } from 'acorn';

const top = dirname(import.meta.dirname);
// for a test as it is; a changed file gets a multiple of the time that the test took
const timeLimitMs = 60_000;

const swaps = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
};

/** The changes at this node: the place and the new text, and a place that runs whenever the node does. */
function changesOf(node, source) {
  const operator = (left, right) => {
    const at = source.indexOf(node.operator, left.end);
    if (at < 0 || at >= right.start) return [];
    // + may join text, and text has no -
    const isText = node.operator === '+' && [left, right].some((side) => /^['"`]/.test(source[side.start]));
    if (isText) return [];
    // not the operator: V8 counts that of `a ?? b` with b
    const change = { start: at, end: at + node.operator.length, runsAt: node.start };
    return (swaps[node.operator] ?? []).map((text) => Object.assign({ text }, change));
  };
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      return operator(node.left, node.right);
    case 'UnaryExpression':
      return node.operator === '!' || node.operator === '-'
        ? [{ start: node.start, end: node.start + 1, runsAt: node.start, text: '' }]
        : [];
    case 'Literal':
      if (typeof node.value === 'boolean')
        return [{ start: node.start, end: node.end, runsAt: node.start, text: String(!node.value) }];
      if (typeof node.value === 'number')
        return [{ start: node.start, end: node.end, runsAt: node.start, text: String(node.value + 1) }];
      return [];
    default:
      return [];
  }
}

/** All changes of a source, in its order. */
function findChanges(source) {
  const changes = [];
  const visit = (node) => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node?.type === 'string') {
      changes.push(...changesOf(node, source));
      Object.values(node).forEach(visit);
    }
  };
  visit(parseModule(source));
  return changes.toSorted((one, other) => one.start - other.start);
}

const parseModule = (source) => parse(source, { ecmaVersion: 'latest', sourceType: 'module' });

const system = ['node:fs', 'node:fs/promises', 'node:child_process', 'node:net', 'node:dns'];

/** What a compiled file imports, directly and indirectly: files, and modules of Node. */
function importsOf(file, found = new Set()) {
  for (const { source } of parseModule(readFileSync(join(top, file), 'utf8')).body) {
    if (!source) continue;
    const isFile = source.value.startsWith('.');
    const name = isFile ? join(dirname(file), source.value) : source.value;
    if (found.has(name)) continue;
    found.add(name);
    if (isFile && existsSync(join(top, name))) importsOf(name, found);
  }
  return found;
}

/** Whether a file imports neither the system nor the addon, directly or indirectly. */
function isPure(file) {
  const imports = importsOf(file);
  return (
    file !== 'dist/lib/native.js' &&
    !imports.has('dist/lib/native.js') &&
    !system.some((name) => imports.has(name))
  );
}

/** Runs a test file in a sandbox until its first failure: passes, fails, or takes longer than the limit. */
function runTest(sandbox, test, limitMs, env = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [test], {
      cwd: sandbox,
      env: { PATH: process.env.PATH, HOME: '/root', TAP_BAIL: '1', TAP_TIMEOUT: '600', ...env },
      stdio: 'ignore',
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    child.on('exit', (code, signal) =>
      done(code === 0 ? 'passes' : signal === 'SIGKILL' ? 'hangs' : 'fails'),
    );
  });
}

/** Distributes the work over the sandboxes; each does one piece at a time. */
async function share(work, run) {
  const waiting = work.toReversed();
  const next = async (sandbox) => {
    for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) await run(sandbox, piece);
  };
  await Promise.all(sandboxes.map(next));
}

// For each file of lib: the ranges that V8 counted, and how often each ran.
function readCoverage(directory, sandbox) {
  const prefix = `file://${sandbox}/`;
  const scripts = readdirSync(directory).flatMap(
    (name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).result,
  );
  return scripts
    .filter(({ url }) => url.startsWith(`${prefix}dist/lib/`))
    .map(({ url, functions }) => ({
      file: url.slice(prefix.length),
      ranges: functions.flatMap(({ ranges }) => ranges),
    }));
}

const length = ({ startOffset, endOffset }) => endOffset - startOffset;

// A place has run if the smallest range around it has run.
function hasRun(ranges, place) {
  const around = ranges.filter(({ startOffset, endOffset }) => startOffset <= place && place < endOffset);
  return (around.toSorted((one, other) => length(one) - length(other))[0]?.count ?? 0) > 0;
}

// Changes with the test and with all files that it imports.
function hashOf(test) {
  const hash = createHash('sha256');
  for (const file of [test, ...importsOf(test)]) {
    if (existsSync(join(top, file))) hash.update(`${file}\0`).update(readFileSync(join(top, file)));
  }
  return hash.digest('hex');
}

/** What a test executes, and its duration; null if it fails. */
async function coverTest(sandbox, test) {
  const cache = join(top, 'build/coverage', `${hashOf(test)}.json`);
  if (existsSync(cache)) return JSON.parse(readFileSync(cache, 'utf8'));
  const directory = join(sandbox, 'coverage');
  const start = performance.now();
  const isPassed = (await runTest(sandbox, test, timeLimitMs, { NODE_V8_COVERAGE: directory })) === 'passes';
  const durationMs = Math.round(performance.now() - start);
  const coverage = isPassed ? { durationMs, scripts: readCoverage(directory, sandbox) } : null;
  rmSync(directory, { recursive: true, force: true });
  if (coverage) writeFileSync(cache, JSON.stringify(coverage));
  return coverage;
}

/** For each file of lib: the tests that load it, each with the ranges that it runs. */
async function coverTests(tests) {
  const covers = new Map();
  mkdirSync(join(top, 'build/coverage'), { recursive: true });
  await share(tests, async (sandbox, test) => {
    const coverage = await coverTest(sandbox, test);
    if (!coverage) console.error(`mutate: ${test} fails as it is; it is left out`);
    for (const { file, ranges } of coverage?.scripts ?? []) {
      covers.set(file, [...(covers.get(file) ?? []), { test, ranges, durationMs: coverage.durationMs }]);
    }
  });
  return covers;
}

// Each process that runs tests changes a file, so each has a sandbox.
function makeSandbox(number) {
  const directory = join(top, 'build/mutants', String(number));
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(top)) {
    if (name === 'dist') cpSync(join(top, name), join(directory, name), { recursive: true });
    else if (name !== '.git') symlinkSync(join(top, name), join(directory, name));
  }
  return directory;
}

const nameOf = (file) => file.replace('dist/', '').replace(/js$/, 'ts');

/** The notation of a change in the output and in scripts/mutate-explained.txt. */
function describe(file, source, { start, end, text }) {
  const from = source.lastIndexOf('\n', start) + 1;
  const to = source.indexOf('\n', end);
  const line = `${source.slice(from, start)}[${source.slice(start, end)} -> ${text}]${source.slice(end, to)}`;
  return `${nameOf(file)}: ${line.trim()}`;
}

/** Tries these changes of one file: describes those that no test noticed, and those that only made a test hang. */
async function mutate(file, source, changes, covers) {
  // the test named after the file is the most likely to notice; then the fast ones
  const mirror = file.replace('dist/lib/', 'dist/test/').replace(/js$/, 'test.js');
  const order = ({ test, durationMs }) => (test === mirror ? 0 : durationMs);
  const tests = covers.toSorted((one, other) => order(one) - order(other));
  const survivors = [];
  const hung = [];
  await share(changes, async (sandbox, change) => {
    const { start, end, runsAt, text } = change;
    writeFileSync(join(sandbox, file), source.slice(0, start) + text + source.slice(end));
    let verdict = 'passes';
    for (const { test, ranges, durationMs } of tests) {
      if (verdict === 'passes' && hasRun(ranges, runsAt))
        verdict = await runTest(sandbox, test, 5000 + 4 * durationMs);
    }
    writeFileSync(join(sandbox, file), source);
    if (verdict === 'passes') survivors.push(describe(file, source, change));
    if (verdict === 'hangs') hung.push(describe(file, source, change));
  });
  return { survivors, hung };
}

const filesBelow = (directory, pattern) =>
  readdirSync(join(top, directory), { recursive: true })
    .map((name) => join(directory, name))
    .filter((name) => pattern.test(name))
    .toSorted();

const pure = filesBelow('dist/lib', /\.js$/).filter(isPure);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { near: { type: 'boolean', default: false } },
});
const asked = positionals.map((name) => `dist/${name.replace(/^dist\//, '').replace(/\.[jt]s$/, '.js')}`);
const strangers = asked.filter((file) => !existsSync(join(top, file)));
if (strangers.length > 0) {
  console.error(`mutate: not compiled: ${strangers.join(' ')}`);
  process.exit(2);
}
const files = asked.length > 0 ? asked : pure;

const sandboxes = Array.from({ length: availableParallelism() }, (_, number) => makeSandbox(number));
const tests = filesBelow('dist/test', /(?<!root)\.test\.js$/).filter((test) => {
  const imports = importsOf(test);
  const isNear = (file) => dirname(file).replace('dist/lib', 'dist/test') === dirname(test);
  return files.some((file) => imports.has(file) && (!values.near || isNear(file)));
});
const covers = await coverTests(tests);
const explained = new Set(
  readFileSync(join(top, 'scripts/mutate-explained.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('lib/')),
);
let left = 0;
for (const file of files) {
  const source = readFileSync(join(top, file), 'utf8');
  const changes = findChanges(source);
  const names = new Set(changes.map((change) => describe(file, source, change)));
  const stale = [...explained].filter((line) => line.startsWith(`${nameOf(file)}: `) && !names.has(line));
  const open = changes.filter((change) => !explained.has(describe(file, source, change)));
  const { survivors, hung } = await mutate(file, source, open, covers.get(file) ?? []);
  for (const line of survivors) console.log(line);
  for (const line of hung) console.log(`hangs: ${line}`);
  for (const line of stale) console.log(`explained, but not there: ${line}`);
  console.log(
    `${file}: ${changes.length} changes, ${changes.length - open.length} explained, ${survivors.length} survive`,
  );
  left += survivors.length + stale.length;
}
rmSync(join(top, 'build/mutants'), { recursive: true });
console.log(`${left} survivors, or explanations of nothing, in ${files.length} files`);
process.exit(left === 0 ? 0 : 1);
