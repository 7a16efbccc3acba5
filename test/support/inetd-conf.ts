// A host whose inetd.conf or xinetd.conf is read, and how its services listen.
import type { readInetdConf } from '../../lib/inetd/config/inetd-conf.ts';
import { portsOf } from '../../lib/inetd/config/service-ports.ts';

/** It has IPv6, a jail for all services, and a few ports with names. */
export const host = {
  hasIPv6: true,
  directory: '/srv/all',
  portOf: portsOf('echo 7/tcp\nftp\t21/tcp fsp # file transfer\ntftp 69/udp\n# finger 79/tcp\n'),
};

/** The addresses by the name of the service. */
export const listenOf = ({ services }: ReturnType<typeof readInetdConf>): Record<string, string> =>
  Object.fromEntries(
    services.map(({ name, options }) => [
      name,
      options.flatMap(({ name, word }) => (name === 'listen' ? [word.text] : [])).join(' '),
    ]),
  );
