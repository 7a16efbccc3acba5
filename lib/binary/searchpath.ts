// The text of an RPATH or RUNPATH: directories with colons between them, and tokens in them (ld.so(8)).

import { type BytePath, trimSlashes } from './path.ts';

export type Tokens = Readonly<Record<'ORIGIN' | 'LIB' | 'PLATFORM', string | undefined>>;

/** Undefined if a token in it is not known. */
export function expandTokens(text: BytePath, tokens: Tokens): BytePath | undefined {
  if (!text.includes('$')) return text;
  let unknown = false;
  const expanded = text.replace(
    /\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g,
    (_, braced?: keyof Tokens, bare?: keyof Tokens) => {
      const value = tokens[braced ?? bare ?? 'ORIGIN'];
      if (value === undefined) unknown = true;
      return value ?? '';
    },
  );
  return unknown ? undefined : (expanded as BytePath);
}

/** Its directories, each once. An empty or relative one means the working directory, which is another one at every start. */
export function splitSearchPath(
  text: BytePath,
  tokens: Tokens,
): { readonly directories: readonly BytePath[]; readonly relative: readonly BytePath[] } {
  // one that is empty as a whole is ignored: decompose_rpath() of elf/dl-load.c
  const elements = text === '' ? [] : (text.split(':') as BytePath[]);
  const expanded = elements.flatMap((element) => expandTokens(element, tokens) ?? []);
  return {
    directories: [...new Set(expanded.filter((path) => path.startsWith('/')).map(trimSlashes))],
    relative: expanded.filter((path) => !path.startsWith('/')),
  };
}
