// Keys that callers know from child_process, execa and containers, and keys that only another function of this library has.
import { meantPlace } from '../../mistakes/meant-value.ts';
import type { Foreign } from '../../words/nearest.ts';
import { shellOfJail } from './jail-shell.ts';

const view = "write view: [{bind: '/etc', to: '/mnt'}, {tmpfs: '/tmp'}]";
const ofRun = (key: string): string => `${key} is a key of runInJail() and of run()`;

// The key that is meant, or a hint.
const foreignKeys: Foreign = {
  // child_process (nodejs.org/api/child_process.html)
  uid: 'user',
  gid: 'group',
  timeout: 'timeoutMs',
  maxBuffer: 'maxBufferBytes',
  detached:
    'write newSession: true, as detached makes a session; newGroup and leaveDescendants are other parts of it',
  serialization: 'leave it out: there is no channel for messages',
  windowsHide: 'leave it out: this is for Linux only',
  windowsVerbatimArguments: 'leave it out: this is for Linux only',
  // execa (github.com/sindresorhus/execa, docs/api.md)
  cancelSignal: 'signal',
  forceKillAfterDelay: 'forceKillAfterMs',
  stdin:
    "write stdio: ['pipe', 'pipe', 'pipe'], in the order stdin, stdout, stderr, or input: 'TEXT' in runInJail()",
  stdout: "write stdio: ['ignore', 'pipe', 'pipe'], in the order stdin, stdout, stderr",
  stderr: "write stdio: ['ignore', 'pipe', 'pipe'], in the order stdin, stdout, stderr",
  inputFile: "write input: createReadStream('FILE')",
  extendEnv: 'write keepEnv: true to pass the variables of this process on; by default they do not pass',
  preferLocal: 'leave it out: program is a path in the jail, and PATH is not searched',
  localDir: 'leave it out: program is a path in the jail, and PATH is not searched',
  cleanup: 'write dieWithParent: true',
  onStdout: 'use spawnInJail(), and the stream child.stdout',
  onStderr: 'use spawnInJail(), and the stream child.stderr',
  ipc: 'leave it out: there is no channel for messages',
  buffer: 'use spawnInJail(), which keeps no output',
  verbose: 'start node with NODE_DEBUG=uchroot',
  // zx, node-pty, dockerode
  nothrow: 'write reject: false',
  quiet: 'leave it out: nothing is printed',
  cols: 'use spawnInJail() with pty: {cols: 80, rows: 24}',
  rows: 'use spawnInJail() with pty: {cols: 80, rows: 24}',
  onData: 'use spawnInJail(), and the stream child.stdout',
  workingDir: 'cwd',
  hostConfig: "leave it out: its keys stand beside program, as memory: '64M'",
  image: 'leave it out: jail is a directory',
  autoRemove: 'write ephemeral: true',
  networkMode: 'net',
  // subprocess of Python, os/exec of Go, worker_threads, runners of code
  captureOutput: "leave it out: stdout and stderr are in the result, with stdio: ['ignore', 'pipe', 'pipe']",
  text: "write encoding: 'utf8', the default",
  universalNewlines: 'write lines: true',
  check: 'reject',
  startNewSession: 'newSession',
  resourceLimits: "leave it out: its keys stand beside program, as memory: '64M'",
  code: "write program: '/usr/bin/python3', args: ['-c', 'CODE']",
  script: "write program: '/bin/sh', args: ['-c', 'SCRIPT']",
  eval: "write program: '/usr/bin/node', args: ['-e', 'CODE']",
  workerData: "write input: 'TEXT', or args: ['TEXT']",
  data: 'input',
  payload: 'input',
  processes: 'pids',
  threads: 'pids',
  priority: 'nice',
  inheritEnv: 'keepEnv',
  interactive: 'use spawnInJail() with pty: {cols: 80, rows: 24}',
  onExit: 'leave it out: the call returns a promise, so write await before it',
  onClose: 'leave it out: the call returns a promise, so write await before it',
  callback: 'leave it out: the call returns a promise, so write await before it',
  retries: 'leave it out: a launch is tried once',
  // words for the same thing
  dir: 'cwd',
  username: 'user',
  directory: 'jail',
  root: 'jail',
  rootDirectory: 'jail',
  chroot: 'jail',
  command: 'program',
  cmd: 'program',
  file: 'program',
  path: 'program',
  argv: 'args',
  arguments: 'args',
  workdir: 'cwd',
  workingDirectory: 'cwd',
  chdir: 'cwd',
  environment: 'env',
  capabilities: 'caps',
  ulimits: 'rlimits',
  limits: "leave it out: its keys stand beside program, as memory: '64M'",
  resources: "leave it out: its keys stand beside program, as memory: '64M'",
  readonly: 'readOnly',
  bind: view,
  mount: view,
  roBind: view,
  tmpfs: view,
  proc: view,
  dev: view,
  mounts: 'view',
  binds: 'view',
  volumes: 'view',
  volumeMounts: 'view',
  securityContext: "leave it out: user: 'UID:GID', readOnly and caps stand beside program",
  runAsUser: 'user',
  runAsGroup: 'group',
  fsGroup: 'groups',
  readOnlyRootFilesystem: 'readOnly',
  readonlyRootfs: 'readOnly',
  privileged: 'leave it out: caps has the names of capabilities',
  capAdd: 'caps',
  capDrop: 'leave it out: caps has all that stay',
  pidsLimit: 'pids',
  nanoCpus: 'write cpu: 1.5',
  cpuQuota: 'write cpu: 1.5',
  tty: 'use spawnInJail() with pty: {cols: 80, rows: 24}',
  entrypoint: 'program',
  containers: 'leave it out: one request starts one program',
  network: 'net',
  memoryLimit: 'memory',
  mem: 'memory',
  cpus: 'cpu',
  // keys of another function
  ...Object.fromEntries(
    ['input', 'maxBufferBytes', 'encoding', 'reject', 'all', 'stripFinalNewline'].map((key) => [
      key,
      ofRun(key),
    ]),
  ),
  ...Object.fromEntries(
    ['stdio', 'timeoutMs', 'signal', 'killSignal', 'forceKillAfterMs', 'newGroup'].map((key) => [
      key,
      `leave it out: ${key} is a key of spawnInJail() and runInJail()`,
    ]),
  ),
  lines: 'read the lines of a program of spawnInJail(): for await (const line of child)',
  share: 'leave it out: a launch of its own shares nothing; openJail() has share',
  concurrency: 'leave it out: openJail() has concurrency, for the programs of one jail',
};

