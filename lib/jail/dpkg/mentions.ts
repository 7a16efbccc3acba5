// Searches the chosen executables for names, and calls the listeners of each name found.

import { remember } from '../../remember.ts';
import type { BytePath } from '../../binary/path.ts';
import type { Steps } from '../work/steps.ts';
import type { Executable } from './scanned-program.ts';
import { toWanted, type Wanted } from './scan-names.ts';

/** Called for each executable that contains the name. */
type Listener = (by: BytePath) => void;

interface Awaited {
  readonly names: Set<string>;
  readonly paths: Set<BytePath>;
}

/** A new executable is searched for all names, an old one only for new names. */
export function openMentions() {
  const listeners = new Map<string, Listener[]>();
  const mentions = new Map<string, BytePath[]>();
  const known: Awaited = { names: new Set(), paths: new Set() };
  let fresh: Awaited = { names: new Set(), paths: new Set() };
  const searched: Executable[] = [];
  let added: Executable[] = [];

  function listen(what: string, listener: Listener): void {
    remember(listeners, what, () => []).push(listener);
    for (const by of mentions.get(what) ?? []) listener(by);
  }
  function search(executable: Executable, wanted: Wanted): void {
    for (const what of executable.mentions(wanted)) {
      remember(mentions, what, () => []).push(executable.path);
      for (const listener of listeners.get(what) ?? []) listener(executable.path);
    }
  }

  return {
    /** Waits for the name of a program. */
    awaitName: (name: string, listener: Listener): void => {
      if (!known.names.has(name)) fresh.names.add(name);
      listen(name, listener);
    },
    /** Waits for a path, or one below it. */
    awaitPath: (path: BytePath, listener: Listener): void => {
      if (!known.paths.has(path)) fresh.paths.add(path);
      listen(path, listener);
    },
    add: (executable: Executable) => added.push(executable),
    /** Searches the added executables for the awaited names; false if there was nothing left to search. */
    *search(): Steps<boolean> {
      const [now, executables] = [fresh, added];
      if (now.names.size + now.paths.size + executables.length === 0) return false;
      fresh = { names: new Set(), paths: new Set() };
      added = [];
      if (now.names.size + now.paths.size > 0) {
        const wanted = toWanted(now.names, now.paths);
        for (const executable of searched) {
          search(executable, wanted);
          yield;
        }
      }
      for (const name of now.names) known.names.add(name);
      for (const path of now.paths) known.paths.add(path);
      const wanted = toWanted(known.names, known.paths);
      for (const executable of executables) {
        search(executable, wanted);
        yield;
      }
      searched.push(...executables);
      return true;
    },
  };
}
