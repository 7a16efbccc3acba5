// Signals by name and number. Pure.
import { constants } from 'node:os';

import { UsageError } from '../../errors.ts';
import { wrong } from '../../values/wrong.ts';
import { nearest } from '../../words/nearest.ts';
import { hasInit } from './isolation-value.ts';

let signalNames: Map<number, NodeJS.Signals> | undefined;

/** `SIGTERM` of 15. */
export function signalName(number: number): NodeJS.Signals {
  // Of two names for one number the first is the usual one: SIGABRT, not SIGIOT (signal(7)).
  signalNames ??= new Map(
    Object.entries(constants.signals)
      .toReversed()
      .map(([name, value]) => [value, name as NodeJS.Signals]),
  );
  // Realtime signals have no name of their own (signal(7)).
  return signalNames.get(number) ?? (`SIGRTMIN+${number - 34}` as NodeJS.Signals);
}

/**
 * The number of a signal that is given by name or number.
 *
 * @param value as the caller has written it
 * @throws UsageError if there is no such signal
 */
export function signalNumber(signal: unknown, key: string, value: unknown = signal): number {
  if (typeof signal === 'number' && Number.isInteger(signal) && signal >= 0 && signal <= 64) return signal;
  if (typeof signal === 'string' && Object.hasOwn(constants.signals, signal))
    return constants.signals[signal as NodeJS.Signals];
  throw wrong({
    key,
    value,
    expected: 'the name or number of a signal (signal(7))',
    example: 'SIGTERM',
    meant: nearest(`SIG${String(signal).replace(/^SIG/i, '')}`, Object.keys(constants.signals)),
  });
}

/**
 * The number of a signal for a running program.
 *
 * @throws UsageError if there is no such signal, and for SIGSTOP to an init: it cannot pass that one on, and would stop alone
 */
export function signalToSend(signal: unknown, request: Parameters<typeof hasInit>[0]): number {
  const number = signalNumber(signal, 'kill');
  if (number !== constants.signals.SIGSTOP || !hasInit(request)) return number;
  throw new UsageError('kill: SIGSTOP would stop its init, and not the program', {
    hint: "write kill('SIGTSTP')",
  });
}
