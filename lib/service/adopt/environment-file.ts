// The files of EnvironmentFile= (systemd.exec(5)).
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

import { expandPattern } from '../../binary/loader-conf.ts';
import { bytePath, pathBytes } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { UsageError } from '../../errors.ts';
import type { InstalledService } from './installed/installed-service.ts';
import { readEnvironmentFile } from './installed/unit-text.ts';

type Described = Pick<InstalledService, 'unit' | 'settings'>;

interface NamedFiles {
  readonly pattern: string;
  readonly isOptional: boolean;
  /** The files that are there. */
  readonly paths: readonly Buffer[];
}

function namedFiles({ settings }: Described): readonly NamedFiles[] {
  const named = (settings.EnvironmentFiles ?? []) as readonly (readonly [string, boolean])[];
  const root = openFileRoot('/');
  try {
    return named.map(([pattern, isOptional]) => {
      const paths = expandPattern(root, bytePath(pattern), Infinity).map(pathBytes);
      return { pattern, isOptional, paths: paths.filter((path) => existsSync(path)) };
    });
  } finally {
    root.close();
  }
}

/** The variables of each file, in the order of systemd. @throws UsageError for a file that must be there */
export function environmentFiles(service: Described): readonly ReadonlyMap<string, string>[] {
  return namedFiles(service).flatMap(({ pattern, isOptional, paths }) => {
    if (paths.length === 0 && !isOptional)
      throw new UsageError(`${service.unit} cannot start: ${pattern}, its EnvironmentFile=, is not there`, {
        hint: `make the file; systemctl cat ${service.unit} shows the unit`,
      });
    return paths.map((path) => readEnvironmentFile(readFileSync(path, 'utf8')));
  });
}

/** The SHA-256 of each file that is there, by its path. */
export function environmentHashes(service: Described): Readonly<Record<string, string>> {
  const paths = namedFiles(service).flatMap((one) => one.paths);
  return Object.fromEntries(
    paths.map((path) => [String(path), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}
