// Runs compiled test files, several at a time, and prints a line for each, and all failed or skipped tests; failed ones again at the
// end. What tests and their programs write to standard error is shown if a test of the file fails, or if files were named. The last line is "N passed, N failed, N skipped". A test is a point at the top level of its file. A test without an assertion
// fails here, although tap lets it pass.
//   node scripts/run-tests.mjs [--check] [FILE...]     without files all of dist/test; --check also runs `npm run check`
//   node scripts/run-tests.mjs --unit                  those that start no process and open no socket
// tap's own runner is not used: it adds --import to each node that the tests start, which costs a quarter of a second each.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

// Most tests wait a little, so two processors need four files. Three more are among those that wait longest, see WAITING: with two,
// a tenth of the processors was idle.
const JOBS = 4;
const WAITERS = 3;
// A file that takes longer on a quiet machine hangs. On a busy or slow one it gets more time: see patientMs().
const FILE_MS = 600_000;
// at SIGALRM tap ends its file, and names the test; a file in an endless loop cannot do so
const KILL_MS = 30_000;
const LOOK_MS = 1000;
// the CPU time that calibrate() takes on the machine for which the limits of the tests were chosen
const USUAL_MS = 30;
const named = (name) => `dist/test/${name}.test.js`;
// These mostly wait: for machines that boot, services, time limits. Side by side they would leave a processor idle. So workers of
// their own run them, beside the files that compute. All of them together take less time than the run.
const WAITING = [
  'service/adopt/own-services.root',
  'pages.root',
  'service/adopt/adopt.root',
  'service/unit/services.root',
  'service/adopt/kept/kept-configuration.root',
  'service/unit/systemd.root',
  'service/adopt/escape.root',
  'service/adopt/follow.root',
  'service/adopt/apply.root',
  'service/adopt/host-state.root',
  'service/adopt/service-table.root',
  'service/adopt/configuration-test.root',
  'examples/untrusted.root',
  'service/unit/scripts.root',
  'launch/isolate/isolate.root',
  'service/adopt/run-links.root',
  'service/adopt/seen/behaviour.root',
  'service/adopt/replaced-place.root',
].map(named);
// Of the others, these take longest. They start first, so that none of them runs alone at the end.
const LONGEST = [
  'bin/first-mistakes-jails.root',
  'launch/host/kernel-file.root',
  'bin/uchroot-limits.root',
  'jail/check/rules.root',
  'launch/isolate/outbound.root',
  'launch/start/spawn-fault.root',
  'bin/first-mistakes.root',
  'jail/interrupt.root',
  'bin/uchroot-faults.root',
  'jail/ordinary-limits.root',
  'launch/start/limits.root',
  'bin/first-mistakes-daemons.root',
  'inetd/serve.root',
  'bin/uchroot-result.root',
  'jail/programs.root',
  'launch/isolate/rootless-warm.root',
  'tcpwrappers/limits',
].map(named);

const words = process.argv.slice(2);
const chosen = words.filter((word) => !word.startsWith('--'));

const count = { passed: 0, failed: 0, skipped: 0 };
let ended = 0;
// told again at the end: of a long output, people often see only that
const failures = [];

/** Reads the TAP of one file. */
class Report {
  /** Failed and skipped tests, with what tap says about them. */
  lines = [];
  points = 0;
  failed = 0;
  planned;
  #inDiagnosis = false;
  #withoutAssertion = false;

  read(line) {
    const point = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO|time=).*)?$/.exec(line);
    const depth = point ? point[1].length / 4 : -1;
    if (/^ {4}1\.\.0$/.test(line)) this.#withoutAssertion = true;
    const plan = /^1\.\.(\d+)/.exec(line);
    if (plan) this.planned = Number(plan[1]);
    const empty = depth === 0 && this.#withoutAssertion;
    const failed = point !== null && ((point[2] !== undefined && point[4] !== 'TODO') || empty);
    if (depth === 0) {
      this.points++;
      this.#withoutAssertion = false;
      if (failed) this.failed++;
      else count[point[4] === 'SKIP' || point[4] === 'TODO' ? 'skipped' : 'passed']++;
    }

    const ends = this.#inDiagnosis && /^ *\.\.\.$/.test(line);
    if (point !== null) this.#inDiagnosis = failed;
    if (this.#inDiagnosis || point?.[4] === 'SKIP' || line.startsWith('Bail out!')) {
      this.lines.push(`    ${line}${empty ? ' (no assertion)' : ''}`);
    }
    if (ends) this.#inDiagnosis = false;
  }

  /** Why the file failed although no test of it did: a crash, a time limit, a plan that was not kept, no tests at all. */
  problem(status, signal) {
    if (signal) return `ended by ${signal}`;
    if (this.points === 0) return 'no tests found';
    if (this.planned !== this.points) return `${this.points} tests, ${this.planned ?? 'no'} planned`;
    return status === 0 || this.failed > 0 ? undefined : `exit status ${status}`;
  }
}

