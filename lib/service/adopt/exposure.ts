// The exposure of a service, as systemd-analyze(1) measures it from its settings.
import { mkdtempSync, rmSync } from 'node:fs';

import { runHost } from './host-command.ts';
import { toHostError, writeHostFile } from './host-file.ts';

/** A directory that only root can enter. @throws JailError with the errno */
export function makeTemporary(): string {
  try {
    return mkdtempSync('/run/uchroot-look-');
  } catch (error) {
    throw toHostError('/run', error);
  }
}

/** Asks for the exposure of a unit with this text, from 0 to 10; undefined if systemd-analyze cannot tell. */
export async function exposureOf(unit: string, text: string): Promise<number | undefined> {
  const directory = makeTemporary();
  try {
    const file = `${directory}/${unit}`;
    writeHostFile(file, text);
    // alone: the unit that is installed under this name may have drop-ins
    const { stdout } = await runHost('systemd-analyze', ['security', '--offline=yes', '--no-pager', file], {
      variables: { SYSTEMD_UNIT_PATH: directory },
    });
    const [, level] = /exposure level for .*: ([0-9.]+) /.exec(stdout) ?? [];
    return level === undefined ? undefined : Number(level);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
