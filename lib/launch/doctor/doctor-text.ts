// Prints which levels of isolation work: `uchroot --doctor`, as text and as JSON.
import { jsonDocument } from '../../json.ts';
import type { Capabilities, Lack, Level } from './levels.ts';

function lackLines(indent: string, { reason, remedy }: Lack): string {
  return `${indent}${reason}\n${remedy === undefined ? '' : `${indent}hint: ${remedy}\n`}`;
}

function levelLines({ name, option, works, lack, without }: Level): string {
  const head = `${name.padEnd(9)} ${(works ? 'yes' : 'no').padEnd(4)} ${option}`.trimEnd();
  const parts = without.map((part) => `  without ${part.option}:\n${lackLines('    ', part)}`);
  return `${head}\n${lack === undefined ? '' : lackLines('    ', lack)}${parts.join('')}`;
}

/** A line for each level, and below it why it does not work, and the remedy. */
export function doctorAsText({ uid, gid, best, levels }: Capabilities): string {
  const what = best === undefined ? 'no level of isolation works' : `the highest level that works is ${best}`;
  return `uid ${uid}, gid ${gid}: ${what}\n${levels.map(levelLines).join('')}`;
}

export function doctorAsJson(found: Capabilities): string {
  return jsonDocument(found);
}
