// Lists the places where interpreters and daemons look for code because a text file names them. Pure.

import { type BytePath, joinPath, parentPath } from '../../binary/path.ts';
import type { Searched } from './searched-by-program.ts';

// Variables with paths of code (environ(7), ld.so(8), python(1), perlrun(1), ruby(1), node(1)).
const VARIABLES =
  'PATH|LD_(?:LIBRARY_PATH|PRELOAD|AUDIT)|PYTHON(?:PATH|HOME|STARTUP)|PERL5(?:LIB|DB)|PERLLIB|RUBYLIB|NODE_PATH|BASH_ENV|ENV';

interface Format {
  /** Matches the path of the file. */
  readonly file: RegExp;
  readonly by: string;
  /** Group 1 is the place that a line names; without it, the line names none. */
  readonly line: RegExp;
  /** Separates several places on one line. */
  readonly separator?: RegExp;
  /** Relative names count too, from the directory of the file. */
  readonly isRelative?: true;
}

const FORMATS: readonly Format[] = [
  // a line that begins with import is code, which the rule writable-code checks (site module of Python)
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
  // the path of a module, another file of rules, or the command of pam_exec(8)
  {
    file: /^\/etc\/pam\.(?:d\/[^/]+|conf)$/,
    by: 'a line of it',
    line: /^\s*(?:@include|(?:[\w.-]+\s+)?-?[a-z]+\s+(?:\[[^\]]*\]|[a-z]+)(?:\s+(?:\/\S*\/)?pam_exec\.so(?:\s+[^/\s]\S*)*)?)\s+(\/\S+)/,
  },
  {
    file: /\/gconv-modules(?:\.d\/[^/]+\.conf)?$/,
    by: 'a module line of it',
    line: /^\s*module\s+\S+\s+\S+\s+(\/\S+)/,
  },
  {
    file: /^\/etc\/(?:environment|profile|bash\.bashrc|profile\.d\/[^/]+)$/,
    by: 'a variable that it sets',
    line: new RegExp(`^\\s*(?:export\\s+)?(?:${VARIABLES})=["']?([^"'\\s;]+)`),
    separator: /:/,
  },
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
    by: 'a line of it',
    line: /^\s*(?:Load(?:Module\s+\S+|File)|Include(?:Optional)?)\s+"?([^"\s]+)/i,
  },
  {
    file: /^\/etc\/nginx\//,
    by: 'a line of it',
    line: /^\s*(?:load_module|include)\s+["']?([^"';\s]+)/,
  },
  {
    file: /^\/etc\/(?:redis|valkey)[^/]*(?:\/.*)?$/,
    by: 'a line of it',
    line: /^\s*(?:loadmodule|include)\s+"?([^"\s]+)/i,
  },
];

// A quick test for every file of a jail: most are none of these formats.
function canBeText(path: BytePath): boolean {
  return (
    path.startsWith('/etc/') || /(?:\.pth|\/pyvenv\.cfg|\.cnf|\/gconv-modules(?:\.d\/[^/]+)?)$/.test(path)
  );
}

/** Whether the path is that of a file that names such places. */
export function isSearchText(path: BytePath): boolean {
  return canBeText(path) && FORMATS.some(({ file }) => file.test(path));
}

/** The places that the text of the file at `path` names. */
export function* searchedByText(text: BytePath, path: BytePath): Generator<Searched> {
  const format = FORMATS.find(({ file }) => file.test(path));
  if (format === undefined) return;
  // Python also ends a line at a CR (open(), universal newlines); for the other programs a CR is a blank
  for (const line of text.split(/\r\n?|\n/)) {
    const named = format.line.exec(line)?.[1]?.trim() ?? '';
    const names = (format.separator === undefined ? [named] : named.split(format.separator)) as BytePath[];
    for (const name of names)
      if (name.startsWith('/') || (format.isRelative === true && name !== ''))
        yield { path: joinPath(parentPath(path), name), by: format.by };
  }
}
