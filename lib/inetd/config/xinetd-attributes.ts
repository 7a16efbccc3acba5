// The table of all attributes of xinetd.conf(5): the options for each, the parts that are lost, and whether it may stand in `defaults`.
// Pure.
import { quote } from '../../words/quote.ts';

type Words = readonly string[];

interface Fate {
  /** It may stand in `defaults`. xinetd ignores every other attribute there. */
  readonly inDefaults?: true;
  /** The options that do the same. */
  readonly options?: (words: Words) => readonly (readonly [name: string, text: string])[];
  /** One message for each part that is not carried over. */
  readonly lost?: (words: Words, name: string) => readonly string[];
  /** Without this attribute, the service would be open to more clients, or for a longer time. */
  readonly restricts?: true;
  /** The words that xinetd knows. It does not start a service with another one. */
  readonly known?: ReadonlySet<string>;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 2 ** 20 };

// K and M are those of xinetd.conf(5).
const rlimit = (name: string): Fate => ({
  options: ([value = '']) => {
    const [, digits, unit = ''] = /^([0-9]+)([KM]?)$/.exec(value) ?? [];
    const text = digits === undefined ? value.toLowerCase() : Number(digits) * (UNITS[unit] ?? 1);
    return [['rlimit', `${name}=${text}`]];
  },
});

// Each line of the log has pid, client, status and duration, and a refused client has a line too.
const logWords = (known: string): Fate => ({
  inDefaults: true,
  known: new Set(known.split(' ')),
  lost: (words, name) =>
    words
      .filter((word) => word === 'USERID' || word === 'TRAFFIC')
      .map((word) => `${name} ${word} is not carried over`),
});

const whole = (name: string): readonly string[] => [`${name} is not carried over`];
const inDefaults = true;
const restricts = true;
// These are read as parts of the address, the user or the program, or mean nothing for the services that are carried over.
const read: Fate = {};

const FATES: Readonly<Record<string, Fate>> = {
  id: read,
  type: read,
  flags: {
    known: new Set(
      'INTERCEPT NORETRY IDONLY NAMEINARGS NODELAY KEEPALIVE NOLIBWRAP SENSOR IPv4 IPv6 LABELED REUSE'.split(
        ' ',
      ),
    ),
    lost: (words) =>
      words
        .filter((word) => word === 'NODELAY' || word === 'KEEPALIVE')
        .map((word) => `the flag ${word} is not carried over`),
  },
  v6only: { inDefaults },
  disable: read,
  disabled: { inDefaults },
  enabled: { inDefaults },
  socket_type: read,
  protocol: read,
  wait: read,
  user: read,
  group: read,
  groups: { inDefaults },
  server: read,
  server_args: read,
  libwrap: read,
  port: read,
  bind: { inDefaults },
  interface: { inDefaults },
  // a service with it is left out, whatever its value
  redirect: read,
  // for types of services that are left out, and for other systems than Linux
  rpc_version: read,
  rpc_number: read,
  mdns: read,
  only_from: { inDefaults, restricts },
  no_access: { inDefaults, restricts },
  access_times: { restricts },
  max_load: { inDefaults, restricts },
  deny_time: { restricts },
  instances: {
    inDefaults,
    options: ([count = '']) => [['instances', count === 'UNLIMITED' ? '100000' : count]],
  },
  per_source: {
    inDefaults,
    options: ([count = '']) => (count === 'UNLIMITED' ? [] : [['per-source', count]]),
  },
  // clients wait where xinetd closes the service for a time
  cps: { inDefaults, options: ([count = '']) => [['rate', count]] },
  nice: {
    options: ([value = '']) => (value.startsWith('-') ? [] : [['nice', value]]),
    lost: ([value = '']) => (value.startsWith('-') ? ['a negative nice is not carried over'] : []),
  },
  umask: { inDefaults, options: ([mode = '']) => [['umask', mode]] },
  env: { options: (words) => words.map((word) => ['setenv', word] as const) },
  passenv: {
    inDefaults,
    options: (words) => (words.length === 0 ? [] : [['pass-env', words.join(',')]]),
  },
  rlimit_as: rlimit('as'),
  rlimit_files: rlimit('nofile'),
  rlimit_cpu: rlimit('cpu'),
  rlimit_data: rlimit('data'),
  rlimit_rss: rlimit('rss'),
  rlimit_stack: rlimit('stack'),
  banner: {
    inDefaults,
    options: ([file = '']) => [['banner', file]],
    lost: () => ['banner is not carried over for clients that are denied: they read nothing'],
  },
  banner_success: { inDefaults, options: ([file = '']) => [['banner', file]] },
  banner_fail: { inDefaults, lost: (_, name) => whole(name) },
  log_type: {
    inDefaults,
    options: ([type]) => (type === 'SYSLOG' ? [['log', 'syslog']] : []),
    lost: ([type, where = '', level = 'info']) => {
      if (type !== 'SYSLOG')
        return [
          `log_type ${quote(type ?? '')} is not carried over: lines go to standard error, and not to ${quote(where)}`,
        ];
      if (where === 'daemon' && level === 'info') return [];
      return [
        `log_type: ${quote(`${where}.${level}`)} is not carried over: lines go to daemon.info and daemon.warning`,
      ];
    },
  },
  log_on_success: logWords('PID HOST USERID EXIT DURATION TRAFFIC'),
  log_on_failure: logWords('HOST USERID ATTEMPT'),
};

/** The row of an attribute; undefined if xinetd does not know it either. */
export function fateOf(name: string): Fate | undefined {
  return Object.hasOwn(FATES, name) ? FATES[name] : undefined;
}
