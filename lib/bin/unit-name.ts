// The words of --unit, --unit-name, --state and --runtime: an init system, and the names of a service and of its directories.
import { existsSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { didYouMean } from '../words/nearest.ts';
import { quote } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { formats, unitDirectories, type Format } from '../service/unit/service-unit.ts';
import { dangerOf } from '../trust/danger.ts';

// It may have only characters that need no quoting in a unit, in a shell or in a file name.
const serviceName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
// systemd.unit(5); a unit gets it by itself
const unitSuffix = /\.(?:service|socket)$/;

/**
 * The init system that is meant.
 *
 * @param hasName whether the command takes --unit-name
 * @throws UsageError
 */
export function toInitSystem(text: string, hasName: boolean): Format {
  const format = formats.find((known) => known === text);
  if (format !== undefined) return format;
  throw new UsageError(`--unit knows ${formats.join(', ')}, not '${quote(text)}'`, {
    hint:
      placeHint(text, hasName) ??
      didYouMean(text, formats, undefined, foreignFormats) ??
      'write --unit systemd',
  });
}

const foreignFormats = {
  sysvinit: 'sysv',
  initd: 'sysv',
  'init.d': 'sysv',
  init: 'sysv',
  service: 'systemd',
};

// The file of a unit, such as /etc/systemd/system/site.service, or its name.
function placeHint(text: string, hasName: boolean): string | undefined {
  const [, above = '', file = ''] = /^(.*?)\/*([^/]+)$/.exec(text) ?? [];
  const name = file.replace(unitSuffix, '');
  if ((above === '' && name === file) || !serviceName.test(name)) return undefined;
  const initd = existsSync('/sbin/openrc-run') ? 'openrc' : 'sysv';
  const found = formats.find((known) => unitDirectories[known] === above);
  const format = above === unitDirectories[initd] ? initd : (found ?? 'systemd');
  // the units of packages are in the other two
  const directory = /^(?:\/usr)?\/lib\/systemd\/system$/.test(above) ? unitDirectories.systemd : above;
  const place = directory === '' ? [] : ['--unit-dir', directory];
  return `write ${commandLine('--unit', format, ...place, ...(hasName ? ['--unit-name', name] : []))}`;
}

/** The name of a service: the given one, or the program's last component. @throws UsageError */
export function toName(text: string | undefined, program: string): string {
  const name = text ?? program.slice(program.lastIndexOf('/') + 1);
  if (serviceName.test(name) && !(text !== undefined && unitSuffix.test(name))) return name;
  const last = name.replace(/\/+$/, '').replace(/^.*\//, '').replace(unitSuffix, '');
  const right = last.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+|-+$/g, '');
  throw new UsageError(`'${quote(Buffer.from(name, 'latin1'))}' cannot be the name of a service`, {
    hint: `write --unit-name ${right === '' ? 'report' : right.slice(0, 128)}`,
  });
}

/**
 * The names of directories that systemd makes, relative to their base (systemd.exec(5), RuntimeDirectory=).
 * @throws UsageError for a name of another form, and for a directory that must not come into a jail
 */
export function toDirectories(name: string, base: string, texts: readonly string[]): readonly string[] {
  const dangerIn = (text: string) => dangerOf({ path: `${base}/${text}`, isReadOnly: false }, () => false);
  for (const text of texts) {
    const danger = dangerIn(text);
    if (danger !== undefined)
      throw new UsageError(`--${name} ${quote(text)}: ${quote(`${base}/${text}`)} ${danger.how}`, {
        hint: `give it a name of its own, such as --${name} report`,
      });
  }
  const wrong = texts.find(
    (text) => !/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/.test(text),
  );
  if (wrong === undefined) return texts;
  const last = /(\w[\w.-]*)\/*$/.exec(wrong)?.[1] ?? 'report';
  throw new UsageError(`--${name} takes the name of a directory, such as report, not '${quote(wrong)}'`, {
    hint: `write --${name} ${dangerIn(last) === undefined ? last : 'report'}`,
  });
}