/** How many times slower this machine computes than the usual one; at least 1. */
function calibrate() {
  let bestMs = Infinity;
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    for (let i = 0, sum = 0; i < 3e7; i++) sum = (sum * 31 + i) | 0;
    bestMs = Math.min(bestMs, process.cpuUsage(before).user / 1000);
  }
  return Math.max(1, bestMs / USUAL_MS);
}

// Node reads these certificates at each start, which takes longer than all else of it. No test needs them.
delete process.env.NODE_EXTRA_CA_CERTS;
process.env.UCHROOT_TEST_SLOWNESS ??= String(calibrate());
// made by tsc, and read after the variable is set
const { patientMs } = await import('../dist/test/support/patience.js');

/** Ends a child that takes longer than its limit, which passes as slowly as the machine computes. */
function watch(child, limitMs) {
  let tookMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    tookMs += (now - last) / (patientMs(1000) / 1000);
    last = now;
    if (tookMs > limitMs + KILL_MS) child.kill('SIGKILL');
    else if (tookMs > limitMs) child.kill('SIGALRM');
  }, LOOK_MS);
  child.once('exit', () => clearInterval(timer));
}

/** An open file without a name. */
function openNameless() {
  const path = join(tmpdir(), `uchroot-tests-${randomUUID()}`);
  const fd = openSync(path, 'ax+', 0o600);
  rmSync(path);
  return fd;
}

function linesIn(fd) {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.length === 0 ? [] : bytes.toString().trimEnd().split('\n');
}

/**
 * Starts argv. Resolves to its exit status and signal, and to its lines on standard error, after its output has been read. Programs that a
 * test starts write there too. With files that were named, this is shown at once.
 */
async function run(argv, { env, limitMs = Infinity }, onLine) {
  // no pipe: a program that outlives the test would keep it open
  const error = chosen.length > 0 ? 'inherit' : openNameless();
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', error], env });
  watch(child, limitMs);
  createInterface({ input: child.stdout }).on('line', onLine);
  const [status, signal] = await once(child, 'close');
  if (error === 'inherit') return { status, signal, errors: [] };
  const errors = linesIn(error).map((line) => `    # ${line}`);
  closeSync(error);
  return { status, signal, errors };
}

function tell(name, start, ok, problem, lines) {
  const time = `# time=${((performance.now() - start) / 1000).toFixed(1)}s`;
  const end = `${ok ? 'ok' : 'not ok'} ${++ended} - ${name}${problem ? ` (${problem})` : ''} ${time}`;
  const text = [...lines, end].join('\n');
  console.log(text);
  if (!ok) failures.push(text);
}

/** The file with its imports in few files, if scripts/bundle-tests.mjs has made one. */
function bundled(file) {
  const path = file.replace('dist/test/', 'dist/run/');
  return existsSync(path) ? path : file;
}

// Follows each file of a group, which would hide that the file has no test.
const COUNTED = `import t from 'tap';
const count = () => t.count + t.queue.filter((one) => typeof one === 'object').length + (t.occupied ? 1 : 0);
if (count() === t.context.counted) t.fail(\`no tests found in \${import.meta.url.split('?')[1]}\`);
t.context.counted = count();
`;