type Given = Readonly<Record<string, unknown>>;

// Words of stdio that stand alone in execa, as `stdout: 'inherit'`.
const streams = ['stdin', 'stdout', 'stderr'];

// What a request says of one stream, at its place in `stdio`.
function streamHints(request: Given): Foreign {
  const given = streams.map((key) => request[key]);
  const words = given.map((word, i) =>
    typeof word === 'string' && /^(?:pipe|inherit|ignore)$/.test(word) ? word : i === 0 ? 'ignore' : 'pipe',
  );
  if (typeof given[0] === 'string' && given[0] !== words[0])
    return { stdin: "write input: 'TEXT', which runInJail() and jail.run() take" };
  if (given.every((word, i) => word !== words[i])) return {};
  const hint = `write stdio: [${words.map((word) => `'${word}'`).join(', ')}], in the order stdin, stdout, stderr`;
  return { stdin: hint, stdout: hint, stderr: hint };
}

// The places of the host that other libraries take as SOURCE:TARGET[:ro], as entries of `view`.
function viewHints(request: Given): Foreign {
  const keys = ['bind', 'roBind', 'mount', 'binds', 'volumes', 'mounts', 'volumeMounts'];
  return Object.fromEntries(
    keys.flatMap((key) => {
      const given = request[key];
      const list: readonly unknown[] = Array.isArray(given) ? given : [given];
      if (!list.every((one) => typeof one === 'string' && /^\/[^:]*:\//.test(one))) return [];
      const places = list.map((one) => meantPlace(one, key === 'roBind'));
      return places.includes(undefined) ? [] : [[key, `write view: [${places.join(', ')}]`]];
    }),
  );
}

/** For each key that a request does not have: the key that is meant, or a hint. Values of the request stand in the hints. */
export function foreignKeysOf(request: object): Foreign {
  const given = request as Given;
  const shell = `there is no shell: start one, {program: '${shellOfJail(given.jail)}', args: ['-c', 'COMMAND']}`;
  return { ...foreignKeys, shell, ...streamHints(given), ...viewHints(given) };
}
