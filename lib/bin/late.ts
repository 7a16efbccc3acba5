// The first code of uchroot.cjs, before that of uchroot-command.ts (scripts/bundle). It loads the other bundles when one of their exports is
// used: uchroot-late.cjs, which few launches need, and parts of uchroot-bundle.cjs.
//
// find-node.sh starts node with these words:
// - `--`: without it Node 20 takes --env-file for itself, even from the arguments of the program.
// - --inspect-port: see no-debugger.ts.
// - --no-rehash-snapshot, for this command alone: V8 keeps the seed of its hash tables, which saves an eighth of Node's own start. An
//   attacker who knows the seed can choose names that collide, and slow a look-up down. A launch looks up only its own arguments. Files in a
//   jail could slow --check down, but a million files do that too. The other commands read more untrusted data.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { compile, loadNode, openBundle, type BundlePart, type Load } from './open-bundle.ts';

// --compile, --check, --completion, --doctor and --unit share the bundle of the other commands.
const parts: Record<string, BundlePart | undefined> = {
  'compile.ts': 'compile',
  'uchroot-check.ts': 'check',
  'uchroot-completion.ts': 'completion',
  'uchroot-doctor.ts': 'doctor',
  'uchroot-unit.ts': 'unit',
};

const path = `${import.meta.dirname}/uchroot-late.cjs`;
// Read now, because a launch that fails has changed its root directory. No descriptor is kept: --preserve-fds would take it for the
// caller's.
const source = process.getBuiltinModule('node:fs').readFileSync(path);
let late: object | undefined;

const openLate = (): object => (late ??= compile(path, source.toString('latin1'))(load));

function find(name: string): object {
  const part = parts[name.slice(name.lastIndexOf('/') + 1)];
  return part === undefined ? openLate() : openBundle(part);
}

function take(name: string, key: string): unknown {
  const exported = find(name);
  // __esModule is asked for by esbuild
  if (!(key in exported) && key !== '__esModule') throw new Error(`${name} has no ${key}`);
  return Reflect.get(exported, key);
}

/** The `require` of uchroot.cjs and of uchroot-late.cjs. */
export const load: Load = (name) =>
  loadNode(name) ?? new Proxy({}, { get: (_, key) => take(name, String(key)) });

// Under a limit of memory it could not be compiled later.
if (process.argv.join(' ').includes('--rlimit')) openLate();
