// A defect for a rule: how to make it in a small jail, and what else it inevitably is.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { readCache, writeCache } from '../../../../lib/binary/cache.ts';
import { bytePath } from '../../../../lib/tree/path.ts';
import { type Recorded, writeManifest } from '../../../../lib/jail/manifest/manifest.ts';
import { manifestOf } from '../../builder.ts';
import { beginProcess, mount, must } from '../../template.ts';

export interface Defect {
  readonly rule: string;
  readonly plant: (jail: string, t: Test) => void | Promise<void>;
  /** Where it is found. */
  readonly at: string | RegExp;
  /** Other rules that have to say something about it. */
  readonly also?: readonly string[];
  /** `--fix` leaves nothing to be found. */
  readonly fixed?: true;
}

export const NOBODY = 65534;
export const STAFF = 50;

export function addUser(jail: string, line: string): void {
  appendFileSync(`${jail}/etc/passwd`, `${line}\n`);
}

/** Changes what the manifest says: of each entry, and of the version of all packages. */
export function rewrite(jail: string, change: (entry: Recorded) => Recorded, version?: string): void {
  const manifest = manifestOf(jail);
  const packages = Object.entries(manifest.packages).map(([name, now]) => [name, version ?? now] as const);
  const changed = {
    ...manifest,
    packages: Object.fromEntries(packages),
    entries: manifest.entries.map((entry) => change(entry)),
  };
  writeFileSync(`${jail}/.uchroot/manifest.json.gz`, writeManifest(changed));
}

/** Mounts the jail on itself with other flags. */
export function remount(jail: string, t: Test, flags: string): void {
  mount(t, '--bind', jail, jail);
  must(['mount', '-o', `remount,bind,${flags}`, jail]);
}

/** Compiles a program, or a library, that does nothing. */
export function compileInto(jail: string, path: string, ...options: readonly string[]): void {
  const source = `${jail}-source.c`;
  writeFileSync(source, 'int main(void) { return 0; }\n');
  must(['gcc', '-o', `${jail}${path}`, source, ...options]);
}

/** A cache of the loader that names one library, as if it were the first of the host's. */
export function writeLoaderCache(jail: string, path: string): void {
  const { entries } = readCache(readFileSync('/etc/ld.so.cache'));
  const [first] = entries;
  if (first === undefined) throw new Error('the cache is empty');
  const entry = { name: first.name, flags: first.flags, path: bytePath(path) };
  writeFileSync(`${jail}/etc/ld.so.cache`, writeCache([entry], 'little'));
}

// Stays, and uses nothing, until it is killed.
export const SCRIPT = ['/usr/bin/bash', '-c', 'echo up; kill -STOP $$'];

export function run(t: Test, jail: string, before: readonly string[], fd?: number): Promise<unknown> {
  const options = fd === undefined ? {} : { fd };
  return beginProcess(t, [...before, jail, ...SCRIPT], options);
}
