// PHP: its configuration, and the extensions that this names.

import { type BytePath, showPath } from '../../binary/path.ts';
import { quote } from '../../quote.ts';
import { lacksAll } from './check.ts';
import { ifAsked, isDirectory } from './compiled.ts';
import type { Pack, Part } from './pack.ts';

const INTERPRETER = /^php(?:dbg)?[\d.]*(?:-(?:fpm|cgi|cli)[\d.]*)?$/;
const MODULE = /\/libphp[\d.]*\.so$/; // of a web server

// Where php.ini is, more of its kind, and extensions.
const DIRECTORIES = /(?<![\w./-])\/(?:usr|etc|opt)\/[\w./-]*php[\w./-]*/g;

export const php: Pack = {
  name: 'php',
  summary: "PHP's configuration, and the extensions that it names",
  when: { executables: INTERPRETER, paths: MODULE },
  parts: (host) => {
    const files = [...host.executables(INTERPRETER), ...host.paths(MODULE)];
    const found = new Set(files.flatMap((file) => host.texts(file, DIRECTORIES)));
    const directories = [...found].filter((path) => isDirectory(host, path));
    const configuration = directories.filter((path) => /\/etc\//.test(path));
    const settings = [
      '/etc/php.ini' as BytePath,
      ...configuration.flatMap((path) => host.find(`${path}/*.ini`)),
    ];
    const extensions = new Set(settings.flatMap((file) => extensionsIn(host.readText(file) ?? '')));
    return [
      ...ifAsked(host, 'php'),
      { path: '/etc/php.ini' },
      ...configuration.map((tree): Part => ({ tree, except: /\.(?:dpkg|ucf)-[a-z]+$/ })),
      ...[...extensions].flatMap((name) =>
        name.startsWith('/')
          ? [{ path: name }]
          : directories.flatMap((path) => [{ path: `${path}/${name}` }, { path: `${path}/${name}.so` }]),
      ),
    ];
  },
  check: async (jail) => {
    for (const program of jail.executables(/^php[\d.]*$/)) {
      const { exitCode, stderr, stdout } = await jail.run(program, '-r', 'exit(strlen("abc") - 3);');
      const warning = /^.*(?:Unable to (?:load|initialize)|Fatal error).*$/m.exec(
        `${stderr}\n${stdout}`,
      )?.[0];
      if (warning !== undefined) return quote(warning);
      if (exitCode !== 0) return `${showPath(program)} fails: exit status ${exitCode}`;
    }
    return lacksAll(jail, '/etc/php*', '/usr/local/etc/php', '/opt/*/etc/php*');
  },
};

// extension and zend_extension of php.ini: a name, the name of a file, or a path
function extensionsIn(text: string): readonly string[] {
  return Array.from(text.matchAll(/^\s*(?:zend_)?extension\s*=\s*"?([\w./-]+)/gm), ([, name]) => name ?? '');
}
