// The values of a request about the program and its environment: checked, and copied if the caller could change them later. Pure.
import {
  absolutePath,
  bytes,
  expecting,
  list,
  optional,
  path,
  text,
  whole,
  type Validator,
} from '../../values/validators.ts';
import { atOnce, wrong } from '../../values/wrong.ts';
import { nearest } from '../../words/nearest.ts';
import { quote, type Bytes } from '../../words/quote.ts';
import { capabilityNames, capabilityNumber } from './capabilities.ts';
import type { Values } from './option-row.ts';
import { toLimit, type Limit, type RlimitName, type RlimitValue } from './rlimits.ts';

/** A variable to set, or to leave out. A text stays a text until it is joined to its name: a service may set thousands. */
export type EnvVariable = readonly [name: string, value: string | Buffer | undefined];

const toArgument = bytes();

/** A descriptor number. @param least 3 for one beside stdin, stdout and stderr */
export const descriptor = (least = 0): Validator<number> => whole(least, 2 ** 31 - 1);

export function ascending(numbers: readonly number[]): readonly number[] {
  return numbers.length < 2 ? numbers : [...new Set(numbers)].toSorted((a, b) => a - b);
}

export const toJail = absolutePath('/srv/jail');
export const toProgram = optional(path('/bin/sh'));
export const toBytes = optional(toArgument);
export const toArguments = optional(list(toArgument, ['-l']), []);
export const toDirectory = optional(path('/'), Buffer.from('/'));

const capability: Validator<string, number> = (name, key) => {
  const number = typeof name === 'string' ? capabilityNumber(name) : undefined;
  if (number !== undefined) return number;
  throw wrong({
    key,
    value: name,
    expected: 'the name of a capability (capabilities(7))',
    example: 'net_bind_service',
    meant: typeof name === 'string' ? nearest(name.replace(/^cap_/i, ''), capabilityNames) : undefined,
  });
};
const capabilityList = list(capability, ['net_bind_service']);

/** Numbers of capabilities, ascending. */
export function toCapabilities(value: readonly string[] | undefined, key: string): readonly number[] {
  return value === undefined ? [] : ascending(capabilityList(value, key));
}

const descriptors = list(descriptor(3), [3]);

/** Descriptors above 2, ascending. */
export function toDescriptors(value: readonly number[] | undefined, key: string): readonly number[] {
  return value === undefined ? [] : ascending(descriptors(value, key));
}

const fileName = (example: string) => optional(text('the path of a file', example, /^[^\0]+$/s));
export const toPidFile = fileName('/run/NAME.pid');
export const toResultFile = fileName('/run/NAME.json');

/** A text is octal, as for process.umask(). 0o22, 0o27 and 0o77 without their 0o are 0o26, 0o33 and 0o115: hardly meant. */
export const toUmask: Validator<number | string | undefined, number | undefined> = optional((given, key) =>
  expecting<number | string, number>(
    typeof given === 'string'
      ? 'an octal mode from 0 to 777'
      : "an octal mode from 0 to 777, as text such as '022' or as a number such as 0o22 (22, 27 and 77 are not octal)",
    '022',
    (value) => {
      const isText = typeof value === 'string' && /^(?:0o)?[0-7]{1,4}$/.test(value);
      const mode = isText ? Number.parseInt(value.replace('0o', ''), 8) : value;
      const isMode = typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 && mode <= 0o777;
      return isMode && (isText || ![22, 27, 77].includes(mode)) ? mode : undefined;
    },
  )(given, key),
);

/** What the library takes for resource limits. */
export type Rlimits = Readonly<Partial<Record<RlimitName, RlimitValue>>>;

export function toLimits(
  value: Rlimits | undefined,
  key: string,
): readonly (readonly [name: string, limit: Limit])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong({ key, value, expected: 'an object', example: { nofile: 4096 } });
  return Object.entries(value).map(([name, limit]) => [name, toLimit(name, limit, key)] as const);
}

/** @throws UsageError unless it is an object whose keys are variables */
export function checkEnv(value: unknown): asserts value is Readonly<Record<string, unknown>> {
  // The variables of an array or a Map are not its keys: it would count as an empty environment.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    throw wrong({
      key: 'env',
      value,
      expected: 'an object whose keys are variables',
      example: { LANG: 'C.UTF-8' },
    });
}

const toVariableName = text('the name of a variable', 'LANG', /^[^=\0]+$/s);
// no shell makes a name with a blank or a $
const passed = list(text('the name of a variable', 'LANG', /^[^=\0$\s]+$/), ['LANG']);

/** Names of variables of the caller. */
export function toPassEnv(
  value: readonly string[] | undefined,
  key: string,
  { keepEnv }: { readonly keepEnv?: unknown },
): readonly string[] {
  if (value === undefined) return [];
  if (keepEnv === true) throw atOnce('keepEnv', key, 'the first passes all variables but dangerous ones');
  return passed(value, key);
}

type Env = Readonly<Record<string, Bytes | undefined>> | undefined;

/** The variables of both, those of `env` over the defaults. They are copied only if they have to be: there can be many. */
export function mergeEnv(defaults: Env, env: Env): Env {
  if (defaults === undefined || env === undefined) return env ?? defaults;
  checkEnv(env);
  return { ...defaults, ...env };
}

/** What `deterministic` sets. LANGUAGE would choose the language of messages beside LC_ALL (gettext). */
export const deterministicEnv: Readonly<Record<string, string | undefined>> = {
  TZ: 'UTC',
  LC_ALL: 'C.UTF-8',
  LANGUAGE: undefined,
};

/** The variables of `env`, and those of `deterministic` that the caller does not name. */
export function toEnv(
  given: Env,
  _key = 'env',
  { deterministic, passEnv }: Values = {},
): readonly EnvVariable[] {
  if (given !== undefined) checkEnv(given);
  if (deterministic !== true) return toVariables(given);
  const passed = Array.isArray(passEnv) ? (passEnv as readonly unknown[]) : [];
  const own = Object.entries(deterministicEnv).filter(([name]) => !passed.includes(name));
  return toVariables({ ...Object.fromEntries(own), ...given });
}

function toVariables(value: Env): readonly EnvVariable[] {
  if (value === undefined) return [];
  // Takes half the time of Object.entries() for an object of thousands of keys.
  return Object.keys(value).map((key) => {
    const name = toVariableName(key, 'env');
    const content = value[key];
    const isText = typeof content === 'string' && !content.includes('\0');
    return [name, content === undefined || isText ? content : toArgument(content, `env.${quote(name)}`)];
  });
}
