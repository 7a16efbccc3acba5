// Sockets that a program gets as from a service manager: sd_listen_fds(3).
import { UsageError } from '../../errors.ts';
import { checkKeys } from '../../values/keys.ts';
import { quote } from '../../words/quote.ts';
import type { Values } from './option-row.ts';
import { descriptor, list } from './value.ts';

/** A socket of this process, and its name for the program (`FileDescriptorName=` in systemd.socket(5)). */
export interface ListenSocket {
  readonly fd: number;
  /** Printable ASCII without `:`, at most 255 characters; `unknown` by default, as in sd_listen_fds_with_names(3). */
  readonly name?: string | undefined;
}

/** The normal form. */
export type ListenSockets = readonly Required<ListenSocket>[];

/** SD_LISTEN_FDS_START: the first descriptor of the program. */
export const firstListenFd = 3;

const hinted = (value: unknown): { hint: string } => ({
  hint: `write listenFds: [{fd: ${typeof value === 'number' ? value : 'N'}}]`,
});

const socketKeys: ReadonlySet<string> = new Set<keyof ListenSocket>(['fd', 'name']);

function toSocket(value: unknown): Required<ListenSocket> {
  if (typeof value !== 'object' || value === null)
    throw new UsageError('listenFds must be an array such as [{fd: 7}]', hinted(value));
  checkKeys(value, socketKeys);
  const { fd, name = 'unknown' }: { readonly fd?: unknown; readonly name?: unknown } = value;
  if (typeof name !== 'string' || !/^[ -9;-~]{1,255}$/.test(name))
    throw new UsageError(`listenFds: '${quote(String(name))}' cannot be the name of a socket`, {
      hint: 'a name is printable ASCII without a colon (sd_listen_fds_with_names(3))',
    });
  return { fd: descriptor(fd, 'a descriptor of listenFds'), name };
}

/** No sockets. Always this same array, since caches compare by identity. */
export const noSockets: ListenSockets = [];

/** @throws UsageError */
export function toListenSockets(
  value: readonly ListenSocket[] | undefined,
  _: string,
  { preserveFds }: Values,
): ListenSockets {
  if (value === undefined) return noSockets;
  if (!Array.isArray(value))
    throw new UsageError('listenFds must be an array such as [{fd: 7}]', hinted(value));
  const sockets = list(value, 'listenFds', toSocket);
  const end = firstListenFd + sockets.length;
  if (Array.isArray(preserveFds) && preserveFds.some((fd) => fd < end))
    throw new UsageError(
      `preserveFds must be from ${end} on: the descriptors before it are those of listenFds`,
    );
  return sockets;
}
