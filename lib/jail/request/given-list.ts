// Names that were given in one word.
import { commandLine } from '../../shell-word.ts';

/** The hint for several names with commas between them, where an option takes one; undefined for a single name. */
export function eachAlone(option: string, names: string): string | undefined {
  const each = names.split(',').filter((name) => name !== '');
  return each.length < 2 ? undefined : `write ${commandLine(...each.flatMap((name) => [option, name]))}`;
}
