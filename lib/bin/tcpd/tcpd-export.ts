// uchroot-tcpd export: writes the rules for nftables or systemd to stdout, and the rules that are lost to stderr.

import { UsageError } from '../../errors.ts';
import { option } from '../../values/command-option.ts';
import { quote } from '../../words/quote.ts';
import {
  type DaemonPort,
  type Exported,
  exportNftables,
  type ExportOptions,
  exportSystemd,
} from '../../tcpwrappers/export/export.ts';
import type { DaemonUnit } from '../../tcpwrappers/export/systemd-drop-ins.ts';
import { openHosts } from '../../tcpwrappers/hosts.ts';
import { show } from '../../tcpwrappers/text/latin1.ts';
import type { ReadArguments } from '../arguments.ts';
import { type Command, type Outcome, valuesOf } from '../dispatch.ts';
import { oneOf, toNamedFiles } from './tcpd-options.ts';

export const exportRules: Command<undefined> = {
  synopsis: 'export --to nftables|systemd [OPTION]...',
  summary: 'prints the rules for a firewall or for systemd; what is lost, on standard error',
  options: [
    option('--to nftables|systemd', 'a table for nft -f -, or drop-ins for units'),
    option('--port DAEMON=PORT[/tcp|/udp]', 'a port of a daemon; may be repeated'),
    option('--unit DAEMON=UNIT', 'the unit of a daemon; may be repeated'),
  ],
  statuses: '0 all is translated, 1 something is lost, 2 nothing is written.',
  operands: [0, 0],
  // a word behind --to is a daemon: all rules are translated
  meant: ([to]) => `uchroot-tcpd export --to ${to?.toString().startsWith('sys') ? 'systemd' : 'nftables'}`,
  failureStatus: 2,
  run: async (read) => {
    const to = oneOf(read, 'to', ['nftables', 'systemd']);
    if (to === undefined)
      throw new UsageError(`Usage: uchroot-tcpd ${exportRules.synopsis}`, {
        hint: 'uchroot-tcpd export --to nftables',
      });
    const { tables } = openHosts(toNamedFiles(read));
    const options: ExportOptions = { ports: toPorts(read), units: toUnits(read) };
    return Promise.resolve(
      report(to === 'nftables' ? exportNftables(tables, options) : exportSystemd(tables, options)),
    );
  },
};

// DAEMON=VALUE, whose value has a form of its own. The hint has the two words, whatever stands between them and in which order.
function pairOf(
  text: string,
  { option, form, isValue, example }: Pair,
): readonly [daemon: string, value: string] {
  const equals = text.indexOf('=');
  const [daemon, value] = [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)];
  if (daemon !== '' && isValue(value)) return [daemon, value];
  const words = text.split(/[=:, ]+/).filter((word) => word !== '');
  const right = words.find(isValue);
  const [name = 'sshd', other] = words.filter((word) => word !== right);
  throw new UsageError(`--${option} ${quote(text)}: write ${form}`, {
    hint: `for example --${option} ${quote(name)}=${right ?? example(name, other)}`,
  });
}

interface Pair {
  readonly option: string;
  readonly form: string;
  readonly isValue: (word: string) => boolean;
  /** A value where none was given. @param other the word that stands in its place */
  readonly example: (daemon: string, other?: string) => string;
}

const PORT = /^([0-9]{1,5})(?:\/(tcp|udp))?$/;

const portPair: Pair = {
  option: 'port',
  form: 'DAEMON=PORT[/tcp|/udp], where PORT is a number, and services(5) has those of names',
  isValue: (word) => Number(PORT.exec(word)?.[1] ?? Number.NaN) <= 65_535,
  example: () => '22',
};

const unitPair: Pair = {
  option: 'unit',
  form: 'DAEMON=NAME.service',
  // The name becomes part of a path.
  isValue: (word) => /^[\w@.:\\-]+\.service$/.test(word),
  example: (daemon, other = '') => {
    const name = /^(?:.*\/)?([\w@\\-]+)(?:\.\w+)?$/.exec(other)?.[1] ?? daemon;
    return `${quote(name)}.service`;
  },
};

function toPorts(read: ReadArguments): readonly DaemonPort[] {
  return valuesOf(read, 'port').map(({ text }) => {
    const [daemon, value] = pairOf(text, portPair);
    const [, port, protocol] = PORT.exec(value) ?? [];
    return { daemon, port: Number(port), protocol: protocol as DaemonPort['protocol'] };
  });
}

function toUnits(read: ReadArguments): readonly DaemonUnit[] {
  return valuesOf(read, 'unit').map(({ text }) => {
    const [daemon, unit] = pairOf(text, unitPair);
    return { daemon, unit };
  });
}

function report(exported: Exported): Outcome {
  const lines = 'unusable' in exported ? [exported.unusable] : exported.untranslated;
  for (const { file, line, word, message } of lines)
    process.stderr.write(`${show(file)}:${line}: ${show(word)}: ${message}\n`);
  if ('unusable' in exported) {
    process.stderr.write(`hint: ${exported.unusable.hint}\n`);
    return { text: '', status: 2 };
  }
  const { files } = exported;
  const [only] = files;
  const text =
    files.length === 1 && only?.path.endsWith('.nft') === true
      ? only.text
      : files.map(({ path, text }) => `# ${path}\n${text}`).join('\n');
  return { text, status: lines.length > 0 ? 1 : 0 };
}
