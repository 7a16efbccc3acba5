// The sockets at which a service can be reached, from the tables of the kernel (proc_net(5)). Pure.

/** The tables of /proc/PID/net that are read. */
export const socketTables = ['tcp', 'tcp6', 'udp', 'udp6', 'unix'] as const;

export interface SocketQuestion {
  /** Text of each table of one network namespace. */
  readonly tables: Readonly<Record<(typeof socketTables)[number], string>>;
  /** Inodes of the sockets of the service. */
  readonly inodes: ReadonlySet<string>;
  readonly pids: ReadonlySet<number>;
  /** Ports that the kernel chooses itself (ip(7), ip_local_port_range). */
  readonly ephemeral: readonly [first: number, last: number];
}

// Words of 32 bits, each in the order of bytes of the host.
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number.parseInt(`${bytes[2 * index]}${bytes[2 * index + 1]}`, 16).toString(16),
  );
  // the URL parser shortens it as RFC 5952 says
  return new URL(`http://[${groups.join(':')}]/`).hostname;
}

// include/net/tcp_states.h: TCP_LISTEN; TCP_CLOSE is a UDP socket without a peer
const states: Readonly<Record<string, string>> = { tcp: '0A', udp: '07' };

function inetSockets(protocol: 'tcp' | 'udp', table: string, question: SocketQuestion): readonly string[] {
  const [first, last] = question.ephemeral;
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state !== states[protocol] || !question.inodes.has(inode)) return [];
    const [address = '', hexPort = ''] = local.split(':');
    const port = Number.parseInt(hexPort, 16);
    const isChosen = port >= first && port <= last;
    // a socket that sends, such as that of a resolver
    if (isChosen && protocol === 'udp') return [];
    return [`${protocol} ${addressOf(address)}:${isChosen ? 'any' : port}`];
  });
}

// A name can have the pid of a process.
const plainName = (path: string, pids: ReadonlySet<number>): string =>
  path
    .replace(/^\/var\/run\//, '/run/')
    .replace(/\d+/g, (digits) => (pids.has(Number(digits)) ? 'PID' : digits));

const isListening = 0x1_00_00; // __SO_ACCEPTCON

function unixSockets({ tables, inodes, pids }: SocketQuestion): readonly string[] {
  return tables.unix.split('\n').flatMap((line) => {
    const [, flags = '', inode = '', path = ''] = /^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    if (!inodes.has(inode) || (Number.parseInt(flags, 16) & isListening) === 0) return [];
    // bind(2) has chosen such a name
    return /^@[0-9a-f]{5}$/.test(path) ? [] : [`unix ${plainName(path, pids)}`];
  });
}

/** The listening sockets of a service: `tcp 127.0.0.1:80`, `udp [::]:53`, `unix /run/web.sock`. */
export function listeningSockets(question: SocketQuestion): readonly string[] {
  const { tables } = question;
  return [
    ...inetSockets('tcp', tables.tcp, question),
    ...inetSockets('tcp', tables.tcp6, question),
    ...inetSockets('udp', tables.udp, question),
    ...inetSockets('udp', tables.udp6, question),
    ...unixSockets(question),
  ];
}
