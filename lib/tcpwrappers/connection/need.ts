// What a comparison answers: yes, no, or why it cannot go on; and what is asked for then.
// Carries out work that needs look-ups, with whoever can make them.

/** Something that has to be looked up first. */
export type Need =
  /** The name of an endpoint: a text, `unknown` or `paranoid`. */
  | { readonly kind: 'name'; readonly end: 'client' | 'server' }
  /** The name of the client's user: a text or `unknown`. */
  | { readonly kind: 'user'; readonly timeoutSeconds: number }
  /** The members of a netgroup, a Netgroup; undefined if they cannot be read. */
  | { readonly kind: 'netgroup'; readonly group: string }
  /** Whether there is a user, or a group, of this name. */
  | { readonly kind: 'account'; readonly database: 'user' | 'group'; readonly name: string }
  /** What a banner file holds, one byte a character; undefined if it cannot be read. */
  | { readonly kind: 'banner'; readonly path: string };

/** The hosts of a netgroup: of each of its triples (host, user, domain) the first, undefined for any host. */
export type Netgroup = readonly (string | undefined)[];

/** What a look-up has found; which of them is said at each need. */
export type Found = string | boolean | Netgroup | undefined;

/** Work that stops where it needs a look-up, and is resumed with what that has found. */
export type Work<Result> = Generator<Need, Result, Found>;

/** A point beyond which libwrap would have crashed or exited: the request is refused. */
export interface Broken {
  readonly kind: 'broken';
  readonly message: string;
}

export type Stop = Need | Broken;
export type Answer = boolean | Stop;

/** RFC931_TIMEOUT of Debian's libwrap. */
export const IDENT_TIMEOUT_SECONDS = 10;

/** The look-ups that matching asks for; the same objects, since it is done for each connection. */
export const NEED_NAME = {
  client: { kind: 'name', end: 'client' },
  server: { kind: 'name', end: 'server' },
} as const satisfies Record<string, Need>;

/** The same for the user; no option has changed the time limit before a rule has matched. */
export const NEED_USER: Need = { kind: 'user', timeoutSeconds: IDENT_TIMEOUT_SECONDS };

/** Work to its end, with answers that are at hand. */
export function resolveNow<Result>(work: Work<Result>, look: (need: Need) => Found): Result {
  let step = work.next();
  while (step.done !== true) step = work.next(look(step.value));
  return step.value;
}

/** Work to its end, which may have stopped at `need` already; a look-up that fails rejects. */
export async function resolve<Result>(
  work: Work<Result>,
  look: (need: Need) => Found | Promise<Found>,
  need?: Need,
): Promise<Result> {
  let step = need === undefined ? work.next() : work.next(await look(need));
  while (step.done !== true) step = work.next(await look(step.value));
  return step.value;
}
