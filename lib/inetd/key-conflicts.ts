// Refuses keys of a service that exclude each other, and keys that would have no effect. Pure.
import { UsageError } from '../errors.ts';
import { hasInit } from '../launch/request/isolation-value.ts';
import type { NormalRequest } from '../launch/request/request.ts';
import { quote } from '../words/quote.ts';
import { showListenAddress, type ListenAddress } from './listen/listen-address.ts';

interface OwnKeys {
  readonly listen: readonly ListenAddress[];
  readonly wait: boolean;
  readonly activation: 'inetd' | 'systemd';
  readonly idleMs: number | undefined;
}

const isDatagram = (address: ListenAddress): boolean =>
  address.kind === 'internet' && address.protocol === 'udp';

const hasFile = (address: ListenAddress): boolean => address.kind === 'unix' && !address.path.startsWith('@');

// Why a service cannot have an idle limit; undefined if it can.
function whyNoIdle({ listen, wait }: OwnKeys): string | undefined {
  const address = listen.find((one) => one.kind === 'unix' || isDatagram(one));
  if (address !== undefined) {
    const shown = quote(showListenAddress(address));
    return isDatagram(address)
      ? `${shown} takes datagrams, and has no connections`
      : `${shown} is a unix socket, and the kernel does not keep the time of its last byte`;
  }
  return wait ? 'the program of wait accepts the connections itself, and they are not known here' : undefined;
}

const ACCEPTS = 'with wait the program accepts the clients itself';
const RULES = `${ACCEPTS}, and no rule is asked here`;
const TAKE_BACK = 'leave it out; in a service of a file, NAME = false takes back a default';
const ASKS = `${TAKE_BACK}. A program that uses libwrap reads /etc/hosts.allow and /etc/hosts.deny of its jail`;

/** Keys that need something else to have an effect: the option, why it has none, the remedy. */
const EFFECTS: Readonly<
  Record<
    string,
    readonly [
      option: string,
      hasEffect: (own: OwnKeys, launch: NormalRequest) => boolean,
      why: string,
      hint: string,
    ]
  >
> = {
  hostsAllow: ['hosts-allow', ({ wait }) => !wait, RULES, ASKS],
  hostsDeny: ['hosts-deny', ({ wait }) => !wait, RULES, ASKS],
  perSource: [
    'per-source',
    ({ wait }) => !wait,
    `${ACCEPTS}, and their sources are not known here`,
    TAKE_BACK,
  ],
  sourceRate: [
    'source-rate',
    ({ wait }) => !wait,
    `${ACCEPTS}, and their sources are not known here`,
    TAKE_BACK,
  ],
  banner: ['banner', ({ wait }) => !wait, `${ACCEPTS}, and sends what they get`, TAKE_BACK],
  activation: [
    'activation',
    ({ wait }) => wait,
    'only a program of wait gets the listening sockets: give wait as well',
    'add --wait (wait), or leave it out',
  ],
  socketMode: [
    'socket-mode',
    ({ listen }) => listen.some(hasFile),
    'no address is a unix socket with a path',
    TAKE_BACK,
  ],
  share: [
    'share',
    (_, launch) => hasInit(launch),
    'its connections have no namespaces of their own',
    `${TAKE_BACK}; --isolate (isolate) gives them some`,
  ],
};

/**
 * @param given the keys of the request, as they were given
 * @throws UsageError whose message begins with the key
 */
export function refuseConflicts(
  given: Readonly<Record<string, unknown>>,
  own: OwnKeys,
  launch: NormalRequest,
): void {
  const noIdle = own.idleMs === undefined ? undefined : whyNoIdle(own);
  if (noIdle !== undefined)
    throw new UsageError(`idleMs (--idle): ${noIdle}`, {
      hint: 'leave it out (idle): it is for TCP connections; --timeout (timeout, timeoutMs) ends any program',
    });
  if (own.listen.some(isDatagram) && !own.wait)
    throw new UsageError('a service of datagrams has no connections: give wait as well', {
      hint: 'the program then gets the socket, and reads the datagrams itself (inetd(8), wait)',
    });
  for (const [key, [option, hasEffect, why, hint]] of Object.entries(EFFECTS))
    if (given[key] !== undefined && !hasEffect(own, launch))
      throw new UsageError(`${key} (--${option}) has no effect: ${why}`, {
        hint: hint.replace('NAME', option),
      });
}
