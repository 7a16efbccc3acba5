// Services in the language of inetd.conf(5), as openbsd-inetd reads it.
import { isIPv4, isIPv6 } from 'node:net';

import {
  nameOf,
  toServiceName,
  type ConfiguredServices,
  type ConfiguredService,
  type Loss,
  notCarried,
  type NotCarried,
} from './configured-service.ts';
import { errorAt, toWord } from '../../values/toml-options.ts';
import { quote } from '../../words/quote.ts';
import type { PortOf } from './service-ports.ts';
import {
  addressOf,
  type InetdFields,
  type InetdLine,
  inetdLines,
  isPolicy,
  serviceOf,
} from '../../tcpwrappers/daemon/inetd-lines.ts';
import { isRun, plainProgram, wrappedProgram } from './wrapped-program.ts';

/** The jail of programs that name none, and what the host has. */
export interface HostProgram {
  readonly directory: string;
  readonly portOf: PortOf;
  readonly hasIPv6: boolean;
}

const FORM =
  'write SERVICE TYPE PROTOCOL WAIT USER PROGRAM [ARGUMENT]..., such as: 7000 stream tcp nowait sam /bin/id id; the name of a file in TOML ends in .toml';

/** Why a service of datagrams without `wait` is left out. */
export const DATAGRAMS_NOWAIT: Loss = {
  why: 'datagrams without wait are not carried over',
  remedy: 'write wait, if the program reads all datagrams that come',
};

const PROTOCOLS = /^(tcp|udp)(4|6|46|6only)?$/;
const WAIT = /^(wait|nowait)(?:[.:]([0-9]+))?$/;
const TRANSPORTS: Readonly<Record<string, string>> = { stream: 'tcp', dgram: 'udp' };

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
    for (const line of inetdLines(text)) this.#line(line);
    this.#dropReplaced();
    return this;
  }

  #line(read: InetdLine): void {
    const { line } = read;
    const address = addressOf(read);
    if (address !== undefined) {
      this.#addresses = addressesOf(address);
      return;
    }
    if (isPolicy(read)) return this.#lose({ why: 'a policy of IPsec is not carried over' }, line);
    const fields = serviceOf(read);
    if (fields === undefined)
      throw errorAt(this.#file, line, 'it has fewer than six fields (inetd.conf(5))', FORM);
    const { name, type, protocol: protocols, wait, user, path, argv } = fields;
    const leaveOut = (why: string, remedy?: string): void =>
      this.#lose({ why, ...(remedy !== undefined && { remedy }) }, line, name);
    if (PROTOCOLS.test(type))
      return leaveOut('it has no type of socket', 'write stream or dgram in front of the protocol');
    if (path === 'internal')
      return leaveOut(
        'services that inetd performs itself are not carried over',
        'name a program, such as /bin/cat for echo',
      );
    if (protocols.startsWith('rpc/')) return leaveOut('RPC services are not carried over');
    const [protocol = '', ...sizes] = protocols.split(',');
    const isUnix = protocol === 'unix' && type === 'stream';
    const [, transport] = PROTOCOLS.exec(protocol) ?? [];
    if (!isUnix && (transport === undefined || TRANSPORTS[type] !== transport))
      return leaveOut(`${quote(type)} sockets of ${quote(protocol)} are not carried over`);
    if (type === 'dgram' && wait.startsWith('nowait')) return this.#lose(DATAGRAMS_NOWAIT, line, name);
    if (wait.startsWith('wait') && isRun(path, argv))
      return leaveOut(
        'uchroot-tcpd run of a wait service is not carried over: here its program has to ask the rules',
      );
    if (!WAIT.test(wait) || user.startsWith('/'))
      throw errorAt(
        this.#file,
        line,
        WAIT.test(wait)
          ? `${quote(user)} is no user: USER stands before the program`
          : `${quote(wait)} is neither wait nor nowait, which stands before USER`,
        FORM,
      );
    if (sizes.length > 0) this.#lose({ why: `${quote(sizes.join(','))} is not carried over` }, line);
    const listen = this.#listen({ ...fields, protocol });
    if ('why' in listen) return this.#lose(listen, line, name);
    this.services.push(this.#service({ ...fields, protocol }, listen, line));
  }

  #lose(loss: Loss, line: number, leftOut?: string): void {
    this.notCarried.push(notCarried({ file: this.#file, line }, loss, leftOut));
  }

  /** @returns the address, or why the service cannot be carried over */
  #listen({ name, protocol }: InetdFields): readonly string[] | Loss {
    if (protocol === 'unix') return [name];
    const [, transport = 'tcp', version = ''] = PROTOCOLS.exec(protocol) ?? [];
    const [addresses, service] = splitAddress(name, this.#addresses);
    const port = this.#host.portOf(service, transport);
    if (port === undefined)
      return {
        why: `services(5) has no port of ${quote(service)}/${transport}`,
        remedy: 'write its number, such as 7000',
      };
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
      else return { why: `${quote(address)} is no address of ${protocol}`, remedy: 'write it as a number' };
    }
    return listen;
  }

  // A port has one line for each address or protocol, such as tcp4 and tcp6. The second line of a name is `NAME-2`.
  #nameOf({ name, type, protocol }: InetdFields): string {
    const service = protocol === 'unix' ? nameOf(name) : splitAddress(name, [])[1];
    const own = toServiceName(`${service}${type === 'dgram' ? '-udp' : ''}`);
    const count = (this.#names.get(own) ?? 0) + 1;
    this.#names.set(own, count);
    return count === 1 ? own : `${own}-${count}`;
  }

  #service(fields: InetdFields, listen: readonly string[], line: number): ConfiguredService {
    const { wait, user, path, argv } = fields;
    const [, waits, most = '0'] = WAIT.exec(wait) ?? [];
    // FreeBSD has a login class behind the group
    const [, login = '', group, more] = /^([^.:/]+)(?:[.:]([^.:/]+))?([.:/].*)?$/.exec(user) ?? [];
    if (login === '' || more !== undefined)
      throw errorAt(
        this.#file,
        line,
        `${quote(user)} is neither USER nor USER:GROUP`,
        'for example nobody, or nobody:nogroup',
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
      this.#lose({ why: 'a later line has the same address' }, service.line ?? 0, service.name);
      return [];
    });
    this.services = kept.toReversed();
  }
}

/** The services of a text. @throws UsageError for a line that inetd could not read either */
export function readInetdConf(file: string, text: string, host: HostProgram): ConfiguredServices {
  return new InetdFile(file, host).read(text);
}
