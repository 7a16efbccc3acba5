// uchroot-tcpd export: writes the rules for nftables or systemd to stdout, and the rules that are lost to stderr.

import { UsageError } from '../../errors.ts';
import { option } from '../../values/command-option.ts';
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
import { type Command, type Outcome, textsOf } from '../dispatch.ts';
import { expecting } from '../../values/validators.ts';
import { toNamedFiles, wordOf } from './tcpd-options.ts';

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
  failureStatus: 2,
  run: async (read) => {
    const to = wordOf(read, 'to', ['nftables', 'systemd']);
    if (to === undefined)
      throw new UsageError(`Usage: uchroot-tcpd ${exportRules.synopsis}`, {
        hint: 'uchroot-tcpd export --to nftables',
      });
    const { tables } = openHosts(toNamedFiles(read));
    const options: ExportOptions = {
      ports: textsOf(read, 'port').map((text) => ports(text, '--port')),
      units: textsOf(read, 'unit').map((text) => units(text, '--unit')),
    };
    return Promise.resolve(
      report(to === 'nftables' ? exportNftables(tables, options) : exportSystemd(tables, options)),
    );
  },
};

const ports = expecting<string, DaemonPort>(
  'DAEMON=PORT[/tcp|/udp] with the number of a port',
  'sshd=22',
  (text) => {
    const [, daemon = '', port, protocol] = /^([^=]+)=([0-9]{1,5})(?:\/(tcp|udp))?$/.exec(String(text)) ?? [];
    return port === undefined || Number(port) === 0 || Number(port) > 65_535
      ? undefined
      : { daemon, port: Number(port), protocol: protocol as DaemonPort['protocol'] };
  },
);

// The name becomes part of a path.
const units = expecting<string, DaemonUnit>('DAEMON=NAME.service', 'sshd=ssh.service', (text) => {
  const [, daemon = '', unit] = /^([^=]+)=([\w@.:\\-]+\.service)$/.exec(String(text)) ?? [];
  return unit === undefined ? undefined : { daemon, unit };
});

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
