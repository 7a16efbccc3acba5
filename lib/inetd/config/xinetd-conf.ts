// Services in the language of xinetd.conf(5): `defaults` and `service NAME` sections.
import { basename } from 'node:path';

import {
  errorAt,
  toWord,
  type ConfiguredOption,
  type ConfiguredService,
  type ConfiguredServices,
  type NotCarried,
} from './configured-service.ts';
import type { HostProgram } from './inetd-conf.ts';
import { wrappedProgram } from './wrapped-program.ts';

/** An attribute with its words, and the line where it was set last. */
interface Attribute {
  readonly words: readonly string[];
  readonly line: number;
}

interface Section {
  readonly name: string;
  readonly line: number;
  readonly attributes: Map<string, Attribute>;
}

// Without these a service would be open to more clients, or for longer. only_from without a value lets nobody in.
const RESTRICTS = new Set('only_from no_access access_times max_load deny_time'.split(' '));
const ROWS: Readonly<
  Record<string, (words: readonly string[]) => readonly (readonly [name: string, text: string])[]>
> = {
  instances: ([count = '']) => [['instances', count === 'UNLIMITED' ? '100000' : count]],
  per_source: ([count = '']) => (count === 'UNLIMITED' ? [] : [['per-source', count]]),
  cps: ([count = '']) => [['rate', count]],
  banner: ([file = '']) => [['banner', file]],
  nice: ([value = '']) => [['nice', value]],
  umask: ([mode = '']) => [['umask', mode]],
  env: (words) => words.map((word) => ['setenv', word] as const),
  passenv: (words) => (words.length === 0 ? [] : [['pass-env', words.join(',')]]),
  rlimit_as: ([size = '']) => [
    [
      'rlimit',
      `as=${size.replace(/^([0-9]+)K$/, (_, n) => String(Number(n) * 1024)).replace(/^([0-9]+)M$/, (_, n) => String(Number(n) * 2 ** 20))}`,
    ],
  ],
  rlimit_files: ([count = '']) => [['rlimit', `nofile=${count}`]],
  rlimit_cpu: ([seconds = '']) => [['rlimit', `cpu=${seconds}`]],
  rlimit_data: ([size = '']) => [['rlimit', `data=${size}`]],
  rlimit_rss: ([size = '']) => [['rlimit', `rss=${size}`]],
  rlimit_stack: ([size = '']) => [['rlimit', `stack=${size}`]],
};
// Read elsewhere, or without a meaning here: the log has its own form, and one process asks the rules in any case.
const KNOWN = new Set(
  (
    'disable id type flags socket_type protocol wait user group groups server server_args libwrap port bind interface v6only ' +
    'log_type log_on_success log_on_failure umask enabled disabled mdns'
  ).split(' '),
);

