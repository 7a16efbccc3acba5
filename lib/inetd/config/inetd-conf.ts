// Services in the language of inetd.conf(5), as openbsd-inetd reads it.
import { isIPv4, isIPv6 } from 'node:net';

import {
  errorAt,
  nameOf,
  toServiceName,
  toWord,
  type ConfiguredServices,
  type ConfiguredService,
  type NotCarried,
} from './configured-service.ts';
import type { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import type { PortOf } from './service-ports.ts';
import { isRun, plainProgram, wrappedProgram } from './wrapped-program.ts';

/** The jail of programs that name none, and what the host has. */
export interface HostProgram {
  readonly directory: string;
  readonly portOf: PortOf;
  readonly hasIPv6: boolean;
}

const FORM =
  'SERVICE TYPE PROTOCOL WAIT USER PROGRAM [ARGUMENT]..., such as: 7000 stream tcp nowait sam /bin/id id; the name of a file in TOML ends in .toml';

/** Why a service of datagrams without `wait` is left out. */
export const DATAGRAMS_NOWAIT =
  'datagrams without wait are not carried over: write wait, if the program reads all datagrams that come';

const PROTOCOLS = /^(tcp|udp)(4|6|46|6only)?$/;
const WAIT = /^(wait|nowait)(?:[.:]([0-9]+))?$/;
const TRANSPORTS: Readonly<Record<string, string>> = { stream: 'tcp', dgram: 'udp' };

interface Fields {
  readonly name: string;
  readonly type: string;
  readonly protocol: string;
  readonly wait: string;
  readonly user: string;
  readonly path: string;
  readonly argv: readonly string[];
}

interface Line {
  readonly words: string[];
  /** Its number, from 1. */
  readonly line: number;
}

// A line that begins with a blank continues the arguments of the line before.
function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (const [index, full] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const content = full.trim();
    if (content === '' || (content.startsWith('#') && !full.startsWith('#@'))) continue;
    const words = content.split(/[ \t]+/);
    const before = lines.at(-1);
    if (/^[ \t]/.test(full) && before !== undefined) for (const word of words) before.words.push(word);
    else lines.push({ words, line: index + 1 });
  }
  return lines;
}

// `ADDRESS,ADDRESS:SERVICE`. The last colon counts, since an address of IPv6 need not have brackets. `*` is all addresses.
function splitAddress(
  text: string,
  remembered: readonly string[],
): readonly [addresses: readonly string[], service: string] {
  const end = text.lastIndexOf(':');
  if (end < 0) return [remembered, text];
  return [addressesOf(text.slice(0, end)), text.slice(end + 1)];
}

const addressesOf = (text: string): readonly string[] =>
  text.split(',').map((address) => address.replace(/^\[(.*)\]$/, '$1'));

class InetdFile {
  readonly #file: string;
  readonly #host: HostProgram;
  services: ConfiguredService[] = [];
  readonly notCarried: NotCarried[] = [];
  readonly #names = new Map<string, number>();
  #addresses: readonly string[] = ['*'];

  constructor(file: string, host: HostProgram) {
    this.#file = file;
    this.#host = host;
  }

  read(text: string): ConfiguredServices {
    for (const { words, line } of linesOf(text)) this.#line(words, line);
    this.#dropReplaced();
    return this;
  }

  #line(words: readonly string[], line: number): void {
    const [name = '', type = '', protocols = '', wait = '', user = '', path = '', ...argv] = words;
    // `ADDRESS:` alone is the address of the lines that follow
    if (words.length === 1 && name.endsWith(':')) {
      this.#addresses = addressesOf(name.slice(0, -1));
      return;
    }
    if (name.startsWith('#@')) return this.#lose('a policy of IPsec is not carried over', line);
    if (path === '') throw errorAt(this.#file, line, 'it has fewer than six fields (inetd.conf(5))', FORM);
    const leaveOut = (message: string): void => this.#lose(message, line, name);
    if (PROTOCOLS.test(type))
      return leaveOut(
        `it has no type of socket: write ${[name, PROTOCOLS.exec(type)?.[1] === 'udp' ? 'dgram' : 'stream', ...words.slice(1)].join(' ')}`,
      );
    if (user.startsWith('/')) throw this.#missingField(words, line);
    if (path === 'internal')
      return leaveOut(
        'services that inetd performs itself are not carried over: name a program, such as /bin/cat for echo',
      );
    if (protocols.startsWith('rpc/')) return leaveOut('RPC services are not carried over');
    const [protocol = '', ...sizes] = protocols.split(',');
    const isUnix = protocol === 'unix' && type === 'stream';
    const [, transport] = PROTOCOLS.exec(protocol) ?? [];
    if (!isUnix && (transport === undefined || TRANSPORTS[type] !== transport))
      return leaveOut(`${quote(type)} sockets of ${quote(protocol)} are not carried over`);
    if (type === 'dgram' && wait.startsWith('nowait')) return leaveOut(DATAGRAMS_NOWAIT);
    if (wait.startsWith('wait') && isRun(path, argv))
      return leaveOut(
        'uchroot-tcpd run of a wait service is not carried over: here its program has to ask the rules',
      );
    if (sizes.length > 0) this.#lose(`${quote(sizes.join(','))} is not carried over`, line);
    const fields = { name, type, protocol, wait, user, path, argv };
    const listen = this.#listen(fields);
    if (typeof listen === 'string') return leaveOut(listen);
    this.services.push(this.#service(fields, listen, line));
  }

  // The program stands where USER does, so one field before it is missing: USER, or nowait.
  #missingField(words: readonly string[], line: number): UsageError {
    const [name = '', type = '', protocols = '', wait = '', path = '', ...argv] = words;
    const hasWait = WAIT.test(wait);
    const fields = hasWait ? [wait, 'nobody'] : ['nowait', wait];
    return errorAt(
      this.#file,
      line,
      hasWait
        ? `${quote(path)} is no user: USER stands before the program`
        : `${quote(wait)} is neither wait nor nowait, which stands before USER`,
      `write ${[name, type, protocols, ...fields, path, ...argv].join(' ')}`,
    );
  }

