// uchroot --doctor: prints which levels of isolation work. It is a separate bundle; see uchroot.ts.
import { exitStatuses } from '../errors.ts';
import { withoutKeys } from '../values/wrong.ts';
import { jsonDocument } from '../words/json.ts';
import { capabilities, type Capabilities, type Lack, type Level } from '../launch/doctor/isolation-levels.ts';

function lackLines(indent: string, { reason, remedy }: Lack): string {
  return `${indent}${reason}\n${remedy === undefined ? '' : `${indent}hint: ${withoutKeys(remedy)}\n`}`;
}

function levelLines({ name, option, works, lack, without }: Level): string {
  const head = `${name.padEnd(9)} ${(works ? 'yes' : 'no').padEnd(4)} ${option}`.trimEnd();
  const parts = without.map((part) => `  without ${part.option}:\n${lackLines('    ', part)}`);
  return `${head}\n${lack === undefined ? '' : lackLines('    ', lack)}${parts.join('')}`;
}

// A line for each level, and below it why it does not work, and the remedy.
function asText({ uid, gid, best, levels }: Capabilities): string {
  const what = best === undefined ? 'no level of isolation works' : `the highest level that works is ${best}`;
  return `uid ${uid}, gid ${gid}: ${what}\n${levels.map(levelLines).join('')}`;
}

/** Passes the text to `output`. @returns the exit status: 125 if no level works */
export async function examine(format: 'text' | 'json', output: (text: string) => void): Promise<number> {
  const found = await capabilities();
  output(format === 'json' ? jsonDocument(found) : asText(found));
  return found.best === undefined ? exitStatuses.failed : 0;
}
