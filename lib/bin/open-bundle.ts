// Runs uchroot-bundle.cjs: the library, and all code of the commands but a launch. See scripts/bundle.
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
  | 'relay'
  | 'compile'
  | 'check'
  | 'completion'
  | 'doctor'
  | 'unit';

/** The `require` of a bundle. */
export type Load = (name: string) => object;

const directory = import.meta.dirname;
let bundle: Record<BundlePart, () => object> | undefined;

// Loads a module of Node when one of its exports is used: most commands use few modules, and some take milliseconds to load.
function lazyModule(name: string): object {
  let module: object | undefined;
  return new Proxy(
    {},
    { get: (_, key): unknown => Reflect.get((module ??= process.getBuiltinModule(name) ?? {}), key) },
  );
}

/** The addon, which all bundles share, or a module of Node; undefined for another name. */
export function loadNode(name: string): object | undefined {
  if (name.endsWith('/native.ts')) return addon;
  return name.startsWith('node:') ? lazyModule(name) : undefined;
}

/** Compiles a bundle, into a function that runs it and returns its exports. */
export function compile(path: string, source: string): (load: Load) => object {
  // Not imported: require() takes as long as the module.
  const { Script } = process.getBuiltinModule('node:vm');
  const run = new Script(source, { filename: path }).runInThisContext() as (
    require: Load,
    module: { exports: object },
    directory: string,
    path: string,
  ) => object;
  return (load) => run(load, { exports: {} }, directory, path);
}

/** Returns the exports of a part's entry file. The file of a command runs the command. */
export function openBundle(part: BundlePart): object {
  const path = `${directory}/uchroot-bundle.cjs`;
  bundle ??= compile(
    path,
    process.getBuiltinModule('node:fs').readFileSync(path, 'latin1'),
  )((name) => loadNode(name) ?? {}) as Record<BundlePart, () => object>;
  return bundle[part]();
}
