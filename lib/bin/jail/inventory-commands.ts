// The commands of uchroot-jail that tell what a jail holds: its bill of materials.
import { BILL_FORMATS, describeJail } from '../../jail/describe-jail.ts';
import { fromText } from '../../jail/manifest/path-text.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { showPaths } from '../../tree/path.ts';
import { option } from '../../values/command-option.ts';
import { commandLine } from '../../words/shell-word.ts';
import { bytePath } from '../../tree/path.ts';
import { toFormat } from '../common-options.ts';
import { type Command, valueOf } from '../dispatch.ts';
import { sourceDateEpoch } from './source-date-epoch.ts';

interface Watch extends Required<Pick<JailWork, 'signal' | 'onProgress'>> {
  readonly onWarning: (warning: string) => void;
}

type InventoryCommand = Command<Watch>;

const sbom: InventoryCommand = {
  synopsis: 'sbom DIRECTORY [--format spdx|cyclonedx]',
  summary: 'prints a bill of materials: packages, files with hashes, and why each file is there',
  about: 'The same jail gives the same document. If SOURCE_DATE_EPOCH is set, that is its time.',
  options: [option('--format spdx|cyclonedx', 'SPDX 2.3 (default) or CycloneDX 1.6, as JSON')],
  operands: [1, 1],
  run: async (read, { signal, onProgress, onWarning }, directory) => {
    const format = toFormat(valueOf(read, 'format'), BILL_FORMATS);
    const createdS = sourceDateEpoch();
    const request = { signal, onProgress, directory, format, ...(createdS !== undefined && { createdS }) };
    const { text, changed, missing, unclear } = await describeJail(request);
    const checking = commandLine('uchroot-jail', 'check', bytePath(directory));
    const notes = [
      [changed, 'not as they were built, and described as they are now', `; ${checking} tells more`],
      [missing, 'no longer in the jail', `; ${checking} tells more`],
      [unclear, 'no metadata of a package, although their names say so', ''],
    ] as const;
    for (const [paths, what, more] of notes)
      if (paths.length > 0) onWarning(`${what}: ${showPaths(paths.map(fromText))}${more}`);
    return text;
  },
};

export const inventoryCommands = { sbom };
