// The first code of uchroot.cjs, before that of uchroot-command.ts (scripts/bundle-groups.mjs). It opens bundles when one of their exports
// is used.
//
// find-node.sh starts node with these words:
// - `--`: without it Node 20 takes --env-file for itself, even from the arguments of the program.
// - --inspect-port: see no-debugger.ts.
// - --no-rehash-snapshot, for this command alone: V8 keeps the seed of its hash tables, which saves an eighth of Node's own start. An
//   attacker who knows the seed can choose names that collide, and slow a look-up down. A launch looks up only its own arguments. Files in a
//   jail could slow --check down, but a million files do that too. The other commands read more untrusted data.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { Bundles, loadNode, lazy, type Load } from './open-bundle.ts';

const bundles = new Bundles();
// read now, because a launch that fails has changed its root directory. No descriptor is kept: --preserve-fds would take it for the
// caller's.
bundles.read(['hot', 'late']);
// under a limit of memory it could not be compiled later
if (process.argv.join(' ').includes('--rlimit')) bundles.compile('late');

/** The `require` of uchroot.cjs: every launch needs what is hot, few need more. */
export const load: Load = (name) =>
  loadNode(name) ?? (name.startsWith('hot:') ? bundles.open(name) : lazy(() => bundles.open(name), name));