  #lose(message: string, line: number, leftOut?: string): void {
    this.notCarried.push({ file: this.#file, line, message, leftOut });
  }

  /** @returns the address, or why the service cannot be carried over */
  #listen({ name, protocol }: Fields): readonly string[] | string {
    if (protocol === 'unix') return [name];
    const [, transport = 'tcp', version = ''] = PROTOCOLS.exec(protocol) ?? [];
    const [addresses, service] = splitAddress(name, this.#addresses);
    const port = this.#host.portOf(service, transport);
    if (port === undefined)
      return `services(5) has no port of ${quote(service)}/${transport}: write its number, such as 7000`;
    const four = (address: string): string => `${address}:${port}${transport === 'udp' ? '/udp' : ''}`;
    // a socket of tcp6 takes no clients of IPv4: they have one of their own (inetd(8), IPv6 TCP/UDP behavior)
    const six = (address: string): string => `[${address}]:${port}/${transport}6`;
    const listen: string[] = [];
    for (const address of addresses) {
      if (address === '*' && version === '46') listen.push(four('[::]'));
      else if (address === '*') {
        if (!version.startsWith('6')) listen.push(four('0.0.0.0'));
        if (version.startsWith('6') || (version === '' && this.#host.hasIPv6)) listen.push(six('::'));
      } else if (isIPv4(address) && !version.startsWith('6') && version !== '46') listen.push(four(address));
      else if (isIPv6(address) && version !== '4') listen.push(six(address));
      else return `${quote(address)} is no address of ${protocol}: write it as a number`;
    }
    return listen;
  }

  // A port has one line for each address or protocol, such as tcp4 and tcp6. The second line of a name is `NAME-2`.
  #nameOf({ name, type, protocol }: Fields): string {
    const service = protocol === 'unix' ? nameOf(name) : splitAddress(name, [])[1];
    const own = toServiceName(`${service}${type === 'dgram' ? '-udp' : ''}`);
    const count = (this.#names.get(own) ?? 0) + 1;
    this.#names.set(own, count);
    return count === 1 ? own : `${own}-${count}`;
  }

  #service(fields: Fields, listen: readonly string[], line: number): ConfiguredService {
    const { wait, user, path, argv } = fields;
    const [, waits, most = '0'] = WAIT.exec(wait) ?? [];
    if (waits === undefined)
      throw errorAt(
        this.#file,
        line,
        `${quote(wait)} is neither wait nor nowait`,
        `write ${/^(?:wait|yes)/i.test(wait) ? 'wait' : 'nowait'} in its place`,
      );
    // FreeBSD has a login class behind the group
    const [, login = '', group, more] = /^([^.:/]+)(?:[.:]([^.:/]+))?([.:/].*)?$/.exec(user) ?? [];
    if (login === '' || more !== undefined)
      throw errorAt(
        this.#file,
        line,
        `${quote(user)} is neither USER nor USER:GROUP`,
        `write ${login === '' ? 'nobody' : quote(group === undefined ? login : `${login}:${group}`)}`,
      );
    const started = waits === 'wait' ? plainProgram(path, argv) : wrappedProgram(path, argv);
    const option = (name: string, text = '') => ({ name, word: toWord(text), line });
    return {
      name: this.#nameOf(fields),
      file: this.#file,
      line,
      user: started.user ?? (group === undefined ? login : `${login}:${group}`),
      directory: started.directory ?? this.#host.directory,
      program: started.program,
      arguments: started.argv.slice(1),
      options: [
        ...listen.map((address) => option('listen', address)),
        // a program of wait asks the rules itself
        ...(waits === 'wait' ? [] : [option('daemon', nameOf(started.daemon))]),
        ...(started.argv[0] === undefined ? [] : [option('argv0', started.argv[0])]),
        ...(waits === 'wait' ? [option('wait')] : []),
        // connections a minute; a service that is started more often is only slowed down here (inetd(8), -R)
        ...(Number(most) === 0 ? [] : [option('rate', `${Number(most)}/60`)]),
        ...started.options.map(([name, text]) => option(name, text)),
      ],
    };
  }

  // Of two lines for the same address, the later one counts. A tcp6 line takes the IPv6 half of an earlier tcp line.
  #dropReplaced(): void {
    const taken = new Set<string>();
    const kept = this.services.toReversed().flatMap((service): readonly ConfiguredService[] => {
      const options = service.options.filter(({ name, word }) => name !== 'listen' || !taken.has(word.text));
      for (const { name, word } of options) if (name === 'listen') taken.add(word.text);
      if (options.some(({ name }) => name === 'listen')) return [{ ...service, options }];
      this.#lose('a later line has the same address', service.line ?? 0, service.name);
      return [];
    });
    this.services = kept.toReversed();
  }
}

/** The services of a text. @throws UsageError for a line that inetd could not read either */
export function readInetdConf(file: string, text: string, host: HostProgram): ConfiguredServices {
  return new InetdFile(file, host).read(text);
}
