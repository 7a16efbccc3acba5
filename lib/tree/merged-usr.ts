// A jail made by hand has directories where a host with a merged /usr has links.
import { commandLine } from '../words/shell-word.ts';
import { bytePath } from './path.ts';
import type { FileRoot } from './root.ts';

// Links to directories of /usr on most hosts (file-hierarchy(7)), and directories in a jail that was made by hand.
const mergedNames = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** The commands that move such directories to where the builder has them; nothing is replaced. Undefined if there is none. */
export function mergeCommands(jail: string, root: FileRoot): string | undefined {
  const own = mergedNames.filter(
    (name) =>
      root.lstat(bytePath(`/${name}`))?.kind === 'directory' &&
      root.lstat(bytePath(`/usr/${name}`)) === undefined,
  );
  if (own.length === 0) return undefined;
  const at = (name: string): string => bytePath(`${jail}/${name}`);
  const moves = own.map((name) => commandLine('mv', '-nT', at(name), at(`usr/${name}`)));
  return [commandLine('mkdir', '-p', at('usr')), ...moves].join(' && ');
}
