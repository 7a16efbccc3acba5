// A tour for newcomers: follows one example through the files that handle it, in reading order, and prints what each file made of
// it. After npm run build.
//   node scripts/tour.mjs launch   from a request to the program; as root
//   node scripts/tour.mjs rule     from a line of hosts.allow to a decision
//   node scripts/tour.mjs file     how a file comes into a jail; as root
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

const lib = (file) => import(`../dist/lib/${file.replace(/ts$/, 'js')}`);

function show(file, value) {
  const text =
    typeof value === 'string'
      ? value
      : inspect(value, { depth: 3, maxArrayLength: 12, maxStringLength: 200 });
  console.log(`\n== ${file}\n${text}`);
}

/** Buffers as text, since these hold text. */
function readable(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(readable);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, readable(held)]));
}

async function launch(directory) {
  const { buildJail, spawnInJail } = await lib('index.ts');
  const { normalize } = await lib('launch/request/request.ts');
  const { accountQuery, toAccount } = await lib('launch/host/account.ts');
  const { judgeDirectory } = await lib('launch/host/directory.ts');
  const { callerBeside } = await lib('launch/host/caller.ts');
  const { buildEnvironment } = await lib('launch/host/environment.ts');
  const { buildSetUp, withProgram } = await lib('launch/plan/plan.ts');
  const { describeStep, flagsOf } = await lib('launch/plan/table.ts');
  const { encodePlan } = await lib('launch/plan/encode.ts');
  const { native } = await lib('native.ts');

  const jail = join(directory, 'jail');
  await buildJail({ directory: jail, programs: ['/bin/echo'] });
  const asked = { user: 'nobody', jail, program: '/bin/echo', args: ['hello'] };

  const request = normalize(asked);
  show('lib/launch/request/request.ts', readable(request));
  const facts = await native.readHost({ ...accountQuery(request), jail: request.jail });
  show('native/accounts/host.cc', readable(facts));
  native.closeJail(facts.jailFd);
  const account = toAccount(request, facts);
  show('lib/launch/host/account.ts', account);
  show(
    'lib/launch/host/directory.ts (and lib/trust/way.ts): what is wrong with the way',
    judgeDirectory(facts, account),
  );
  const caller = callerBeside(request, true);
  const env = buildEnvironment({ request, account, caller });
  show('lib/launch/host/environment.ts', readable(env));
  const setUp = buildSetUp({
    request,
    account,
    keptFds: [],
    newGroup: true,
    parentPid: 0,
    architecture: process.arch,
  });
  const { program, args } = request;
  const plan = withProgram(setUp, { op: 'execve', program, argv: [program, ...args], env });
  show(
    'lib/launch/plan/plan.ts',
    plan
      .flat()
      .map(({ op }) => op)
      .join(' '),
  );
  const setresuid = plan.flat().find(({ op }) => op === 'setresuid');
  show('lib/launch/plan/table.ts: the row of one step', {
    ...describeStep(setresuid),
    flags: flagsOf(setresuid),
  });
  const bytes = encodePlan(plan);
  show('lib/launch/plan/encode.ts', `${bytes.length} bytes: ${bytes.subarray(0, 48).toString('hex')}…`);
  const child = await spawnInJail(asked);
  const output = (await child.stdout.toArray()).join('');
  show('native/plan/interpreter.cc (started by lib/launch/start/spawn.ts)', {
    output,
    ...(await child.exited),
  });
  const failure = await spawnInJail({ ...asked, program: '/bin/ecko' }).catch(({ message, hint }) => ({
    message,
    hint,
  }));
  show('lib/launch/tell/failure.ts, for a program that is not there', failure);
}

