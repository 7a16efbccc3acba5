// Services in the language of inetd.conf(5), as openbsd-inetd reads it.
import {
  errorAt,
  nameOf,
  toWord,
  type ConfiguredServices,
  type ConfiguredService,
  type NotCarried,
} from './configured-service.ts';
import type { PortOf } from './service-ports.ts';
import { wrappedProgram } from './wrapped-program.ts';

/** Where programs run that no jail is named for. */
export interface HostProgram {
  readonly directory: string;
  readonly portOf: PortOf;
}

const PROTOCOLS = /^(tcp|udp)([46]|6only)?$/;

interface Fields {
  readonly name: string;
  readonly type: string;
  readonly protocol: string;
  readonly wait: string;
  readonly user: string;
  readonly path: string;
  readonly argv: readonly string[];
}

// `ADDRESS:SERVICE`, with an address of IPv6 in brackets; `*` and no address are all of them.
function splitAddress(
  text: string,
  address: string | undefined,
): readonly [address: string | undefined, service: string] {
  const [, own, service = text] = /^(?:(\[[^\]]+\]|[^:]+):)?([^:]+)$/.exec(text) ?? [];
  const chosen = own ?? address;
  return [chosen === '*' ? undefined : chosen, service];
}

class InetdFile {
  readonly #file: string;
  readonly #host: HostProgram;
  readonly services: ConfiguredService[] = [];
  readonly notCarried: NotCarried[] = [];
  readonly #names = new Map<string, number>();
  #address: string | undefined;

  constructor(file: string, host: HostProgram) {
    this.#file = file;
    this.#host = host;
  }

  read(text: string): ConfiguredServices {
    for (const [index, line] of text.split('\n').entries())
      if (!/^\s*(?:#|$)/.test(line)) this.#line(line.trim(), index + 1);
    return this;
  }

  #line(text: string, line: number): void {
    const words = text.split(/[ \t]+/);
    const [name = '', type = '', protocol = '', wait = '', user = '', path = '', ...argv] = words;
    // `ADDRESS:` alone is the address of the lines that follow
    if (words.length === 1 && name.endsWith(':')) {
      this.#address = name === '*:' ? undefined : name.slice(0, -1);
      return;
    }
    if (path === '') throw errorAt(this.#file, line, 'it has fewer than six fields (inetd.conf(5))');
    const leaveOut = (message: string): void =>
      void this.notCarried.push({ file: this.#file, line, message, leftOut: name });
    if (path === 'internal') return leaveOut('services that inetd performs itself are not carried over');
    if (protocol.startsWith('rpc/')) return leaveOut('RPC services are not carried over');
    const isUnix = protocol === 'unix' && type === 'stream';
    if (!isUnix && (!PROTOCOLS.test(protocol) || (type !== 'stream' && type !== 'dgram')))
      return leaveOut(`${type} sockets of ${protocol} are not carried over`);
    this.services.push(this.#service({ name, type, protocol, wait, user, path, argv }, line));
  }

  #listen({ name, protocol }: Fields, line: number): string {
    if (protocol === 'unix') return name;
    const [, transport = 'tcp', version = ''] = PROTOCOLS.exec(protocol) ?? [];
    const [address, service] = splitAddress(name, this.#address);
    const port = this.#host.portOf(service, transport);
    if (port === undefined)
      throw errorAt(this.#file, line, `services(5) has no port of ${service}/${transport}`);
    const is6 = version.startsWith('6');
    const host = address ?? (is6 ? '[::]' : '0.0.0.0');
    const place = `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
    // a line of tcp6 takes no clients of IPv4: they have a line of their own (inetd.conf(5))
    if (is6 && host.includes(':')) return `${place}/${transport}6`;
    return `${place}${transport === 'udp' ? '/udp' : ''}`;
  }

  // A port has one line for each address or protocol, such as tcp and tcp6. The second line of a name is `NAME-2`.
  #nameOf({ name, type }: Fields): string {
    const service = splitAddress(name, undefined)[1].replace(/^\/.*\//, '');
    const own = `${service}${type === 'dgram' ? '-udp' : ''}`;
    const count = (this.#names.get(own) ?? 0) + 1;
    this.#names.set(own, count);
    return count === 1 ? own : `${own}-${count}`;
  }

  #service(fields: Fields, line: number): ConfiguredService {
    const { wait, user, path, argv } = fields;
    const [waits = '', most] = wait.split(/[.:]/);
    if (waits !== 'wait' && waits !== 'nowait')
      throw errorAt(this.#file, line, `${wait} is neither wait nor nowait`);
    const started = wrappedProgram(path, argv);
    const [login, group] = user.split(/[.:]/);
    const option = (name: string, text = '') => ({ name, word: toWord(text), line });
    return {
      name: this.#nameOf(fields),
      file: this.#file,
      line,
      user: started.user ?? (group === undefined ? (login ?? '') : `${login}:${group}`),
      directory: started.directory ?? this.#host.directory,
      program: started.program,
      arguments: started.argv.slice(1),
      options: [
        option('listen', this.#listen(fields, line)),
        option('daemon', nameOf(started.daemon)),
        ...(started.argv[0] === undefined ? [] : [option('argv0', started.argv[0])]),
        ...(waits === 'wait' ? [option('wait')] : []),
        // connections a minute; a service that is started more often is only slowed down here (inetd(8), -R)
        ...(most === undefined ? [] : [option('rate', `${most}/60`)]),
        ...started.options.map(([name, text]) => option(name, text)),
      ],
    };
  }
}

/** The services of a text. @throws UsageError for a line that inetd could not read either */
export function readInetdConf(file: string, text: string, host: HostProgram): ConfiguredServices {
  return new InetdFile(file, host).read(text);
}
