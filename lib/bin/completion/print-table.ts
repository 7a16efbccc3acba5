// Prints the table when the commands are bundled: uchroot-completion.ts puts it into the scripts of the shells.
import { completionTable } from './completion-table.ts';

process.stdout.write(completionTable().join('\n'));
