// Services in the language of xinetd.conf(5): `defaults` and `service NAME` sections.
import { isIP } from 'node:net';
import { basename } from 'node:path';

import {
  errorAt,
  toServiceName,
  toWord,
  type ConfiguredOption,
  type ConfiguredService,
  type ConfiguredServices,
  type NotCarried,
} from './configured-service.ts';
import type { HostProgram } from './inetd-conf.ts';
import { wrappedProgram } from './wrapped-program.ts';
import {
  attributesOf,
  defaultsOf,
  sectionsOf,
  type Attribute,
  type Attributes,
  type Include,
  type Section,
  type TextFile,
} from './xinetd-sections.ts';

// Without these a service would be open to more clients, or for longer. only_from without a value lets nobody in.
const RESTRICTS = new Set('only_from no_access access_times max_load deny_time'.split(' '));
// So would it be without these flags; SENSOR starts no program.
const RESTRICTING_FLAGS = new Set('SENSOR IDONLY LABELED'.split(' '));
// xinetd does not start a service with another value for them than yes or no, such as `disable = true`.
const SWITCHES = ['disable', 'wait', 'groups', 'v6only'] as const;
const KNOWN_FLAGS = new Set('NAMEINARGS NOLIBWRAP IPv4 IPv6 NORETRY REUSE'.split(' '));

type Row = (words: readonly string[]) => readonly (readonly [name: string, text: string])[];

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 2 ** 20 };

// K and M are those of xinetd.conf(5).
const rlimit =
  (name: string): Row =>
  ([value = '']) => {
    const [, digits, unit = ''] = /^([0-9]+)([KM]?)$/.exec(value) ?? [];
    const text = digits === undefined ? value.toLowerCase() : Number(digits) * (UNITS[unit] ?? 1);
    return [['rlimit', `${name}=${text}`]];
  };

const ROWS: Readonly<Record<string, Row>> = {
  instances: ([count = '']) => [['instances', count === 'UNLIMITED' ? '100000' : count]],
  per_source: ([count = '']) => (count === 'UNLIMITED' ? [] : [['per-source', count]]),
  cps: ([count = '']) => [['rate', count]],
  banner: ([file = '']) => [['banner', file]],
  banner_success: ([file = '']) => [['banner', file]],
  nice: ([value = '']) => (value.startsWith('-') ? [] : [['nice', value]]),
  umask: ([mode = '']) => [['umask', mode]],
  env: (words) => words.map((word) => ['setenv', word] as const),
  passenv: (words) => (words.length === 0 ? [] : [['pass-env', words.join(',')]]),
  rlimit_as: rlimit('as'),
  rlimit_files: rlimit('nofile'),
  rlimit_cpu: rlimit('cpu'),
  rlimit_data: rlimit('data'),
  rlimit_rss: rlimit('rss'),
  rlimit_stack: rlimit('stack'),
};
// Read elsewhere, or without a meaning here: the log has its own form, and one process asks the rules in any case.
const KNOWN = new Set(
  (
    'disable id type flags socket_type protocol wait user group groups server server_args libwrap port bind interface v6only ' +
    'log_type log_on_success log_on_failure enabled disabled mdns redirect rpc_version rpc_number'
  ).split(' '),
);

const TRANSPORTS: Readonly<Record<string, string>> = { stream: 'tcp', dgram: 'udp' };

class XinetdFiles {
  readonly #host: HostProgram;
  readonly services: ConfiguredService[] = [];
  readonly notCarried: NotCarried[] = [];

  constructor(host: HostProgram) {
    this.#host = host;
  }

  read(files: readonly TextFile[], include: Include): ConfiguredServices {
    const sections = [...sectionsOf(files, include)];
    const ofDefaults = sections.filter(({ name }) => name === 'defaults');
    const defaults = defaultsOf(ofDefaults);
    for (const section of ofDefaults) this.#loseUnknown(section);
    for (const section of sections) if (section.name !== 'defaults') this.#section(section, defaults);
    return this;
  }

