// How exposed a service is, before and after its adoption, and who enters its jail because of that.
import { rmSync } from 'node:fs';

import { readVersion } from '../../version.ts';
import { dropInOf } from './adoption-plan.ts';
import { type Exposure, findRecord } from './adoption-record.ts';
import type { Adoption } from './adoption.ts';
import { runHost } from './host-command.ts';
import { makeTemporary, writeHostFile } from './host-file.ts';
import { withOwn } from './installed/later-drop-in.ts';
import { dropInText } from './service-drop-in.ts';

// Asks systemd-analyze(1) for the exposure of a unit with this text.
async function exposureOf(unit: string, text: string): Promise<number | undefined> {
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

/** What is adopted, and how exposed the service is before and after (systemd-analyze(1)). */
export interface Chosen {
  readonly adoption: Adoption;
  readonly exposure: Exposure;
}

const ofLauncher = 'with the launcher the exposure would be';

// What was measured of the present jail, if the new one differs from it only by its directory.
function knownExposure(adoption: Adoption, vendor: string): Chosen | undefined {
  const { plan, exposure } = findRecord(adoption.service.unit) ?? {};
  if (plan === undefined || exposure === undefined || plan.unitText !== vendor.trimEnd()) return undefined;
  const wasWorse = plan.entryReason?.startsWith(ofLauncher) === true && adoption.entry === 'launcher';
  const { entry, entryReason } = wasWorse ? plan : adoption;
  const one = { ...adoption, entry, entryReason };
  const isSame = dropInText({ ...one, directory: plan.directory }, readVersion()) === dropInOf(plan);
  return isSame ? { adoption: one, exposure } : undefined;
}

/**
 * Measures the exposure. The launcher needs capabilities to enter the jail: where that would make the service more exposed than the
 * vendor's, systemd enters it.
 */
export async function measure(adoption: Adoption, vendor: string): Promise<Chosen> {
  const { unit } = adoption.service;
  const known = knownExposure(adoption, vendor);
  if (known !== undefined) return known;
  const measured = (one: Adoption) => exposureOf(unit, withOwn(vendor, dropInText(one, readVersion())));
  const before = await exposureOf(unit, vendor);
  const after = await measured(adoption);
  const isWorse = before !== undefined && after !== undefined && after > before;
  if (adoption.entry === 'systemd' || !isWorse) return { adoption, exposure: { before, after } };
  const entryReason = `${ofLauncher} ${after}, and it is ${before} now`;
  const other = { ...adoption, entry: 'systemd' as const, entryReason };
  return { adoption: other, exposure: { before, after: await measured(other) } };
}
