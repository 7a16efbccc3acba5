// Runs uchroot-bundle.cjs from its code cache: the library, and all code of the commands but a launch. See scripts/bundle.
import * as addon from '../native.ts';

/** The parts of the bundle. A part is run at its first call, which returns what its entry file exports. */
export type BundlePart =
  | 'index'
  | 'posix'
  | 'tcpwrappers'
  | 'jail'
  | 'service'
  | 'tcpd'
  | 'inetd'
  | 'compile'
  | 'check'
  | 'doctor'
  | 'unit';

type Bundle = Record<BundlePart, () => object>;
type Load = (name: string) => object;
type Run = (require: Load, module: { exports: object }, directory: string, path: string) => Bundle;

const directory = import.meta.dirname;
let bundle: Bundle | undefined;

/** V8 accepts a code cache only with the flags that it was made with, so they are a part of its name (scripts/bundle). */
export const cacheFlags = process.execArgv.filter((flag) => !flag.startsWith('--inspect-port=')).join('');

/** A module of Node, which is loaded when one of its exports is used: most commands use few, and some take milliseconds. */
export function lazyModule(name: string): object {
  let module: object | undefined;
  return new Proxy(
    {},
    { get: (_, key): unknown => Reflect.get((module ??= process.getBuiltinModule(name) ?? {}), key) },
  );
}

const load: Load = (name) => (name.endsWith('/native.ts') ? addon : lazyModule(name));

function run(): Bundle {
  // Not imported: require() takes as long as the module.
  const { Script } = process.getBuiltinModule('node:vm');
  const path = `${directory}/uchroot-bundle.cjs`;
  // V8 rejects a cache of another version, and compiles the source.
  const { source, cache } = addon.native.readCode(path, `${path}${cacheFlags}.cache`);
  const script = new Script(source, { filename: path, ...(cache && { cachedData: cache }) });
  return (script.runInThisContext() as Run)(load, { exports: {} }, directory, path);
}

/** What the entry file of a part exports. The file of a command runs the command. */
export function openBundle(part: BundlePart): object {
  bundle ??= run();
  return bundle[part]();
}