function* sectionsOf(file: string, text: string): Generator<Section> {
  let open: Section | undefined;
  for (const [index, full] of text.split('\n').entries()) {
    const line = index + 1;
    const content = full.replace(/^\s*#.*$/, '').trim();
    const begin = /^(?:service\s+(\S+)|(defaults))\s*(\{)?$/.exec(content);
    if (begin !== null) open = { name: begin[1] ?? 'defaults', line, attributes: new Map() };
    else if (content === '}' && open !== undefined) {
      yield open;
      open = undefined;
    } else if (content !== '' && content !== '{') {
      const [, name = '', operator, value = ''] = /^(\w+)\s*([-+]?)=\s*(.*)$/.exec(content) ?? [];
      if (name === '' && /^include(dir)?\s/.test(content)) continue;
      if (name === '' || open === undefined)
        throw errorAt(file, line, `'${content}' is no attribute of a section`);
      const words = value.split(/\s+/).filter((word) => word !== '');
      const before = open.attributes.get(name)?.words ?? [];
      const now =
        operator === '+'
          ? [...before, ...words]
          : operator === '-'
            ? before.filter((word) => !words.includes(word))
            : words;
      open.attributes.set(name, { words: now, line });
    }
  }
  if (open !== undefined) throw errorAt(file, open.line, `the section ${open.name} is not closed`);
}

class XinetdFile {
  readonly #file: string;
  readonly #host: HostProgram;
  readonly services: ConfiguredService[] = [];
  readonly notCarried: NotCarried[] = [];

  constructor(file: string, host: HostProgram) {
    this.#file = file;
    this.#host = host;
  }

  read(text: string): ConfiguredServices {
    const sections = [...sectionsOf(this.#file, text)];
    const defaults =
      sections.find(({ name }) => name === 'defaults')?.attributes ?? new Map<string, Attribute>();
    for (const section of sections)
      if (section.name !== 'defaults' && section.attributes.get('disable')?.words[0] !== 'yes')
        this.#section(section, new Map([...defaults, ...section.attributes]));
    return this;
  }

  #section(section: Section, attributes: ReadonlyMap<string, Attribute>): void {
    const { name, line } = section;
    const lost = (message: string, at = line, isLeftOut = false): void =>
      void this.notCarried.push({
        file: this.#file,
        line: at,
        message,
        leftOut: isLeftOut ? name : undefined,
      });
    const leaveOut = (message: string, at = line): void => lost(message, at, true);
    const word = (key: string): string | undefined => attributes.get(key)?.words[0];
    const type = attributes.get('type')?.words ?? [];
    const restricting = [...attributes].find(
      ([key, { words }]) => key === 'only_from' || (RESTRICTS.has(key) && words.length > 0),
    );
    if (restricting !== undefined)
      return leaveOut(
        `${restricting[0]} is not carried over: write a rule into hosts.allow or hosts.deny`,
        restricting[1].line,
      );
    if (type.some((one) => one !== 'UNLISTED'))
      return leaveOut(`services of type ${type.join(' ')} are not carried over`);
    if (attributes.has('redirect')) return leaveOut('redirect is not carried over: it starts no program');
    const server = word('server');
    if (server === undefined) return leaveOut('it has no server');
    for (const [key, { line: at }] of section.attributes)
      if (!KNOWN.has(key) && !RESTRICTS.has(key) && !Object.hasOwn(ROWS, key))
        lost(`${key} is not carried over`, at);
    this.services.push(this.#service(section, attributes, server));
  }

  #listen(section: Section, attributes: ReadonlyMap<string, Attribute>): string {
    const word = (key: string): string | undefined => attributes.get(key)?.words[0];
    const isDatagram = word('socket_type') === 'dgram';
    const protocol = word('protocol')?.replace(/[46]$/, '') ?? (isDatagram ? 'udp' : 'tcp');
    const port = this.#host.portOf(word('port') ?? section.name, protocol);
    if (port === undefined)
      throw errorAt(this.#file, section.line, `services(5) has no port of ${section.name}/${protocol}`);
    const flags = attributes.get('flags')?.words ?? [];
    const host = word('bind') ?? word('interface') ?? (flags.includes('IPv6') ? '::' : '0.0.0.0');
    return `${host.includes(':') ? `[${host}]` : host}:${port}${protocol === 'udp' ? '/udp' : ''}`;
  }

  #service(section: Section, attributes: ReadonlyMap<string, Attribute>, server: string): ConfiguredService {
    const words = (key: string): readonly string[] => attributes.get(key)?.words ?? [];
    const flags = words('flags');
    const args = words('server_args');
    const started = wrappedProgram(server, flags.includes('NAMEINARGS') ? args : [basename(server), ...args]);
    const lineOf = (key: string): number => attributes.get(key)?.line ?? section.line;
    const option = (name: string, text: string, key: string): ConfiguredOption => ({
      name,
      word: toWord(text),
      line: lineOf(key),
    });
    const [login = 'root'] = words('user');
    const [group] = words('group');
    // xinetd asks libwrap by this name, unless a wrapper asks by another one
    const daemon = words('libwrap')[0] ?? started.daemon;
    const asks = !flags.includes('NOLIBWRAP') || started.program !== server;
    return {
      name: words('id')[0] ?? section.name,
      file: this.#file,
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
        ...(words('wait')[0] === 'yes' ? [option('wait', '', 'wait')] : []),
        ...(words('groups')[0] === 'yes' ? [] : [option('clear-groups', '', 'groups')]),
        ...[...attributes.keys()].flatMap((key) =>
          (ROWS[key]?.(words(key)) ?? []).map(([name, text]) => option(name, text, key)),
        ),
        ...started.options.map(([name, text]) => option(name, text, 'server_args')),
      ],
    };
  }
}

/** The services of a text that are not disabled. @throws UsageError for a text that xinetd could not read either */
export function readXinetdConf(file: string, text: string, host: HostProgram): ConfiguredServices {
  return new XinetdFile(file, host).read(text);
}
