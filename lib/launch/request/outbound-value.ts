// The list of a request of what its program may call. Pure.
import { asked, toEntries, type Entry } from '../../outbound/entry.ts';
import { usageError } from '../../values/wrong.ts';
import type { Values } from './option-row.ts';

const none: readonly Entry[] = [];

/** The entries. Without a network of its own, the program would reach what is not on the list. */
export function toConnectTo(
  value: readonly string[] | undefined,
  key: string,
  { isolate, rootless, net, onConnect }: Values,
): readonly Entry[] {
  if (value === undefined && onConnect === undefined) return none;
  const given = value === undefined ? none : toEntries(value, key);
  const entries = onConnect === undefined ? given : [...given, asked];
  if (entries.length === 0) return none;
  if (isolate !== true && rootless !== true)
    throw usageError(({ name, assign }) => ({
      message: `${name(key)} needs a network of its own`,
      hint: `give ${assign('isolate', true)} too`,
    }));
  if (net === 'host')
    throw usageError(({ name, assign }) => ({
      message: `${name(key)} and ${assign('net', 'host')} are given at once: with the network of the host, the program reaches everything`,
      hint: `leave ${name('net')} out`,
    }));
  return entries;
}
