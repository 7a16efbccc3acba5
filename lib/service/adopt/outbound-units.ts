// The units of a service that may call the names of a list: systemd.service(5), systemd.socket(5). Pure.
//
// Its network is a file in /run, which a unit makes. systemd opens the sockets in it, and the service enters it (NetworkNamespacePath=). A
// process without any privilege answers the sockets. If it ends, nothing gets out, and systemd starts it again with the same sockets.
import { resolve } from 'node:path';

import { commonCalls, commonFamilies, commonHardening } from '../unit/hardening.ts';
import { filterOf, type InstalledService, isListed } from './installed/installed-service.ts';

/** Where the words of the units lead. */
export interface RelayHost {
  readonly node: string;
  /** The directory of the commands. */
  readonly commands: string;
}

export interface UnitText {
  readonly name: string;
  readonly text: string;
}

const baseOf = (unit: string): string => `uchroot-outbound-${unit.replace(/\.service$/, '')}`;

/** Its network, the sockets in it, and the process that relays. */
export const outboundNames = (unit: string): readonly [network: string, sockets: string, relay: string] => [
  `${baseOf(unit)}-net.service`,
  `${baseOf(unit)}.socket`,
  `${baseOf(unit)}.service`,
];

const networkOf = (unit: string): string => `/run/uchroot-outbound/${baseOf(unit)}`;

/** The files of a service in its directory, which its jail has in place of those of the host. */
export const outboundFiles = ['resolv.conf', 'hosts'] as const;

/** What stands in them. Names of the host alone lead to its loopback; all others are asked for. @param hosts the text of /etc/hosts */
export const outboundFile = (name: (typeof outboundFiles)[number], hosts: string): string =>
  name === 'resolv.conf'
    ? 'nameserver 127.0.0.1\n'
    : hosts.replaceAll(/^(?!\s*(?:127\.|::1\s)).*\n?/gm, '') || '127.0.0.1 localhost\n::1 localhost\n';

/** Lines of [Unit] and of [Service] for what runs in the network. */
export const outboundLines = (
  unit: string,
): { readonly unit: readonly string[]; readonly service: readonly string[] } => ({
  unit: [`Requires=${outboundNames(unit).join(' ')}`, `After=${outboundNames(unit).join(' ')}`],
  // systemd-analyze(1) knows the second one alone; the first one counts
  service: [`NetworkNamespacePath=${networkOf(unit)}`, 'PrivateNetwork=yes'],
});

// Entries have letters, digits and `.:/,-_*=[]`, which mean nothing to systemd.
const commandOf = (name: 'make' | 'relay', { node, commands }: RelayHost, list: readonly string[]): string =>
  `${node} -e "require(process.argv[1]).openBundle('network')" -- ${commands}/open-bundle.cjs ${name} ${list.join(' ')}`;

/** The units of a list, which is in its normal form. The paths of the host have no blanks and no quotes. */
export function outboundUnits(unit: string, list: readonly string[], host: RelayHost): readonly UnitText[] {
  if (list.length === 0) return [];
  const [network, sockets, relay] = outboundNames(unit);
  const path = networkOf(unit);
  const heading = (description: string): string =>
    `# Made by uchroot-service: \`uchroot-service release ${unit}\` removes it.\n[Unit]\nDescription=${description}\n`;
  return [
    {
      name: network,
      text: `${heading(`network of ${unit}, for what it may call`)}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=/bin/sh -c "umount '${path}' 2>/dev/null; mkdir -p /run/uchroot-outbound && : >'${path}'"
ExecStart=unshare "--net=${path}" ${commandOf('make', host, list)}
ExecStopPost=/bin/sh -c "umount '${path}'; rm -f '${path}'"
`,
    },
    {
      name: sockets,
      text: `${heading(`sockets for what ${unit} may call`)}Requires=${network}
After=${network}

[Socket]
NetworkNamespacePath=${path}
ListenStream=[::]:1
ListenDatagram=[::]:53
ListenStream=[::]:53
BindIPv6Only=both
Transparent=yes
PassPacketInfo=yes
`,
    },
    {
      name: relay,
      text: `${heading(`relay for what ${unit} may call`)}Requires=${sockets}
After=${sockets} network.target nss-lookup.target
PartOf=${unit}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=${commandOf('relay', host, list)}
NonBlocking=yes
Restart=always
RestartSec=1
SyslogIdentifier=${baseOf(unit)}
DynamicUser=yes
BindReadOnlyPaths=${resolve(host.commands, '../..')}
${hardening.join('\n')}
`,
    },
  ];
}

// It needs no more than the network of the host. Its files may be in a home, or in /tmp, which DynamicUser= hides.
const hardening: readonly string[] = [
  ...commonHardening,
  'ProtectHome=read-only',
  'CapabilityBoundingSet=',
  `RestrictAddressFamilies=${commonFamilies.join(' ')}`,
  ...commonCalls,
];

/**
 * Why a service cannot have a list; undefined if it can.
 *
 * @param ports on which it listens itself, at addresses of the host; undefined if it does not run
 */
export function listRefusal(
  { unit, settings }: Pick<InstalledService, 'unit' | 'settings'>,
  { connectTo = [] }: { readonly connectTo?: readonly string[] | undefined },
  ports: readonly string[] | undefined,
): { readonly message: string; readonly hint: string } | undefined {
  const families = filterOf(settings, 'RestrictAddressFamilies');
  const isShut = families.names.length > 0 && families.isAllowed !== families.names.includes('AF_INET');
  const edit = `take it out of the unit, since the list says more: systemctl edit --full ${unit}; or leave --connect-to out`;
  const rows: readonly (readonly [isSo: boolean, reason: string, hint: string])[] = [
    [isShut, 'RestrictAddressFamilies= refuses AF_INET, by which it would call', edit],
    [
      isListed(settings, 'IPAddressDeny'),
      'IPAddressDeny= would refuse the addresses that stand for names',
      edit,
    ],
    [
      filterOf(settings, 'RestrictNetworkInterfaces').names.length > 0,
      'RestrictNetworkInterfaces= would refuse lo, by which it would call',
      edit,
    ],
    [
      isListed(settings, 'JoinsNamespaceOf'),
      'JoinsNamespaceOf= gives it the network of another service',
      edit,
    ],
    [
      ports === undefined,
      'it does not run, so nobody sees whether it listens in the network of the host',
      `systemctl start ${unit}, and adopt it then`,
    ],
    [
      (ports ?? []).length > 0,
      `it listens on ${(ports ?? []).toSorted().join(', ')}, and nobody would reach it in a network of its own`,
      'leave --connect-to out; or have systemd listen for it, by a socket unit (systemd.socket(5)), if it can take its sockets from there',
    ],
  ];
  const [, reason, hint = ''] = rows.find(([isSo]) => isSo) ?? [];
  return reason === undefined || connectTo.length === 0
    ? undefined
    : { message: `--connect-to: ${unit} cannot have a list: ${reason}`, hint };
}
