// Where the options of a rule are put into effect: at a connection among others, or in a process that is there for one.

import type { Effect } from '../decide/effect.ts';
import type { CommandEnd } from './command.ts';

/** Whether the client may go on: why not, or what was not done and does not matter that much. */
export type Done = { readonly refusal: string } | { readonly problem: string } | undefined;

/** What changes a process. */
export type ProcessChange = Extract<Effect, { readonly kind: 'nice' | 'umask' | 'user' | 'group' }>;

/** Does what options ask for. None of its methods throws or rejects. */
export interface Place {
  /** Variables that commands get besides those of this process. */
  readonly variables: Readonly<Record<string, string>>;
  setVariable(name: string, value: string): Done;
  change(effect: ProcessChange): Done;
  keepAlive(): Done;
  linger(seconds: number): Done;
  /** Sends bytes to the client. */
  send(bytes: Buffer): Promise<Done>;
  /** Gives the connection of a client to a command: at once, or by what is to be called when all else is done. */
  delegate(command: string, client: string, timeoutMs: number): Promise<CommandEnd | (() => never)>;
}

/** What a call that throws comes to. */
export function tried(call: () => void, failed: (message: string) => Done): Done {
  try {
    call();
    return undefined;
  } catch (error) {
    return failed((error as Error).message);
  }
}