/** A file that imports these. All are read before the first test begins: tap ends when it waits for no test. */
function together(files) {
  const path = `dist/run/groups/${roomOf(files[0]).replaceAll('/', '-')}.js`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${dirname(path)}/counted.js`, COUNTED);
  const lines = files.map((file) => `import '../../../${bundled(file)}';\nimport './counted.js?${file}';\n`);
  writeFileSync(path, `import './counted.js';\n${lines.join('')}`);
  return path;
}

/** Runs one file, or several in one process. */
async function runFiles(files) {
  const start = performance.now();
  const report = new Report();
  // no limit of tap's own: it would not follow the machine
  const env = { ...process.env, TAP: '1', TAP_TIMEOUT: '0' };
  // With more room for new objects V8 looks for old ones less often: a tenth of the computing of a file.
  const flags = ['--enable-source-maps', '--min-semi-space-size=16'];
  const argv = [process.execPath, ...flags, files.length === 1 ? bundled(files[0]) : together(files)];
  const { status, signal, errors } = await run(argv, { env, limitMs: FILE_MS }, (line) => report.read(line));
  const problem = report.problem(status, signal);
  count.failed += problem === undefined ? report.failed : Math.max(report.failed, 1);
  const name = files.length === 1 ? files[0] : `${files.length} files of ${roomOf(files[0])}`;
  const ok = problem === undefined && report.failed === 0;
  tell(name, start, ok, problem, ok ? report.lines : [...report.lines, ...errors]);
}

async function runCheck() {
  const start = performance.now();
  const lines = [];
  const { status, signal, errors } = await run(['npm', 'run', 'check'], { env: process.env }, (line) =>
    lines.push(`    ${line}`),
  );
  count[status === 0 ? 'passed' : 'failed']++;
  tell('npm run check', start, status === 0, signal ?? undefined, status === 0 ? [] : [...lines, ...errors]);
}

/** All compiled test files, in the order in which they should start. */
function allFiles() {
  const names = readdirSync('dist/test', { recursive: true }).filter((name) => name.endsWith('.test.js'));
  const files = names.toSorted().map((name) => `dist/test/${name}`);
  const first = [...WAITING, ...LONGEST];
  const unknown = first.filter((file) => !files.includes(file));
  if (unknown.length > 0)
    throw new Error(`run-tests: WAITING and LONGEST name files that are not there: ${unknown.join(' ')}`);
  return [...first, ...files.filter((file) => !first.includes(file))];
}

const OUTSIDE = /from 'node:(?:child_process|cluster|dgram|https?|net|worker_threads)'|\bt\.spawn\(/;
const reached = new Map();

/** Whether a test, or a file of test/ that it imports, starts a process or opens a socket. */
function reachesOut(file) {
  if (!reached.has(file)) {
    reached.set(file, false);
    const text = readFileSync(file, 'utf8');
    const imported = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, name]) => join(dirname(file), name));
    const own = imported.filter((name) => name.startsWith('dist/test/') && existsSync(name));
    reached.set(file, OUTSIDE.test(text) || own.some(reachesOut));
  }
  return reached.get(file);
}

const isUnit = (file) => !file.endsWith('.root.test.js') && !reachesOut(file);

// What a file does to its process, or to all tests of it; or it counts the descriptors, or waits before it has all tests.
const OWN_PROCESS =
  /^t\.(?:before|after|teardown|setTimeout)|^(?:const .* = \(?)?await |process\.(?:env\.\w+ = |chdir|umask)|\/proc\/self\/fd/m;

/** The room of a file: test/launch of test/launch/plan/plan.test.ts. */
const roomOf = (file) => dirname(file).split('/').slice(0, 3).join('/');

const isLongest = ([file]) => LONGEST.includes(file);

/**
 * The files by process, large groups first. Those of a room share one, because a quarter of a second passes before the first test of a
 * process. Tests of root have one each: they count processes, and change what the kernel knows of their own.
 */
function toGroups(files) {
  const groups = new Map();
  for (const file of files) {
    const isAlone = file.endsWith('.root.test.js') || OWN_PROCESS.test(readFileSync(file, 'utf8'));
    const key = isAlone ? file : roomOf(file);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].toSorted((a, b) => isLongest(b) - isLongest(a) || b.length - a.length);
}

const all = chosen.length > 0 ? chosen : allFiles();
const files = words.includes('--unit') ? all.filter(isUnit) : all;
const toJobs = (some) => toGroups(some).map((group) => () => runFiles(group));
const waiting = toJobs(files.filter((file) => WAITING.includes(file)));
const computing = toJobs(files.filter((file) => !WAITING.includes(file)));
if (words.includes('--check')) computing.unshift(runCheck);

/** Runs all jobs of the first queue, then helps with the second. */
async function work(...queues) {
  for (const queue of queues) {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
  }
}
await Promise.all([
  ...Array.from({ length: WAITERS }, () => work(waiting, computing)),
  ...Array.from({ length: JOBS }, () => work(computing, waiting)),
]);

if (failures.length > 0) console.log(`Failed:\n${failures.join('\n')}`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
