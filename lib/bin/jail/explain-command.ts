// uchroot-jail explain: why a file is in a jail, and the page about all of them.
import { UsageError } from '../../errors.ts';
import { explainFile } from '../../jail/listing.ts';
import { option } from '../../values/command-option.ts';
import { path as pathValue } from '../../values/validators.ts';
import { type Command, valueOf, wrongNumber } from '../dispatch.ts';
import { writeJailPage } from './jail-page.ts';
import { showExplanation } from './jail-report.ts';

const filePath = pathValue('/root/jail.html');

export const explain: Command<unknown> = {
  synopsis: 'explain DIRECTORY PATH',
  summary: 'explains why a file is in the jail',
  options: [option('--html FILE', 'write a page that shows what is in the jail, how large it is, and why')],
  operands: [1, 2],
  run: async (read, _, directory, path?: Buffer) => {
    const file = valueOf(read, 'html')?.bytes;
    if (path === undefined && file === undefined) throw wrongNumber('uchroot-jail', explain, [directory]);
    if (path !== undefined && file !== undefined)
      throw new UsageError('--html shows the whole jail, and PATH is given too', {
        hint: 'leave one of both out',
      });
    if (file !== undefined) writeJailPage(directory, filePath(file, '--html'));
    return path === undefined ? '' : showExplanation(await explainFile({ directory, path }));
  },
};
