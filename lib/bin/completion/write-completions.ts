// Writes the scripts of the shells, when the commands are bundled: DIRECTORY/uchroot.bash, uchroot.fish and uchroot.zsh. The table
// takes the place of @TABLE@, in single quotes.
//   node write-completions.cjs SOURCES DIRECTORY
import { readFileSync, writeFileSync } from 'node:fs';

import { completionTable } from './completion-table.ts';

// How a quote is written within single quotes.
const quotes = { bash: String.raw`'\''`, fish: String.raw`\'`, zsh: String.raw`'\''` };

const [, , sources = '', directory = ''] = process.argv;
const table = completionTable().join('\n');
for (const [shell, quote] of Object.entries(quotes)) {
  const script = readFileSync(`${sources}/uchroot.${shell}`, 'utf8');
  writeFileSync(
    `${directory}/uchroot.${shell}`,
    script.replace('@TABLE@', () => table.replaceAll("'", quote)),
  );
}