async function rule() {
  const { readLines } = await lib('tcpwrappers/parse/logical-line.ts');
  const { readRules } = await lib('tcpwrappers/parse/rule-file.ts');
  const { openPatternFiles } = await lib('tcpwrappers/parse/pattern-file.ts');
  const { makeRequest } = await lib('tcpwrappers/connection/request-info.ts');
  const { resolve } = await lib('tcpwrappers/connection/need.ts');
  const { findRule } = await lib('tcpwrappers/match/match.ts');
  const { decide } = await lib('tcpwrappers/decide/ruling.ts');

  const text = 'sshd: 192.0.2.0/255.255.255.0 EXCEPT 192.0.2.7: \\\n  spawn echo %h\n';
  show('hosts.allow', text);
  show('lib/tcpwrappers/parse/logical-line.ts', [...readLines(text)]);
  const openFile = openPatternFiles(() => ({ kind: 'absent' }));
  const read = (role, content) =>
    readRules({ kind: 'text', text: content }, { file: `hosts.${role}`, role, openFile }).table;
  const allow = read('allow', text);
  show('lib/tcpwrappers/parse/rule-file.ts, pattern-list.ts and third-field.ts', allow.rules);
  const request = makeRequest({ daemon: 'sshd', client: { address: '192.0.2.8', name: 'a.example.org' } });
  show('lib/tcpwrappers/connection/request-info.ts', request);
  show('lib/tcpwrappers/match/match.ts', findRule(allow.rules, request));
  const tables = { allow, deny: read('deny', 'ALL: ALL\n') };
  show(
    'lib/tcpwrappers/decide/ruling.ts and expansion.ts',
    await resolve(decide(tables, request), () => undefined),
  );
}

const isLibrary = ({ path }) => /libc\.so/.test(path);

async function file(directory) {
  const { buildJail, explainFile } = await lib('index.ts');
  const { readFileSync, readdirSync } = await import('node:fs');
  const { readElf } = await lib('binary/elf.ts');
  const { resolveProgram } = await lib('binary/closure.ts');
  const { bytePath, joinPath } = await lib('tree/path.ts');
  const { openFileRoot } = await lib('tree/root.ts');
  const { readManifest } = await lib('jail/manifest/manifest.ts');
  const { openHost } = await lib('jail/host/source-host.ts');
  const { toRecipe } = await lib('jail/request/jail-request.ts');
  const { planJail } = await lib('jail/plan/jail-plan.ts');

  const jail = join(directory, 'jail');
  const asked = { directory: jail, programs: ['/bin/echo'] };
  const host = openHost(undefined);
  const bytes = readFileSync('/bin/echo');
  show(
    'lib/binary/elf.ts',
    readElf((at, length) => bytes.subarray(at, at + length)),
  );
  show('lib/binary/closure.ts', resolveProgram(host.root, bytePath('/bin/echo')).files);
  const recipe = toRecipe(asked, { root: host.root, isForeign: false }, []);
  show('lib/jail/request/jail-request.ts', recipe);
  const planning = planJail(recipe, { root: host.root, cpu: host.cpu, users: [] });
  let step = planning.next();
  while (!step.done) step = planning.next();
  const plan = step.value;
  show('lib/jail/plan/jail-plan.ts', plan.entries.find(isLibrary));
  host.close();
  await buildJail(asked);
  show('lib/jail/apply/jail-writer.ts: the jail', readdirSync(jail));
  const root = openFileRoot(jail);
  const recorded = readManifest(root).entries.find(isLibrary);
  root.close();
  show('lib/jail/manifest/manifest.ts', recorded);
  show(
    'lib/jail/listing.ts',
    readable(await explainFile({ directory: jail, path: joinPath(bytePath('/'), recorded.path) })),
  );
}

const subjects = { launch, rule, file };
const walk = subjects[process.argv[2]];
if (walk === undefined || process.argv.length > 3) {
  console.error(`usage: node scripts/tour.mjs ${Object.keys(subjects).join('|')}`);
  process.exit(2);
}
const directory = mkdtempSync(join(tmpdir(), 'uchroot-tour-'));

try {
  await walk(directory);
} finally {
  rmSync(directory, { recursive: true });
}
