// The options of an adoption: a row for each key of an AdoptRequest. The command and the files of services.d have them alike.
import { type Argument, option, type Option } from '../../values/command-option.ts';
import { parseNumber } from '../../values/size.ts';
import { number } from '../../values/validators.ts';
import type { AdoptRequest } from './service-request.ts';

type Choices = Omit<AdoptRequest, 'unit' | 'signal' | 'onProgress' | 'plan'>;

/** An option of an adoption. */
export interface AdoptOption extends Option {
  /** The value of its key, from the words that were given for it. */
  readonly read: (words: readonly string[]) => unknown;
}

const adoptOption = (spelling: string, help: string, read: AdoptOption['read']): AdoptOption =>
  option(spelling, help, { read });

const all = (words: readonly string[]): readonly string[] => words;
const last = (words: readonly string[]): string | undefined => words.at(-1);
const seconds = number(0.1, 600, 'seconds', 10);

function toWatchMs(words: readonly string[]): number | undefined {
  const word = last(words);
  return word === undefined ? undefined : Math.round(1000 * seconds(parseNumber(word) as number, 'watchMs'));
}

const rows: Readonly<Record<keyof Choices, AdoptOption>> = {
  accounts: adoptOption('--account NAME', 'a further account of the host that its jail knows', all),
  binds: adoptOption(
    '--bind PATH',
    'a file or directory of the host that the service needs too, at the same place',
    all,
  ),
  readOnlyBinds: adoptOption('--ro-bind PATH', 'the same, and the service cannot write there', all),
  caps: adoptOption('--cap NAME', 'a further capability that it keeps, such as ipc_lock', all),
  connectTo: adoptOption(
    '--connect-to ENTRY',
    'whom it may call, and nobody else: NAME:PORTS and the like; see uchroot(8)',
    all,
  ),
  insecurePath: adoptOption(
    '--insecure-path',
    'accept paths that lead out of the jail; --plan shows what they give away',
    (words) => words.length > 0,
  ),
  noTrial: adoptOption(
    '--no-trial',
    'restart it in its jail at once, without a start beside the running service before',
    (words) => words.length > 0,
  ),
  programs: adoptOption('--program PATH', 'a further program of the host that the service starts', all),
  watchMs: adoptOption(
    '--watch SECONDS',
    'how long it must run after a start to have come up (default 1 if it tells systemd when it is ready, else 5)',
    toWatchMs,
  ),
  user: adoptOption('--user NAME', "start a service of root's as this account, or as root of its jail", last),
};

/** Each option with its key. */
export const keyedOptions = (): readonly (readonly [key: string, option: AdoptOption])[] =>
  Object.entries(rows);

export const adoptOptions: readonly AdoptOption[] = Object.values(rows);

/** Whether each word of an option counts, and not only the last one. */
export const takesSeveral = ({ read }: AdoptOption): boolean => read === all;

/** The keys of a request, from the options of a command line or a file. @throws UsageError */
export function toChoices(given: readonly (readonly [name: string, word: Argument])[]): Choices {
  const wordsOf = (wanted: string): readonly string[] =>
    given.filter(([name]) => name === wanted).map(([, { text }]) => text);
  return Object.fromEntries(Object.entries(rows).map(([key, { name, read }]) => [key, read(wordsOf(name))]));
}