  #lose({ file }: Section, message: string, line: number, leftOut?: string): void {
    this.notCarried.push({ file, line, message, leftOut });
  }

  #loseUnknown(section: Section): void {
    for (const { name, line } of section.assignments)
      if (!KNOWN.has(name) && !RESTRICTS.has(name) && !Object.hasOwn(ROWS, name))
        this.#lose(section, `${name} is not carried over`, line);
  }

  #section(section: Section, defaults: Attributes): void {
    const attributes = attributesOf(section, defaults);
    if (isOff(section, attributes)) return;
    const [message, line = section.line] = reasonToLeaveOut(attributes) ?? [];
    if (message !== undefined) return this.#lose(section, message, line, section.name);
    this.#loseUnknown(section);
    for (const flag of attributes.get('flags')?.words ?? [])
      if (!KNOWN_FLAGS.has(flag))
        this.#lose(
          section,
          `the flag ${flag} is not carried over`,
          attributes.get('flags')?.line ?? section.line,
        );
    const nice = attributes.get('nice');
    if (nice?.words[0]?.startsWith('-') === true)
      this.#lose(section, 'a negative nice is not carried over', nice.line);
    this.services.push(this.#service(section, attributes));
  }

  #listen({ file, name, line }: Section, attributes: Attributes): string {
    const word = (key: string): string | undefined => attributes.get(key)?.words[0];
    const protocol = protocolOf(attributes);
    const port = this.#host.portOf(word('port') ?? name, protocol);
    if (port === undefined) throw errorAt(file, line, `services(5) has no port of ${name}/${protocol}`);
    const flags = attributes.get('flags')?.words ?? [];
    const host = word('bind') ?? word('interface') ?? (flags.includes('IPv6') ? '::' : '0.0.0.0');
    const is6 = host.includes(':');
    const isOnly6 = is6 && word('v6only')?.toLowerCase() === 'yes';
    const suffix = isOnly6 ? `/${protocol}6` : protocol === 'udp' ? '/udp' : '';
    return `${is6 ? `[${host}]` : host}:${port}${suffix}`;
  }

  #service(section: Section, attributes: Attributes): ConfiguredService {
    const words = (key: string): readonly string[] => attributes.get(key)?.words ?? [];
    const flags = words('flags');
    const [server = ''] = words('server');
    const args = words('server_args');
    const started = wrappedProgram(server, flags.includes('NAMEINARGS') ? args : [basename(server), ...args]);
    const lineOf = (key: string): number => attributes.get(key)?.line ?? section.line;
    const option = (name: string, text: string, key: string): ConfiguredOption => ({
      name,
      word: toWord(text),
      line: lineOf(key),
    });
    const [login = ''] = words('user');
    const [group] = words('group');
    // xinetd asks libwrap by this name, unless a wrapper asks by another one
    const daemon = words('libwrap')[0] ?? started.daemon;
    const asks = !flags.includes('NOLIBWRAP') || started.program !== server;
    const isYes = (key: string): boolean => words(key)[0]?.toLowerCase() === 'yes';
    const rows = [...attributes.keys()].filter(
      (key) => key !== 'banner_success' || !attributes.has('banner'),
    );
    return {
      name: toServiceName(words('id')[0] ?? section.name),
      file: section.file,
      line: section.line,
      user: started.user ?? (group === undefined ? login : `${login}:${group}`),
      directory: started.directory ?? this.#host.directory,
      program: started.program,
      arguments: started.argv.slice(1),
      options: [
        option('listen', this.#listen(section, attributes), 'port'),
        option('daemon', basename(daemon), 'server'),
        ...(started.argv[0] === undefined || started.argv[0] === basename(started.program)
          ? []
          : [option('argv0', started.argv[0], 'server_args')]),
        ...(asks ? [] : ['hosts-allow', 'hosts-deny'].map((name) => option(name, '/dev/null', 'flags'))),
        ...(isYes('wait') ? [option('wait', '', 'wait')] : []),
        ...(isYes('groups') ? [] : [option('clear-groups', '', 'groups')]),
        ...rows.flatMap((key) =>
          (ROWS[key]?.(words(key)) ?? []).map(([name, text]) => option(name, text, key)),
        ),
        ...started.options.map(([name, text]) => option(name, text, 'server_args')),
      ],
    };
  }
}

const protocolOf = (attributes: Attributes): string =>
  attributes.get('protocol')?.words[0]?.replace(/[46]$/, '') ??
  (attributes.get('socket_type')?.words[0] === 'dgram' ? 'udp' : 'tcp');

// Services that xinetd does not start either.
function isOff({ name }: Section, attributes: Attributes): boolean {
  const id = attributes.get('id')?.words[0] ?? name;
  const isOn = attributes.get('enabled')?.words.includes(id) ?? true;
  const isDisabled = attributes.get('disable')?.words[0]?.toLowerCase() === 'yes';
  return isDisabled || !isOn || attributes.get('disabled')?.words.includes(id) === true;
}

function reasonToLeaveOut(
  attributes: Attributes,
): readonly [message: string, line?: number | undefined] | undefined {
  const word = (key: string): string | undefined => attributes.get(key)?.words[0];
  const type = attributes.get('type')?.words ?? [];
  const flags: Attribute | undefined = attributes.get('flags');
  const restricting = [...attributes].find(
    ([key, { words }]) => key === 'only_from' || (RESTRICTS.has(key) && words.length > 0),
  );
  if (restricting !== undefined)
    return [
      `${restricting[0]} is not carried over: write a rule into hosts.allow or hosts.deny`,
      restricting[1].line,
    ];
  const odd = SWITCHES.find((key) => !/^(yes|no)?$/i.test(word(key) ?? ''));
  if (odd !== undefined) return [`${odd} is neither yes nor no`, attributes.get(odd)?.line];
  const flag = flags?.words.find((one) => RESTRICTING_FLAGS.has(one));
  if (flag !== undefined) return [`services with the flag ${flag} are not carried over`, flags?.line];
  if (type.some((one) => one !== 'UNLISTED'))
    return [`services of type ${type.join(' ')} are not carried over`];
  if (attributes.has('redirect')) return ['redirect is not carried over: it starts no program'];
  const [socket = 'stream', protocol] = [word('socket_type'), protocolOf(attributes)];
  if (TRANSPORTS[socket] !== protocol) return [`${socket} sockets of ${protocol} are not carried over`];
  const host = word('bind') ?? word('interface');
  if (host !== undefined && isIP(host) === 0) return [`${host} is no address: write bind as a number`];
  if (word('server') === undefined) return ['it has no server'];
  if (word('user') === undefined) return ['it has no user'];
  return undefined;
}

/** The services of files and of those that they include, unless they are disabled. @throws UsageError for a text that xinetd could not read either */
export function readXinetdConf(
  files: readonly TextFile[],
  host: HostProgram,
  include: Include,
): ConfiguredServices {
  return new XinetdFiles(host).read(files, include);
}
