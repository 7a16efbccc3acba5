// Sockets that a program gets as from a service manager: sd_listen_fds(3).
import { checkKeys } from '../../values/keys.ts';
import { list, optional, text } from '../../values/validators.ts';
import { usageError, wrong } from '../../values/wrong.ts';
import type { Values } from './option-row.ts';
import { descriptor } from './value.ts';

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

const socketKeys: ReadonlySet<string> = new Set<keyof ListenSocket>(['fd', 'name']);
const toFd = descriptor();
const toName = optional(
  text('1 to 255 printable ASCII characters without a colon', 'http', /^[ -9;-~]{1,255}$/),
  'unknown',
);

const sockets = list(
  (value: ListenSocket, key: string): Required<ListenSocket> => {
    if (typeof value !== 'object' || value === null)
      throw wrong({ key, value, expected: 'an object with fd', example: { fd: 7 } });
    checkKeys(value, socketKeys);
    return { fd: toFd(value.fd, `${key}.fd`), name: toName(value.name, `${key}.name`) };
  },
  [{ fd: 7 }],
);

/** No sockets. Always this same array, since caches compare by identity. */
export const noSockets: ListenSockets = [];

/** @throws UsageError */
export function toListenSockets(
  value: readonly ListenSocket[] | undefined,
  key: string,
  { preserveFds }: Values,
): ListenSockets {
  if (value === undefined) return noSockets;
  const found = sockets(value, key);
  const end = firstListenFd + found.length;
  if (Array.isArray(preserveFds) && preserveFds.some((fd) => fd < end))
    throw usageError(({ name }) => ({
      message: `${name('preserveFds')} must be from ${end} on: the descriptors before it are those of ${name(key)}`,
    }));
  return found;
}
