// The words of --unit, --unit-name, --state and --runtime: an init system, and the names of a service and of its directories.
import { UsageError } from '../errors.ts';
import { oneOf, path, text } from '../values/validators.ts';
import { wrong } from '../values/wrong.ts';
import { quote } from '../words/quote.ts';
import { formats, type Format } from '../service/unit/service-unit.ts';
import { dangerOf } from '../trust/danger.ts';

// It may have only characters that need no quoting in a unit, in a shell or in a file name.
const serviceName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
// systemd.unit(5); a unit gets it by itself
const unitSuffix = /\.(?:service|socket)$/;

const initSystem = oneOf(formats, {
  foreign: { sysvinit: 'sysv', initd: 'sysv', 'init.d': 'sysv', init: 'sysv', service: 'systemd' },
  example: 'systemd',
});

/** The init system of --unit. @throws UsageError */
export const toInitSystem = (text: string): Format => initSystem(text as Format, '--unit');

/** The directory of --unit-dir. @throws UsageError for an empty name, which would be the working directory or / */
export const toUnitDirectory = (given: Buffer): Buffer => path('/etc/systemd/system')(given, '--unit-dir');

/** The name of a service: the given one, or the program's last component. @throws UsageError */
export function toName(text: string | undefined, program: string): string {
  const name = text ?? program.slice(program.lastIndexOf('/') + 1);
  if (serviceName.test(name) && !(text !== undefined && unitSuffix.test(name))) return name;
  throw wrong({
    key: '--unit-name',
    value: Buffer.from(name, 'latin1'),
    expected: 'letters, digits and . _ - without .service at the end',
    example: 'report',
  });
}

const directory = text(
  'the name of a directory',
  'report',
  /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/,
);

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
  return texts.map((text) => directory(text, `--${name}`));
}
