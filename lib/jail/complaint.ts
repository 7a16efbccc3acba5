// What a program says in a jail that lacks something of its own, and the line that may bring it. Pure.

import { quote } from '../quote.ts';

const MISSING =
  /no such file|not found|does ?n.t exist|does not exist|(?:cannot|can.t|couldn.t|could not|unable to|failed to) (?:find|open|load|locate|exec|execute|read|stat|initiali[sz]e|import)|no module named|is missing|\bENOENT\b|\/proc\b.*\bmounted/i;

// whether it knows the option that it was given is not what was asked
const OF_OPTION = /-version|\b(?:options?|usage|arguments?|flags?)\b/i;

/** Says that a program that failed complains of something missing; undefined if it does not. */
export function complaintOf(program: string, jail: string, output: string): string | undefined {
  const line = output
    .split('\n')
    .map((text) => text.trim())
    .find((text) => MISSING.test(text) && !OF_OPTION.test(text));
  if (line === undefined) return undefined;
  const said = `${program} --version fails in the jail: ${quote(line)}`;
  if (/\/proc\b/.test(line))
    return `${said}; mkdir -p ${jail}/proc && mount -t proc proc ${jail}/proc gives it that`;
  return `${said}; uchroot-jail build ${jail} --learn '${program} --version' adds what it opens on the host`;
}
