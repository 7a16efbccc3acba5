// Signals by their numbers. Pure.
import { constants } from 'node:os';

let signalNames: Map<number, NodeJS.Signals> | undefined;

/** `SIGTERM` of 15. */
export function signalName(number: number): NodeJS.Signals {
  signalNames ??= new Map(
    Object.entries(constants.signals).map(([name, value]) => [value, name as NodeJS.Signals]),
  );
  // Realtime signals have no name of their own (signal(7)).
  return signalNames.get(number) ?? (`SIGRTMIN+${number - 34}` as NodeJS.Signals);
}
