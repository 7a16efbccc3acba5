// The command uchroot: runs uchroot-command.ts from its code cache, so that a launch compiles almost nothing. Only this file is
// compiled each time.
//
// find-node.sh starts node. Without its `--`, Node 20 looks for --env-file among all words, also those of the program, and reads that
// file as its own. The flag --no-rehash-snapshot shortens the start of node by an eighth: V8 does not search for prime numbers to make
// a new seed for its hash tables, and does not rebuild the tables of its snapshot. An attacker who knows the seed can choose names that
// collide. A launch looks up only its own arguments. A user who can put files into the jail can slow --check down, but a million files
// do that too. The other commands read more untrusted data, and start without the flag. no-debugger.ts says why --inspect-port is there.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { compiledLauncherPath, native, openLauncher } from '../native.ts';
import { cacheFlags, lazyModule, openBundle, type BundlePart } from './open-bundle.ts';

// Not imported: require() takes as long as the module.
const { Script } = process.getBuiltinModule('node:vm');

type Load = (name: string) => object;
type Bundle = (require: Load, module: { exports: object }, directory: string) => object;

const directory = import.meta.dirname;
// Mapped now, because its path cannot be reached after the root directory has changed. It is unpacked and compiled only if it is
// needed.
const late = native.mapFile(`${directory}/uchroot-late.cjs.br`);
let lateExports: object | undefined;

// Bundles for isolation, for limits that need a cgroup, and for --seccomp or --allow. They are opened only for these options, before
// anything has changed.
const apart: Record<string, string | undefined> = {
  'isolation.ts': 'uchroot-isolation.cjs',
  'cgroup.ts': 'uchroot-cgroup.cjs',
  'launch-filter.ts': 'uchroot-filter.cjs.br',
};
const apartExports: Record<string, object | undefined> = {};

// --compile, --check, --doctor and --unit start nothing, or may take their time: they share the bundle of the other commands.
const shared: Record<string, BundlePart | undefined> = {
  'compile.ts': 'compile',
  'uchroot-check.ts': 'check',
  'uchroot-doctor.ts': 'doctor',
  'uchroot-unit.ts': 'unit',
};

function load(name: string): object {
  if (name.endsWith('/native.ts')) return { compiledLauncherPath, native, openLauncher };
  if (name.startsWith('node:')) return lazyModule(name);
  return new Proxy({}, { get: (_, key) => find(name, key) });
}

// Loads a module when one of its exports is used. A successful launch uses none.
function find(name: string, key: string | symbol): unknown {
  const source = name.slice(name.lastIndexOf('/') + 1);
  const part = shared[source];
  if (part !== undefined) return Reflect.get(openBundle(part), key);
  const file = apart[source];
  if (file === undefined) return Reflect.get((lateExports ??= runPacked('uchroot-late.cjs', late)), key);
  return Reflect.get((apartExports[file] ??= runCached(file)), key);
}

// V8 rejects a cache of another version or of other flags, and compiles the source.
function run(file: string, source: string, cachedData?: Buffer): object {
  const script = new Script(source, { filename: `${directory}/${file}`, ...(cachedData && { cachedData }) });
  return (script.runInThisContext() as Bundle)(load, { exports: {} }, directory);
}

function runCached(file: string): object {
  if (file.endsWith('.br')) return runPacked(file, native.mapFile(`${directory}/${file}`));
  const { source, cache } = native.readCode(
    `${directory}/${file}`,
    `${directory}/${file}${cacheFlags}.cache`,
  );
  return run(file, source, cache);
}

function runPacked(file: string, packed: Buffer): object {
  return run(file, process.getBuiltinModule('node:zlib').brotliDecompressSync(packed).toString('latin1'));
}

// Loaded early: under a memory limit it could not be compiled later.
if (process.argv.join(' ').includes('--rlimit')) lateExports = runPacked('uchroot-late.cjs', late);

runCached('uchroot-command.cjs');
