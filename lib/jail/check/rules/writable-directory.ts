// Directories of programs, libraries and modules that others than root can write.

import { givenBack } from '../remedy.ts';
import type { Rule } from '../rule.ts';
import { listOf, writerOf } from '../writable.ts';
import { isSystemPath } from '../zone.ts';

export const writableDirectory: Rule = {
  id: 'writable-directory',
  group: 'tamper',
  severity: 'error',
  summary:
    'A directory of PATH, of the loader, of modules of an interpreter or of configuration can be written by others than root.',
  attack:
    'He exchanges what lies in it, or puts something before it: a library of the same name, a sitecustomize.py, a program ' +
    'that comes earlier in PATH (path_resolution(7), ld.so(8); CWE-427).',
  covers: ['mode', 'owner', 'sticky', 'upload-exec'],
  remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
  lookAt: (entry, jail) => {
    const { path, kind, zone, recorded, mode, uid } = entry;
    if (kind !== 'directory' || path === '/') return undefined;
    // whoever owns /dev exchanges its null device and its log
    if (!isSystemPath(path) && path !== '/dev' && !MODULES.test(path)) return undefined;
    if (zone !== 'system' && zone !== 'extra') return undefined;
    // the builder has made it so: a service keeps its data there
    if (recorded?.kind === 'directory' && recorded.mode === mode && recorded.uid === uid && uid !== 0)
      return undefined;
    const how = writerOf(entry, jail.users, listOf(entry, jail));
    if (how === undefined) return undefined;
    return { path, message: how, ...givenBack(entry, jail) };
  },
};

// Where the application of a service has the modules of others, which it loads by their names (site module of Python, modules of
// Node.js, gems of Bundler, Composer).
const MODULES = /\/(?:(?:site|dist)-packages|node_modules|vendor\/(?:bundle|composer))$/;
