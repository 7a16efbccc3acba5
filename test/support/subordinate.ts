// An account with a range of subordinate ids, that only programs of a test see: in a new mount namespace, other files are mounted over
// those of /etc.
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';

import { temporaryDirectory } from './launch.ts';

/** Ids that no account of a host has. */
export const subordinate = { uid: 1_630_000_000, gid: 1_640_000_000, count: 65_536 } as const;

/** The account `ranger`, and its files. */
export class Ranger {
  readonly uid: number;
  readonly #directory: string;

  constructor(uid: number) {
    this.uid = uid;
    this.#directory = process.getuid?.() === 0 ? temporaryDirectory() : '/'; // else the tests are skipped
    if (process.getuid?.() !== 0) return;
    const accounts = {
      passwd: `ranger:x:${uid}:${uid}::/home/ranger:/bin/bash\n`,
      group: `ranger:x:${uid}:\nhelpers:x:44:ranger\n`,
    };
    for (const [name, line] of Object.entries(accounts))
      writeFileSync(this.#file(name), `${readFileSync(`/etc/${name}`, 'utf8')}${line}`);
    this.give(
      `ranger:${subordinate.uid}:${subordinate.count}`,
      `ranger:${subordinate.gid}:${subordinate.count}`,
    );
  }

  #file(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** Writes /etc/subuid and /etc/subgid, for programs that already run too. */
  give(uids: string, gids: string): void {
    writeFileSync(this.#file('subuid'), `somebody:500000:65536\n${uids}\n`);
    writeFileSync(this.#file('subgid'), `somebody:500000:65536\n${gids}\n`);
  }

  /** A copy of a program with this mode, to be mounted over another one. */
  copyOf(program: string, mode = 0o4755): string {
    const copy = this.#file(`copy-${mode.toString(8)}`);
    copyFileSync(program, copy);
    chmodSync(copy, mode);
    return copy;
  }

  /** The words that run a command where the account exists, after `set`, lines of a shell. */
  sees(set = ':'): readonly string[] {
    const script = `for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name" || exit 99; done
      ${set}
      exec "$@"`;
    return ['unshare', '--mount', 'sh', '-c', script, this.#directory];
  }

  /** The same as the account itself. */
  by(set?: string, groups: readonly number[] = [], ...more: readonly string[]): readonly string[] {
    const own = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
    return [...this.sees(set), 'setpriv', `--reuid=${this.uid}`, `--regid=${this.uid}`, own, ...more];
  }
}
