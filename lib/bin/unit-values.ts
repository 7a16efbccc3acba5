// The values of the options of a unit.
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';

import { UsageError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quote, toBuffer } from '../quote.ts';
import { formats, type Format } from '../service/unit/unit.ts';

/** @throws UsageError */
export function toFormat(text: string): Format {
  const format = formats.find((known) => known === text);
  if (format !== undefined) return format;
  const meant = nearest(text, formats);
  throw new UsageError(`--unit knows ${formats.join(', ')}, not '${quote(text)}'`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

/**
 * The name of a service: the given one, or the program's last component. Only what an init system, the shell of a script
 * and a file name take without a second thought.
 *
 * @throws UsageError
 */
export function toName(text: string | undefined, program: string): string {
  const name = text ?? program.slice(program.lastIndexOf('/') + 1);
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) return name;
  throw new UsageError(`'${quote(Buffer.from(name, 'latin1'))}' cannot be the name of a service`, {
    hint: 'give one of letters, digits, dots, dashes and underscores with --unit-name',
  });
}

/**
 * An absolute path without `.` and `..`, which settings of systemd do not take. What is before the last `..` is resolved by the
 * kernel: beyond a symbolic link it is above what the link leads to (path_resolution(7)).
 *
 * @throws UsageError if that is not there
 */
export function toPlainPath(path: Uint8Array | string): Buffer {
  const text = toBuffer(path).toString('latin1');
  const [, above, rest = ''] = /^(.*(?:^|\/)\.\.)(?:\/(.*))?$/s.exec(text) ?? [];
  if (above === undefined) return Buffer.from(resolve(text), 'latin1');
  try {
    // not realpathSync(), which begins with what the text says
    const found = realpathSync.native(Buffer.from(above, 'latin1'), 'buffer').toString('latin1');
    return Buffer.from(resolve(found, rest), 'latin1');
  } catch {
    throw new UsageError(
      `${quote(toBuffer(path))}: what is before its '..' is not there, so a unit cannot name it`,
    );
  }
}

/** A port, ADDRESS:PORT, a path, or @NAME in the abstract namespace (systemd.socket(5), ListenStream=). @throws UsageError */
export function toAddress(text: string): string {
  const port = /^(?:(?:[0-9.]+|\[[0-9a-fA-F:.]+\]):)?([0-9]{1,5})$/.exec(text)?.[1];
  // oxlint-disable-next-line no-control-regex
  const isPath = /^[/@][^\u0000-\u001f\u007f\ufffd]+$/.test(text) && !text.endsWith(' ');
  if (isPath || (port !== undefined && Number(port) >= 1 && Number(port) <= 65535)) return text;
  throw new UsageError(
    `--listen takes a port, ADDRESS:PORT, [ADDRESS]:PORT, a path or @NAME, not '${quote(text)}'`,
  );
}

/** Seconds, down to thousandths. @throws UsageError */
export function toSeconds(text: string): number {
  if (/^[0-9]{1,7}(\.[0-9]{1,3})?$/.test(text) && Number(text) > 0) return Number(text);
  throw new UsageError(`--watchdog takes seconds, not '${quote(text)}'`);
}

/** A signal's name, without SIG. @throws UsageError */
export function toSignal(text: string): string {
  const name = text.replace(/^SIG/, '');
  if (Object.hasOwn(constants.signals, `SIG${name}`)) return name;
  throw new UsageError(`--reload-signal: there is no signal ${quote(text)}`);
}
