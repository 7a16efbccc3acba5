// The sockets of the host by which a program with `listenOn` is called.
import { LaunchError, type ErrnoName } from '../../errors.ts';
import { native } from '../../native.ts';
import { reason } from '../../words/errno.ts';
import { quote } from '../../words/quote.ts';
import { showHostPort, type ListenPort } from '../request/listen-on-value.ts';

const stream = 1; // SOCK_STREAM

/** The remedy for EACCES of bind(2). */
export const lowPort =
  'a port below 1024 takes root or CAP_NET_BIND_SERVICE: choose a higher one for the host';

const hints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: ss -ltnp shows it; end it, or choose another port of the host',
  EADDRNOTAVAIL: 'name an address of this host: ip address shows them',
  EACCES: lowPort,
};

/** An error of bind(2) or of another call for an address. @param shown the address */
export function listenError(error: unknown, shown: string, hint: string | undefined): LaunchError {
  const { code = 'EIO', errno = -5, syscall } = error as NodeJS.ErrnoException;
  return new LaunchError(`listen: ${quote(shown)}: ${syscall ?? 'socket'}: ${reason(-errno)}`, {
    step: 'listen',
    call: syscall,
    code: code as ErrnoName,
    errno: -errno,
    path: shown,
    hint,
    cause: error,
  });
}

/** Opens them, each in place of its port. The caller closes them. @throws LaunchError, with none open */
export function openHostPorts(ports: readonly ListenPort[]): readonly number[] {
  const open: number[] = [];
  for (const one of ports)
    try {
      open.push(native.bindInternet({ type: stream, address: one.address, port: one.port, isOnly6: true }));
    } catch (error) {
      for (const fd of open) native.closeDescriptor(fd);
      const { code = '' } = error as NodeJS.ErrnoException;
      throw listenError(error, showHostPort(one), hints[code]);
    }
  return open;
}
