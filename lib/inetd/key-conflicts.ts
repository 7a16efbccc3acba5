// Refuses keys of a service that exclude each other, and keys that would have no effect. Pure.
import type { UsageError } from '../errors.ts';
import { hasInit } from '../launch/request/isolation-value.ts';
import type { NormalRequest } from '../launch/request/request.ts';
import { needs, usageError } from '../values/wrong.ts';
import { quote } from '../words/quote.ts';
import { showListenAddress, type ListenAddress } from './listen/listen-address.ts';

type Name = (key: string) => string;

interface OwnKeys {
  readonly listen: readonly ListenAddress[];
  readonly wait: boolean;
  readonly activation: 'inetd' | 'systemd';
  readonly idleMs: number | undefined;
}

const isDatagram = (address: ListenAddress): boolean =>
  address.kind === 'internet' && address.protocol === 'udp';

const hasFile = (address: ListenAddress): boolean => address.kind === 'unix' && !address.path.startsWith('@');

const LIMITED = (name: Name) => `; ${name('timeoutMs')} limits how long the program runs`;

// Why a service cannot have an idle limit, and more for the hint; undefined if it can.
function whyNoIdle({
  listen,
  wait,
}: OwnKeys): readonly [why: string, more?: (name: Name) => string] | undefined {
  const address = listen.find((one) => one.kind === 'unix' || isDatagram(one));
  if (address !== undefined) {
    const shown = quote(showListenAddress(address));
    return [
      isDatagram(address)
        ? `${shown} takes datagrams, and has no connections`
        : `${shown} is a unix socket, and the kernel does not keep the time of its last byte`,
    ];
  }
  if (!wait) return undefined;
  return ['the program of wait accepts the connections itself, and they are not known here', LIMITED];
}

const ACCEPTS = 'with wait the program accepts the clients itself';
const RULES = `${ACCEPTS}, and no rule is asked here`;
const SOURCES = `${ACCEPTS}, and their sources are not known here`;
const LIBWRAP = () => '. A program that uses libwrap reads /etc/hosts.allow and /etc/hosts.deny of its jail';

const isAccepted = ({ wait }: OwnKeys): boolean => !wait;

/** Keys that need something else to have an effect, why they have none then, and more for the hint. */
const EFFECTS: Readonly<
  Record<
    string,
    readonly [
      hasEffect: (own: OwnKeys, launch: NormalRequest) => boolean,
      why: string,
      more?: (name: Name) => string,
    ]
  >
> = {
  hostsAllow: [isAccepted, RULES, LIBWRAP],
  hostsDeny: [isAccepted, RULES, LIBWRAP],
  perSource: [isAccepted, SOURCES],
  sourceRate: [isAccepted, SOURCES],
  banner: [isAccepted, `${ACCEPTS}, and sends what they get`],
  activation: [({ wait }) => wait, 'only a program of wait gets the listening sockets'],
  socketMode: [({ listen }) => listen.some(hasFile), 'no address is a unix socket with a path'],
  share: [(_, launch) => hasInit(launch), 'its connections have no namespaces of their own'],
};

/**
 * @param given the keys of the request, as they were given
 * @throws UsageError with the key
 */
export function refuseConflicts(
  given: Readonly<Record<string, unknown>>,
  own: OwnKeys,
  launch: NormalRequest,
): void {
  const noIdle = own.idleMs === undefined ? undefined : whyNoIdle(own);
  if (noIdle !== undefined) throw withoutEffect('idleMs', given, ...noIdle);
  if (own.listen.some(isDatagram) && !own.wait)
    throw needs('listen', 'wait', true, 'a service of datagrams has no connections');
  for (const [key, [hasEffect, why, more]] of Object.entries(EFFECTS))
    if (given[key] !== undefined && !hasEffect(own, launch)) throw withoutEffect(key, given, why, more);
}

function withoutEffect(
  key: string,
  { [key]: value }: Readonly<Record<string, unknown>>,
  why: string,
  more?: (name: Name) => string,
): UsageError {
  return usageError(
    ({ name }) => ({
      message: `${name(key)} has no effect: ${why}`,
      hint: `leave it out${more?.(name) ?? ''}`,
    }),
    { key, value, expected: 'left out' },
  );
}
