// Where interpreters and daemons look for code because a text file says so. Pure.

import { type BytePath, joinPath, parentPath } from '../../binary/path.ts';
import type { Searched } from './searched.ts';

interface Format {
  /** Of the path. */
  readonly file: RegExp;
  readonly by: string;
  /** What a line names; without a group 1 it names nothing. */
  readonly line: RegExp;
  /** Several stand on a line, with these between them. */
  readonly separator?: RegExp;
  /** Relative names count, from the directory of the file on. */
  readonly isRelative?: true;
}

const FORMATS: readonly Format[] = [
  // what begins with import is code, which writable-code looks at (site module of Python)
  {
    file: /\/(?:site|dist)-packages\/[^/]+\.pth$/,
    by: 'a line of it, which Python adds to sys.path,',
    line: /^(?!#|import[ \t])(.+)$/,
    isRelative: true,
  },
  {
    file: /\/pyvenv\.cfg$/,
    by: 'its "home", where Python looks for its modules,',
    line: /^\s*home\s*=\s*(.+)$/,
  },
  { file: /^\/etc\/ld\.so\.preload$/, by: 'it', line: /^([^#]+)/, separator: /[\s:]+/ },
  { file: /^\/etc\/pam\.(?:d\/[^/]+|conf)$/, by: 'a line of it', line: /^[^#]*\s(\/\S+\.so)(?:\s|$)/ },
  {
    file: /^\/etc\/php\/.*\.ini$/,
    by: 'a line of it',
    line: /^\s*(?:(?:zend_)?extension|extension_dir|include_path|auto_(?:prepend|append)_file)\s*=\s*"?([^";]+)/,
    separator: /:/,
  },
  {
    file: /\/openssl[^/]*\.cnf$/,
    by: 'a line of it',
    line: /^\s*(?:dynamic_path|module)\s*=\s*(\S+)/,
  },
  {
    file: /^\/etc\/(?:apache2|httpd)\//,
    by: 'a LoadModule line of it',
    line: /^\s*LoadModule\s+\S+\s+"?([^"\s]+)/,
  },
  { file: /^\/etc\/nginx\//, by: 'a load_module line of it', line: /^\s*load_module\s+["']?([^"';\s]+)/ },
];

// Most files are none of these; asked of every file of a jail.
function canBeText(path: BytePath): boolean {
  return (
    path.startsWith('/etc/') || path.endsWith('.pth') || path.endsWith('/pyvenv.cfg') || path.endsWith('.cnf')
  );
}

/** Whether the file at a path is one that names such places. */
export function isSearchText(path: BytePath): boolean {
  return canBeText(path) && FORMATS.some(({ file }) => file.test(path));
}

/** The absolute places that it names. */
export function searchedByText(text: BytePath, path: BytePath): readonly Searched[] {
  const format = FORMATS.find(({ file }) => file.test(path));
  if (format === undefined) return [];
  return text.split('\n').flatMap((line) => {
    const named = format.line.exec(line)?.[1]?.trim() ?? '';
    const names = (format.separator === undefined ? [named] : named.split(format.separator)) as BytePath[];
    return names
      .filter((name) => name.startsWith('/') || (format.isRelative === true && name !== ''))
      .map((name) => ({ path: joinPath(parentPath(path), name), by: format.by }));
  });
}
