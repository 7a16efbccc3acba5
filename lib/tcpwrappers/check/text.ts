// What can be said of a file of rules by its text, and by the files of patterns that it names.

import { addRead, type Checked } from './checked.ts';
import { patternFiles, tellPatternFile } from './files.ts';
import { tellLine } from './lines.ts';
import { tellWords } from './words.ts';

function tellEnds(checked: Checked): void {
  const { text } = checked;
  const ends = text.match(/\r\n/g)?.length ?? 0;
  if (ends === 0) return;
  const line = text.slice(0, text.indexOf('\r\n')).split('\n').length;
  checked.add('crlf', { line }, `${ends} of its lines end in CR LF`, undefined);
}

/** Finds it. */
export function checkText(checked: Checked): void {
  for (const found of checked.table.findings) if (!checked.isCut(found.line)) addRead(checked, found);
  for (const line of checked.lines()) for (const told of tellLine(line)) checked.tell(line.line, told);
  tellEnds(checked);
  for (const rule of checked.rules()) {
    for (const told of tellWords(rule)) checked.tell(rule.line, told);
    for (const [at, file] of patternFiles(rule))
      for (const told of tellPatternFile(at, file)) checked.tell(rule.line, told);
  }
}
