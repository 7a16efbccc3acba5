// The events of launches: diagnostics channels, and the lines of NODE_DEBUG=uchroot.
import { channel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';

import { quote } from '../../words/quote.ts';
import type { Exit } from '../process/exit.ts';
import type { NormalRequest } from '../request/request.ts';

/** What a launch is called in its events; the same object in all of them. */
export interface LaunchName {
  /** USER, or USER:GROUP if a group was given. */
  readonly user: string;
  readonly jail: string;
  /** Undefined for the default shell. */
  readonly program: string | undefined;
}

/** The events of a launch, by the last part of the channel's name: `uchroot:launch`. */
export interface LaunchEvents {
  /** A launch was asked for. */
  readonly launch: { readonly launch: LaunchName };
  /** The program runs. */
  readonly start: { readonly launch: LaunchName; readonly pid: number };
  /** The program has ended. */
  readonly exit: { readonly launch: LaunchName; readonly pid: number | undefined } & Exit;
  /** The launch was refused, or has failed or was called off: the program has not run. */
  readonly denial: { readonly launch: LaunchName; readonly error: unknown };
}

const channels = {
  launch: channel('uchroot:launch'),
  start: channel('uchroot:start'),
  exit: channel('uchroot:exit'),
  denial: channel('uchroot:denial'),
};
const allChannels = Object.values(channels);
const debug = debuglog('uchroot');

/** Whether there is a subscriber. Mostly there is none, and then a launch does no work for events. */
export function isWatched(): boolean {
  return debug.enabled || allChannels.some(({ hasSubscribers }) => hasSubscribers);
}

/** The name of a launch. */
export function nameOf({ user, group, jail, program }: NormalRequest): LaunchName {
  const who = group === undefined ? user.text : `${user.text}:${group.text}`;
  return { user: who, jail: quote(jail), program: program && quote(program) };
}

/** Publishes an event. */
export function publish<Name extends keyof LaunchEvents>(name: Name, event: LaunchEvents[Name]): void {
  channels[name].publish(event);
  if (!debug.enabled) return;
  const { launch, ...rest } = event;
  const error: unknown = 'error' in rest ? rest.error : undefined;
  const told = error instanceof Error ? { error: error.message } : rest;
  debug('%s: %s in %s as %s %j', name, launch.program ?? 'a shell', launch.jail, launch.user, told);
}
