// The answers of a comparison: yes, no, or a need, which must be looked up first. Also runs a decision that has needs.

/** Something that must be looked up. */
export type Need =
  /** The name of an endpoint: a text, `unknown` or `paranoid`. */
  | { readonly kind: 'name'; readonly end: 'client' | 'server' }
  /** The user of the client: a text or `unknown`. */
  | { readonly kind: 'user'; readonly timeoutSeconds: number }
  /** The hosts of a netgroup; undefined if they cannot be read. */
  | { readonly kind: 'netgroup'; readonly group: string }
  /** Whether this user or group exists. */
  | { readonly kind: 'account'; readonly database: 'user' | 'group'; readonly name: string }
  /** The text of a banner file, one byte a character; undefined if it cannot be read. */
  | { readonly kind: 'banner'; readonly path: string };

/** The first field of each triple (host, user, domain); undefined stands for any host. */
export type Netgroup = readonly (string | undefined)[];

/** The result of a look-up; each need names its type. */
export type Found = string | boolean | Netgroup | undefined;

/** A generator that yields each need and is resumed with what was found. */
export type Work<Result> = Generator<Need, Result, Found>;

/** A point where libwrap would crash or exit: the request is refused. */
export interface Broken {
  readonly kind: 'broken';
  readonly message: string;
}

export type Stop = Need | Broken;
export type Answer = boolean | Stop;

/** RFC931_TIMEOUT of Debian's libwrap. */
export const IDENT_TIMEOUT_SECONDS = 10;

/** The needs of matching; constants, because every connection uses them. */
export const NEED_NAME = {
  client: { kind: 'name', end: 'client' },
  server: { kind: 'name', end: 'server' },
} as const satisfies Record<string, Need>;

/** No option can change the time limit before a rule has matched. */
export const NEED_USER: Need = { kind: 'user', timeoutSeconds: IDENT_TIMEOUT_SECONDS };

/** Looks a need up; rejects if that fails. */
type Look = (need: Need) => Found | Promise<Found>;

/** Runs work to its end; `need` is set if it has stopped there already. */
export async function resolve<Result>(work: Work<Result>, look: Look, need?: Need): Promise<Result> {
  let step = need === undefined ? work.next() : work.next(await look(need));
  while (step.done !== true) step = work.next(await look(step.value));
  return step.value;
}
