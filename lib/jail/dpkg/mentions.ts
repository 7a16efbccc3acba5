// Searches the chosen executables for names, and calls the listeners of each name found.

import { remember } from '../../values/remember.ts';
import type { BytePath } from '../../tree/path.ts';
import type { Steps } from '../work/steps.ts';
import type { Executable } from './scanned-program.ts';
import { toKeys } from './scan-names.ts';

/** Called for each executable that contains the text. */
type Listener = (by: BytePath) => void;

const isPath = (text: string): boolean => text.startsWith('/');

/** A new executable is searched for all texts, an old one only for new texts: names of programs, and absolute paths. */
export function openMentions() {
  const listeners = new Map<string, Listener[]>();
  const mentions = new Map<string, BytePath[]>();
  const known = new Set<string>();
  let fresh = new Set<string>();
  const searched: Executable[] = [];
  let added: Executable[] = [];

  function awaitText(text: string, listener: Listener): void {
    if (!known.has(text)) fresh.add(text);
    remember(listeners, text, () => []).push(listener);
    for (const by of mentions.get(text) ?? []) listener(by);
  }

  function* searchFor(texts: ReadonlySet<string>, executables: readonly Executable[]): Steps<void> {
    const names = toKeys([...texts].filter((text) => !isPath(text)));
    const wanted = { names, paths: toKeys([...texts].filter(isPath)) };
    for (const executable of executables) {
      for (const text of executable.mentions(wanted)) {
        remember(mentions, text, () => []).push(executable.path);
        for (const listener of listeners.get(text) ?? []) listener(executable.path);
      }
      yield;
    }
  }

  return {
    awaitName: awaitText,
    /** Waits for a path, or one below it. */
    awaitPath: awaitText,
    add: (executable: Executable) => added.push(executable),
    /** Searches the added executables for the awaited texts; false if there was nothing left to search. */
    *search(): Steps<boolean> {
      const [now, executables] = [fresh, added];
      if (now.size + executables.length === 0) return false;
      fresh = new Set();
      added = [];
      if (now.size > 0) yield* searchFor(now, searched);
      for (const text of now) known.add(text);
      yield* searchFor(known, executables);
      searched.push(...executables);
      return true;
    },
  };
}
