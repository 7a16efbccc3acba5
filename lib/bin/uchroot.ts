// The command uchroot: runs uchroot-command.ts from its code cache, so that a launch compiles next to nothing. What
// stands here is compiled each time.
import { compiledLauncherPath, native } from '../native.ts';

// Not imported: what require() brings along costs a start as much as the module.
const { Script } = process.getBuiltinModule('node:vm');

type Load = (name: string) => object;
type Bundle = (require: Load, module: { exports: object }, directory: string) => object;

const directory = import.meta.dirname;
const command = native.readCode(`${directory}/uchroot-command.cjs`);
// Mapped now: once the root directory has changed its path leads nowhere. It is read and compiled if it is needed.
const late = native.mapFile(`${directory}/uchroot-late.cjs`);
let lateExports: object | undefined;

// Read for the option that asks for them, before anything has changed: no other launch so much as opens them.
const apart: Record<string, string | undefined> = {
  'compile.ts': 'uchroot-compile.cjs',
  'uchroot-check.ts': 'uchroot-check.cjs',
};
const apartExports: Record<string, object | undefined> = {};

function load(name: string): object {
  return name.endsWith('/native.ts')
    ? { compiledLauncherPath, native }
    : new Proxy({}, { get: (_, key) => find(name, key) });
}

// Modules are loaded when something of them is used. A launch that succeeds uses none.
function find(name: string, key: string | symbol): unknown {
  if (name.startsWith('node:')) return Reflect.get(process.getBuiltinModule(name) ?? {}, key);
  const file = apart[name.slice(name.lastIndexOf('/') + 1)];
  if (file === undefined) return Reflect.get((lateExports ??= loadLate()), key);
  return Reflect.get((apartExports[file] ??= run(file, native.mapFile(`${directory}/${file}`))), key);
}

function run(file: string, source: Buffer): object {
  const script = new Script(source.toString('latin1'), `${directory}/${file}`);
  return (script.runInThisContext() as Bundle)(load, { exports: {} }, directory);
}

function loadLate(): object {
  return run('uchroot-late.cjs', late);
}

// With a limit on memory it could not be compiled any more when it is needed.
if (process.argv.join(' ').includes('--rlimit')) lateExports = loadLate();

// A cache that another version of V8 made, or this one with other flags, is rejected by V8, and the source compiled.
const script = new Script(command.source, {
  filename: `${directory}/uchroot-command.cjs`,
  ...(command.cache && { cachedData: command.cache }),
});
(script.runInThisContext() as Bundle)(load, { exports: {} }, directory);
