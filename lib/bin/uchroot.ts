#!/usr/bin/env -S node --no-rehash-snapshot
// The command uchroot: runs uchroot-command.ts from its code cache, so that a launch compiles next to nothing. What
// stands here is compiled each time.
//
// The flag takes an eighth off the start of node: V8 neither makes a new seed for its hash tables, which means to look for
// prime numbers, nor fills the tables of its snapshot again. With a seed that is known, names can be chosen so that they
// collide. What a launch looks up are its own arguments; who can put files in the jail can slow --check down, which a
// million of files does as well. The other commands read more that is not their caller's, and start without.
import { compiledLauncherPath, native } from '../native.ts';

// Not imported: what require() brings along costs a start as much as the module.
const { Script } = process.getBuiltinModule('node:vm');

type Load = (name: string) => object;
type Bundle = (require: Load, module: { exports: object }, directory: string) => object;

const directory = import.meta.dirname;
// V8 takes a code cache only with the flags that it was made with (scripts/bundle).
const flags = process.execArgv.join('');
const command = native.readCode(
  `${directory}/uchroot-command.cjs`,
  `${directory}/uchroot-command.cjs${flags}.cache`,
);
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
