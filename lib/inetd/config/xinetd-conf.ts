// Services in the language of xinetd.conf(5): `defaults` and `service NAME` sections.
import { isIP } from 'node:net';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import {
  toServiceName,
  type ConfiguredService,
  type ConfiguredServices,
  type Loss,
  notCarried,
  type NotCarried,
} from './configured-service.ts';
import { errorAt, toWord, type ConfiguredOption } from '../../values/toml-options.ts';
import { nearest } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { DATAGRAMS_NOWAIT, type HostProgram } from './inetd-conf.ts';
import { plainProgram, wrappedProgram } from './wrapped-program.ts';
import { fateOf } from './xinetd-attributes.ts';
import {
  attributesOf,
  defaultsOf,
  readSections,
  type Attribute,
  type Attributes,
  type Include,
  type Section,
  type TextFile,
} from '../../tcpwrappers/daemon/xinetd-sections.ts';

// Without these flags a service would be open to more clients. SENSOR starts no program.
const RESTRICTING_FLAGS = new Set('SENSOR IDONLY LABELED INTERCEPT'.split(' '));
// Attributes that rules can replace.
const RULES = new Set(['only_from', 'no_access']);
// xinetd does not start a service with another value for them than yes or no, such as `disable = true`.
const SWITCHES = ['disable', 'wait', 'groups', 'v6only'] as const;

// Attributes that act on each client. A program of wait accepts the clients itself.
const OF_CLIENTS = new Set(['per_source', 'banner', 'banner_success']);

type Place = Pick<Attribute, 'file' | 'line'>;
/** Why a service is left out, and the place of that reason in its file; undefined for the service itself. */
interface Reason extends Loss {
  readonly place?: Place | undefined;
}

const TRANSPORTS: Readonly<Record<string, string>> = { stream: 'tcp', dgram: 'udp' };

const mayStand = (name: string): boolean => fateOf(name)?.inDefaults === true;

class XinetdFiles {
  readonly #host: HostProgram;
  readonly services: ConfiguredService[] = [];
  readonly notCarried: NotCarried[] = [];
  readonly disabled: string[] = [];

  constructor(host: HostProgram) {
    this.#host = host;
  }

  read(files: readonly TextFile[], include: Include): ConfiguredServices {
    const sections: Section[] = [];
    const fault = readSections(files, include, sections);
    if (fault !== undefined) throw errorAt(fault.file, fault.line, fault.message, fault.hint);
    const ofDefaults = sections.filter(({ name }) => name === 'defaults');
    const defaults = defaultsOf(ofDefaults, mayStand);
    for (const { assignments } of ofDefaults)
      for (const { name, ...place } of assignments)
        if (!mayStand(name))
          this.#lose(place, { why: `${name} is not carried over: xinetd ignores it in defaults` });
    this.#loseParts(defaults);
    for (const section of sections) if (section.name !== 'defaults') this.#section(section, defaults);
    return this;
  }

