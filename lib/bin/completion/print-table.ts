// Prints the table when the commands are bundled: uchroot-completion.ts puts it into the scripts of the shells. It is compressed, because
// nothing else in the package is so large for what is read so rarely.
import { gzipSync } from 'node:zlib';

import { completionTable } from './completion-table.ts';

process.stdout.write(gzipSync(completionTable().join('\n'), { level: 9 }));
