// The options of a launch: their groups, and what the text of each means. Parsers throw UsageError. Pure.
import { UsageError } from '../../errors.ts';
import { option, type Argument, type Option } from '../../values/command-option.ts';
import { quote, type Bytes } from '../../words/quote.ts';
import { meantCount, meantEach } from '../../mistakes/meant-value.ts';
import { meantNumber } from './number-value.ts';
import { knownRlimit, spellRlimit, toLimit, type Limit } from './rlimits.ts';

/** The parts of --help, which are sections of doc/uchroot.md too, in their order. */
export const optionGroups = [
  'Identity',
  'Process',
  'Jail',
  'Limits',
  'Isolation',
  'Reports',
  'Init units',
  'Compiled launchers',
] as const;

/** An option of uchroot. */
export interface LaunchOption extends Option {
  /** `Service` options are those of uchroot-inetd. */
  readonly group: (typeof optionGroups)[number] | 'Service';
  /** The value of its key, from a word of the command line and the value so far. */
  readonly parse: (word: Argument, before: never) => unknown;
  /** Why --unit refuses it. */
  readonly notInUnit?: string;
  /** Why --compile refuses it, and the alternative. */
  readonly notCompiled?: { readonly because: string; readonly hint: string };
}

/** An option that sets a key, spelt as in --help. */
export const launchOption = (
  group: LaunchOption['group'],
  spelling: string,
  help: string,
  parse: LaunchOption['parse'],
  more: Pick<LaunchOption, 'notInUnit' | 'notCompiled'> = {},
): LaunchOption => option(spelling, help, { group, parse, ...more });

/** `NAME,NAME`, after those that were given before. */
export function addNames({ text }: Argument, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',')];
}

/** @param example a number that is right for this option */
export function toNumber(text: string, option: string, example = 3): number {
  if (/^(0|[1-9][0-9]{0,9})$/.test(text)) return Number(text);
  const least = text.startsWith('-') ? ' from 0 on' : '';
  throw new UsageError(`${option} takes a number${least}, not '${quote(text)}'`, {
    hint: meantCount(option, text, example),
  });
}

/** A descriptor. */
export function parseStatusFd({ text }: Argument): number {
  if (text.includes('/'))
    throw new UsageError(`--status-fd takes a number, not '${quote(text)}'`, {
      hint: `write --status-fd 3, and 3>${quote(text)} at the end of the line`,
    });
  return toNumber(text, '--status-fd');
}

/** The numbers of `3,5-7`. */
export function toNumbers(text: string, option: string, example = 3): readonly number[] {
  const refuse = (hint: string): never => {
    throw new UsageError(`${option} takes numbers and ranges such as 3,5-7, not '${quote(text)}'`, { hint });
  };
  return text.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    if (first === '' || last === '') refuse(`for example ${option} ${example}`);
    const from = toNumber(first, option, example);
    const to = toNumber(last, option, example);
    if (more.length > 0 || to < from || to - from > 65535)
      refuse(`write the lower number first: ${option} 5-7`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** `3,5-7`, after the descriptors that were given before. */
export function addDescriptors({ text }: Argument, before: readonly number[] = []): readonly number[] {
  return [...before, ...toNumbers(text, '--preserve-fds')];
}

/** An octal mode. */
export function parseUmask({ text }: Argument): number {
  if (/^[0-7]{1,4}$/.test(text) && Number.parseInt(text, 8) <= 0o777) return Number.parseInt(text, 8);
  throw new UsageError(`--umask takes an octal mode such as 027, not '${quote(text)}'`, {
    hint: 'for example --umask 027',
  });
}

// Names are text in a request: bytes that are no UTF-8 would become another name.
function toVariableName(bytes: Buffer, option: string): string {
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return name;
  throw new UsageError(`${option}: the name '${quote(bytes)}' is not UTF-8`, {
    hint: 'set such a variable for uchroot itself, by env(1), and pass it on with --keep-env',
  });
}

type Env = Record<string, Bytes | undefined>;

// Without a prototype: a variable may be called __proto__.
function setVariable(env: Env | undefined, name: string, value: Buffer | undefined): Env {
  const variables = env ?? (Object.create(null) as Env);
  variables[name] = value;
  return variables;
}

/** Sets NAME=VALUE. */
export function setEnv({ text, bytes }: Argument, env?: Env): Env {
  const equals = bytes.indexOf(0x3d);
  if (equals <= 0)
    throw new UsageError(`--setenv takes NAME=VALUE, not '${quote(text)}'`, {
      hint:
        equals < 0 && text !== ''
          ? `write --setenv ${quote(text)}=VALUE`
          : 'for example --setenv LANG=C.UTF-8',
    });
  return setVariable(env, toVariableName(bytes.subarray(0, equals), '--setenv'), bytes.subarray(equals + 1));
}

/** Leaves NAME out. */
export function unsetEnv({ text, bytes }: Argument, env?: Env): Env {
  if (/[ ,]/.test(text))
    throw new UsageError(`--unsetenv takes one NAME, not '${quote(text)}'`, {
      hint: meantEach('--unsetenv', text),
    });
  return setVariable(env, toVariableName(bytes, '--unsetenv'), undefined);
}

/** `NAME,NAME`, after those that were given before. */
export function addPassEnv({ bytes }: Argument, before: readonly string[] = []): readonly string[] {
  return [...before, ...toVariableName(bytes, '--pass-env').split(',')];
}

/** Adds NAME=SOFT[:HARD] to the limits that were given before. */
export function addRlimit({ text }: Argument, before: object = {}): object {
  const [name, limit] = parseRlimit(text);
  return { ...before, [name]: limit };
}

// A limit is a plain number. The number of `100M` is given.
function numberHint(name: string, word: string): string {
  // several limits in one option
  if (/^[^,]+,\w+=/.test(word)) return `write --rlimit ${name}=${word.replaceAll(',', ' --rlimit ')}`;
  const meant = meantNumber(word);
  if (meant === undefined) return 'write a whole number, as in --rlimit nofile=4096, or unlimited';
  return `write --rlimit ${knownRlimit(name)}=${meant}`;
}

/** `NAME=SOFT[:HARD]`, with `unlimited` or `infinity` for no limit. */
export function parseRlimit(text: string): [string, Limit] {
  const [, word, soft, hard] = /^([a-z_]+)=([^:]+)(?::(.+))?$/i.exec(text) ?? [];
  if (word === undefined || soft === undefined) {
    throw new UsageError(`--rlimit takes NAME=SOFT[:HARD], not '${quote(text)}'`, {
      hint: 'for example --rlimit nofile=4096',
    });
  }
  const name = spellRlimit(word);
  const value = (limit: string): number => {
    if (/^(unlimited|infinity)$/i.test(limit)) return Infinity;
    if (/^[0-9]{1,16}$/.test(limit)) return Number(limit);
    throw new UsageError(`--rlimit ${quote(text)}: '${quote(limit)}' is no limit`, {
      hint: numberHint(name, limit),
    });
  };
  return [name, toLimit(name, { soft: value(soft), hard: value(hard ?? soft) })];
}
