// The first code of uchroot.cjs, before that of uchroot-command.ts (scripts/bundle). It loads what is not in that bundle, when an
// export of it is used: uchroot-late.cjs, which a launch that succeeds does not need, and parts of uchroot-bundle.cjs.
//
// find-node.sh starts node. Without its `--`, Node 20 looks for --env-file among all words, also those of the program, and reads that
// file as its own. no-debugger.ts says why --inspect-port is there. For this command scripts/bundle adds --no-rehash-snapshot, which
// takes an eighth off Node's own start: V8 does not make a new seed for its hash tables. An attacker who knows the seed can choose
// names that collide. A launch looks up only its own arguments; a user who can put files into the jail can slow --check down, but a
// million files do that too. The other commands read more untrusted data, and start without the flag.
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
// Read now: a launch that fails has changed its root directory. Not a descriptor, which --preserve-fds would take for the caller's.
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