  // Messages about defaults are printed once, not for each service.
  #lose(place: Place, loss: Loss, leftOut?: string): void {
    const lost = notCarried(place, loss, leftOut);
    if (!this.notCarried.some((one) => isDeepStrictEqual(one, lost))) this.notCarried.push(lost);
  }

  #loseParts(attributes: Attributes): void {
    for (const [name, attribute] of attributes) {
      const fate = fateOf(name);
      const messages =
        fate === undefined ? [`${name} is not carried over`] : (fate.lost?.(attribute.words, name) ?? []);
      for (const why of messages) this.#lose(attribute, { why });
    }
    const second = attributes.get('banner_success');
    if (second !== undefined && attributes.has('banner'))
      this.#lose(second, { why: 'banner_success is not carried over: a client gets one banner' });
  }

  #section(section: Section, defaults: Attributes): void {
    const attributes = attributesOf(section, defaults);
    if (isOff(section, attributes)) return void this.disabled.push(section.name);
    const reason = reasonToLeaveOut(attributes);
    if (reason !== undefined) return this.#lose(reason.place ?? section, reason, section.name);
    this.#loseParts(attributes);
    if (attributes.get('wait')?.words[0]?.toLowerCase() === 'yes')
      for (const [name, attribute] of attributes)
        if (OF_CLIENTS.has(name))
          this.#lose(attribute, {
            why: `${name} is not carried over for a wait service: its program accepts the clients`,
          });
    const listen = this.#listen(section, attributes);
    if (listen !== undefined) this.services.push(this.#service(section, attributes, listen));
  }

  /** @returns the address; undefined without a port, which is told */
  #listen(section: Section, attributes: Attributes): string | undefined {
    const word = (key: string): string | undefined => attributes.get(key)?.words[0];
    const protocol = protocolOf(attributes);
    const service = word('port') ?? section.name;
    const port = this.#host.portOf(service, protocol);
    if (port === undefined) {
      const why = `services(5) has no port of ${quote(service)}/${quote(protocol)}`;
      const remedy = 'write its number, such as port = 7000';
      this.#lose(attributes.get('port') ?? section, { why, remedy }, section.name);
      return undefined;
    }
    const flags = attributes.get('flags')?.words ?? [];
    const host = word('bind') ?? word('interface') ?? (flags.includes('IPv6') ? '::' : '0.0.0.0');
    const is6 = host.includes(':');
    const isOnly6 = is6 && word('v6only')?.toLowerCase() === 'yes';
    const suffix = isOnly6 ? `/${protocol}6` : protocol === 'udp' ? '/udp' : '';
    return `${is6 ? `[${host}]` : host}:${port}${suffix}`;
  }

  #service(section: Section, attributes: Attributes, listen: string): ConfiguredService {
    const words = (key: string): readonly string[] => attributes.get(key)?.words ?? [];
    const flags = words('flags');
    const [server = ''] = words('server');
    const args = words('server_args');
    const isYes = (key: string): boolean => words(key)[0]?.toLowerCase() === 'yes';
    const argv = flags.includes('NAMEINARGS') ? args : [basename(server), ...args];
    const started = isYes('wait') ? plainProgram(server, argv) : wrappedProgram(server, argv);
    const option = (name: string, text: string, key: string): ConfiguredOption => {
      const { file, line } = attributes.get(key) ?? section;
      return { name, word: toWord(text), line, ...(file !== section.file && { file }) };
    };
    const [login = ''] = words('user');
    const [group] = words('group');
    // xinetd asks libwrap by this name, unless a wrapper asks by another one
    const daemon = words('libwrap')[0] ?? started.daemon;
    const asks = isYes('wait') || !flags.includes('NOLIBWRAP') || started.program !== server;
    const rows = [...attributes.keys()].filter(
      (key) =>
        (key !== 'banner_success' || !attributes.has('banner')) && !(isYes('wait') && OF_CLIENTS.has(key)),
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
        option('listen', listen, 'port'),
        ...(isYes('wait') ? [] : [option('daemon', basename(daemon), 'server')]),
        ...(started.argv[0] === undefined || started.argv[0] === basename(started.program)
          ? []
          : [option('argv0', started.argv[0], 'server_args')]),
        ...(asks ? [] : ['hosts-allow', 'hosts-deny'].map((name) => option(name, '/dev/null', 'flags'))),
        ...(isYes('wait') ? [option('wait', '', 'wait')] : []),
        ...(isYes('groups') ? [] : [option('clear-groups', '', 'groups')]),
        ...rows.flatMap((key) =>
          (fateOf(key)?.options?.(words(key)) ?? []).map(([name, text]) => option(name, text, key)),
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

// A word that xinetd does not know.
function findUnknown(attributes: Attributes): Reason | undefined {
  for (const [name, attribute] of attributes) {
    const known = fateOf(name)?.known;
    const word = attribute.words.find((one) => known?.has(one) === false);
    if (word !== undefined)
      return {
        why: `${quote(word)} is no word of ${name}: xinetd does not start it either`,
        place: attribute,
      };
  }
  return undefined;
}

function findRestriction(attributes: Attributes): Reason | undefined {
  // only_from without a value lets nobody in
  const restricting = [...attributes].find(
    ([key, { words }]) => fateOf(key)?.restricts === true && (key === 'only_from' || words.length > 0),
  );
  if (restricting !== undefined)
    return {
      why: `${restricting[0]} is not carried over`,
      remedy: RULES.has(restricting[0])
        ? 'write a rule into hosts.allow or hosts.deny'
        : 'take it out to carry the service over without it',
      place: restricting[1],
    };
  const flags = attributes.get('flags');
  const flag = flags?.words.find((one) => RESTRICTING_FLAGS.has(one));
  if (flag !== undefined) return { why: `services with the flag ${flag} are not carried over`, place: flags };
  const wait = attributes.get('wait');
  if (wait?.words[0]?.toLowerCase() === 'yes' && flags?.words.includes('NOLIBWRAP') !== true)
    return {
      why: 'xinetd asks the rules for a wait service, and uchroot-inetd leaves that to the program',
      remedy: 'write flags = NOLIBWRAP to carry it over',
      place: wait,
    };
  return undefined;
}

function reasonToLeaveOut(attributes: Attributes): Reason | undefined {
  const word = (key: string): string | undefined => attributes.get(key)?.words[0];
  const type = attributes.get('type')?.words ?? [];
  const odd = SWITCHES.find((key) => !/^(yes|no)?$/i.test(word(key) ?? ''));
  if (odd !== undefined) return { why: `${odd} is neither yes nor no`, place: attributes.get(odd) };
  const found = findUnknown(attributes) ?? findRestriction(attributes);
  if (found !== undefined) return found;
  if (type.some((one) => one !== 'UNLISTED'))
    return { why: `services of type ${quote(type.join(' '))} are not carried over` };
  if (attributes.has('redirect')) return { why: 'redirect is not carried over: it starts no program' };
  const [socket = 'stream', protocol] = [word('socket_type'), protocolOf(attributes)];
  if (/^(?:tcp|udp)$/.test(socket))
    return {
      why: `socket_type ${socket} is a protocol`,
      remedy: `write socket_type = ${socket === 'udp' ? 'dgram' : 'stream'}`,
      place: attributes.get('socket_type'),
    };
  if (TRANSPORTS[socket] !== protocol)
    return { why: `${quote(socket)} sockets of ${quote(protocol)} are not carried over` };
  if (socket === 'dgram' && !/^yes$/i.test(word('wait') ?? ''))
    return { ...DATAGRAMS_NOWAIT, place: attributes.get('wait') };
  const host = word('bind') ?? word('interface');
  if (host !== undefined && isIP(host) === 0)
    return { why: `${quote(host)} is no address`, remedy: 'write bind as a number' };
  const server = attributes.get('server');
  if (server !== undefined && server.words.length > 1)
    return {
      why: 'server is one word',
      remedy: `write server_args = ${quote(server.words.slice(1).join(' '))}`,
      place: server,
    };
  return missing('server', attributes) ?? missing('user', attributes);
}

// An attribute that must be there. Another line may hold it misspelt.
function missing(key: string, attributes: Attributes): Reason | undefined {
  if (attributes.get(key)?.words[0] !== undefined) return undefined;
  for (const [name, attribute] of attributes)
    if (fateOf(name) === undefined && nearest(name, [key]) !== undefined)
      return { why: `it has no ${key}`, remedy: `write ${key} in place of ${quote(name)}`, place: attribute };
  return { why: `it has no ${key}` };
}

/** The services of files and of those that they include, unless they are disabled. @throws UsageError for a text that xinetd could not read either */
export function readXinetdConf(
  files: readonly TextFile[],
  host: HostProgram,
  include: Include,
): ConfiguredServices {
  return new XinetdFiles(host).read(files, include);
}
