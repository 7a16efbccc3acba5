// uchroot-tcpd export: writes the rules for nftables or systemd to stdout, and the rules that are lost to stderr.

import { UsageError } from '../../errors.ts';
import { option } from '../../command-option.ts';
import { quote } from '../../quote.ts';
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
  meant: ([to]) => `uchroot-tcpd export --to ${to?.toString().startsWith('s') ? 'systemd' : 'nftables'}`,
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

function pairOf(text: string, option: string, form: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals), text.slice(equals + 1)];
  const name = equals < 0 && /\D/.test(text) ? quote(text) : 'sshd';
  throw new UsageError(`--${option} ${quote(text)}: write ${form}`, {
    hint: `for example --${option} ${name}=${option === 'port' ? '22' : `${name}.service`}`,
  });
}

function toPorts(read: ReadArguments): readonly DaemonPort[] {
  const form = 'DAEMON=PORT[/tcp|/udp]';
  return valuesOf(read, 'port').map(({ text }) => {
    const [daemon, value] = pairOf(text, 'port', form);
    const [, number = '', protocol] = /^([0-9]{1,5})(?:\/(tcp|udp))?$/.exec(value) ?? [];
    if (number === '' || Number(number) > 65535)
      throw new UsageError(`--port ${quote(text)}: write ${form}`, {
        hint: `for example --port ${quote(daemon)}=22: PORT is a number, and services(5) has those of names`,
      });
    return { daemon, port: Number(number), protocol: protocol as DaemonPort['protocol'] };
  });
}

function toUnits(read: ReadArguments): readonly DaemonUnit[] {
  return valuesOf(read, 'unit').map(({ text }) => {
    const [daemon, unit] = pairOf(text, 'unit', 'DAEMON=UNIT');
    // The name becomes part of a path.
    if (!/^[\w@.:\\-]+\.service$/.test(unit))
      throw new UsageError(`--unit ${quote(text)}: write DAEMON=NAME.service`, {
        hint: `for example --unit ${quote(daemon)}=${quote(daemon)}.service`,
      });
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
