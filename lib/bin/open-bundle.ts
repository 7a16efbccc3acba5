// Runs the files that scripts/bundle-groups.mjs makes: the library, and the code of all commands.
import * as addon from '../native.ts';

// The group and the name of a module that is asked for by name.
const parts = {
  index: 'launch:index.ts',
  posix: 'launch:posix.ts',
  tcpwrappers: 'tcpwrappers:tcpwrappers/index.ts',
  jail: 'jail:bin/uchroot-jail-command.ts',
  service: 'service:bin/uchroot-service.ts',
  tcpd: 'tcpwrappers:bin/uchroot-tcpd.ts',
  inetd: 'tcpwrappers:bin/uchroot-inetd.ts',
  relay: 'launch:bin/uchroot-relay.ts',
  network: 'launch:bin/uchroot-network.ts',
  report: 'launch:bin/uchroot-report.ts',
  layers: 'layers:bin/uchroot-layers.ts',
  compile: 'launch:launch/compile/compile.ts',
  check: 'launch:bin/uchroot-check.ts',
  completion: 'launch:bin/uchroot-completion.ts',
  doctor: 'launch:bin/uchroot-doctor.ts',
  unit: 'launch:bin/uchroot-unit.ts',
} as const;

type BundlePart = keyof typeof parts;

/** The `require` of a bundle. */
export type Load = (name: string) => object;

const directory = import.meta.dirname;
const { readFileSync } = process.getBuiltinModule('node:fs');

/**
 * An object with the exports of a module that is loaded when one of them is used: most commands use few modules, and some take
 * milliseconds to load. Each export becomes a property at its first use, because a proxy answers slowly. Of a module with a `name`,
 * only what it exports may be used.
 */
export function lazy(open: () => object, name?: string): object {
  let module: object | undefined;
  const get = (_: object, key: string | symbol, exports: object): unknown => {
    module ??= open();
    // __esModule is asked for by esbuild
    if (name !== undefined && !(key in module) && key !== '__esModule')
      throw new Error(`${name} has no ${String(key)}`);
    const value: unknown = Reflect.get(module, key);
    Object.defineProperty(exports, key, { value });
    return value;
  };
  return Object.create(new Proxy({}, { get })) as object;
}

/** The addon, which all bundles share, or a module of Node; undefined for another name. */
export function loadNode(name: string): object | undefined {
  if (name.endsWith('native.ts')) return addon;
  return name.startsWith('node:') ? lazy(() => process.getBuiltinModule(name) ?? {}) : undefined;
}

/** Compiles a bundle, into a function that runs it and returns its exports. */
function compile(path: string, source: string): (load: Load) => object {
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

/** The bundle of a group: each module that others may have, by its name. */
type Group = Readonly<Record<string, () => object>>;

const groups = ['hot', 'late', 'base', 'toml', 'launch', 'tcpwrappers', 'jail', 'layers', 'service'];

/** Bundles that have one copy of each module. */
export class Bundles {
  readonly #groups = new Map<string, () => Group>();
  /** The `require` of the bundles. */
  readonly load: Load = (name) => loadNode(name) ?? lazy(() => this.open(name), name);

  /** Reads the files of these groups. */
  read(names: readonly string[]): void {
    for (const name of names) {
      const path = `${directory}/bundle-${name}.cjs`;
      let source: Buffer | undefined = readFileSync(path);
      let group: Group | undefined;
      const open = (): Group => {
        group ??= compile(path, source?.toString('latin1') ?? '')(this.load) as Group;
        source = undefined;
        return group;
      };
      this.#groups.set(name, open);
    }
  }

  /** Compiles a group that was read. */
  compile(name: string): Group {
    return this.#groups.get(name)?.() ?? {};
  }

  /** The exports of a module, by `GROUP:MODULE`. */
  open(name: string): object {
    const [group = '', module = ''] = name.split(':');
    // All are read at once: they are of one version, and a process may change its root directory.
    if (!this.#groups.has(group)) this.read(groups.filter((each) => !this.#groups.has(each)));
    const run = this.compile(group)[module];
    if (run === undefined) throw new Error(`no bundle has ${name}`);
    return run();
  }
}

const bundles = new Bundles();

/** Returns the exports of a part's entry file. The file of a command runs the command. */
export const openBundle = (part: BundlePart): object => bundles.open(parts[part]);

/**
 * The exports of an entry file of the library. The minifier has renamed its functions: they get their names back. Those in `later`, which
 * are of other groups, are loaded at their first call.
 */
export function openLibrary(part: BundlePart, later: readonly string[]): object {
  const library = openBundle(part) as Record<string, unknown>;
  const call = (name: string, words: readonly unknown[]): unknown =>
    (library[name] as (...words: readonly unknown[]) => unknown)(...words);
  const exported = Object.keys(library).map((name): [string, unknown] => {
    const value = later.includes(name)
      ? (...words: readonly unknown[]): unknown => call(name, words)
      : library[name];
    if (typeof value === 'function') Object.defineProperty(value, 'name', { value: name });
    return [name, value];
  });
  return Object.fromEntries(exported);
}
