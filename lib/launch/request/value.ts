// The values of a request. Each function checks what a caller gave, copies it if the caller could change it later, and
// throws UsageError if it is wrong. Pure.
import { UsageError } from '../../errors.ts';
import { meantFlag, meantList, meantText, meantUmask } from '../../mistakes/meant-value.ts';
import { didYouMean } from '../../words/nearest.ts';
import { copyBytes, quote, type Bytes } from '../../words/quote.ts';
import { capabilityNames, capabilityNumber } from './capabilities.ts';
import { toLimit, type Limit, type RlimitName, type RlimitValue } from './rlimits.ts';

/** A variable to set, or to leave out. A text stays a text until it is joined to its name: a service may set thousands. */
export type EnvVariable = readonly [name: string, value: string | Buffer | undefined];

/** Bytes of our own without a NUL. */
export function bytes(value: unknown, name: string): Buffer {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new UsageError(`${name} must be a string or a Uint8Array`, { hint: meantText(name, value) });
  }
  // The copy is checked, not the original: another thread can write to shared memory between the two.
  const copy = copyBytes(value);
  if (copy.includes(0)) throw new UsageError(`${name} must not contain a NUL byte`);
  return copy;
}

export function flag(value: boolean | undefined, name: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new UsageError(`${name} must be true or false`, { hint: meantFlag(name, value) });
}

/**
 * Reads each element of an array as it is now. Stops at the first element that is wrong: an array of a thousand million
 * holes does not fit into memory.
 */
export function list<T>(value: unknown, name: string, read: (item: unknown, i: number) => T): readonly T[] {
  if (!Array.isArray(value))
    throw new UsageError(`${name} must be an array`, { hint: meantList(name, value) });
  const items: T[] = [];
  // A loop, because map() leaves holes out, and Array.from() takes longer for so few elements.
  for (let i = 0; i < value.length; i++) items.push(read(value[i], i));
  return items;
}

/** A descriptor number; 0 to 2 only where `lowest` allows it. */
export function descriptor(value: unknown, name: string, lowest = 0): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= lowest && value < 2 ** 31)
    return value;
  throw new UsageError(`${name} must be a number from ${lowest} on, not ${quote(String(value))}`, {
    hint: lowest === 3 ? 'leave 0 to 2 out: the program gets them anyway' : undefined,
  });
}

export function ascending(numbers: readonly number[]): readonly number[] {
  return numbers.length < 2 ? numbers : [...new Set(numbers)].toSorted((a, b) => a - b);
}

export function toJail(value: Bytes, _: string, { cwd }: { readonly cwd?: unknown }): Buffer {
  if ((value as unknown) === undefined)
    throw new UsageError('jail is missing', {
      hint:
        typeof cwd === 'string' && cwd.lastIndexOf('/') > 0
          ? `write jail: '${quote(cwd)}', as cwd is a directory in the jail`
          : "write jail: '/srv/jail'",
    });
  const jail = bytes(value, 'jail');
  if (jail.length === 0)
    throw new UsageError('the jail directory is empty', {
      hint: 'for example /srv/jail; is a variable of the shell empty?',
    });
  if (jail[0] === 0x2f) return jail;
  throw new UsageError(`the jail directory must be an absolute path, not ${quote(jail)}`, {
    hint:
      jail[0] === 0x7e && jail[1] === 0x2f
        ? `write jail: os.homedir() + '${quote(jail.subarray(1))}'`
        : `write jail: path.resolve('${quote(jail)}')`,
  });
}

export function toProgram(value: Bytes | undefined): Buffer | undefined {
  const program = toBytes(value, 'program');
  if (program?.length !== 0) return program;
  throw new UsageError('the program is empty', { hint: 'give its path in the jail, such as /bin/sh' });
}

/** As `bytes`, of a value that need not be given. */
export function toBytes(value: Bytes | undefined, name: string): Buffer | undefined {
  return value === undefined ? undefined : bytes(value, name);
}

export function toArguments(value: readonly Bytes[] | undefined): readonly Buffer[] {
  return value === undefined ? [] : list(value, 'args', (arg, i) => bytes(arg, `args[${i}]`));
}

const rootDirectory = Buffer.from('/');

export function toDirectory(value: Bytes | undefined): Buffer {
  const cwd = value === undefined ? rootDirectory : bytes(value, 'cwd');
  if (cwd.length === 0) throw new UsageError('the working directory is empty', { hint: 'for example /' });
  return cwd;
}

/** Numbers of capabilities, ascending. */
export function toCapabilities(value: readonly string[] | undefined): readonly number[] {
  if (value === undefined) return [];
  const numbers = list(value, 'caps', (name) => {
    const capability = typeof name === 'string' ? capabilityNumber(name) : undefined;
    if (capability !== undefined) return capability;
    throw new UsageError(`there is no capability '${quote(String(name))}'`, {
      hint: /[\s,]/.test(String(name))
        ? meantList('caps', String(name))
        : (didYouMean(String(name).replace(/^cap_/i, ''), capabilityNames) ??
          'capabilities(7) lists them: for example net_bind_service'),
    });
  });
  return ascending(numbers);
}

/** Descriptors above 2, ascending. */
export function toDescriptors(value: readonly number[] | undefined): readonly number[] {
  if (value === undefined) return [];
  return ascending(list(value, 'preserveFds', (fd) => descriptor(fd, 'a preserved descriptor', 3)));
}

export function toStatusFd(value: number | undefined): number | undefined {
  return value === undefined ? undefined : descriptor(value, 'statusFd');
}

export function toPidFile(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new UsageError('pidFile must be the path of a file', { hint: 'for example /run/NAME.pid' });
}

// 0o22, 0o27 and 0o77 without their 0o. The numbers are 0o26, 0o33 and 0o115.
const decimalUmasks = new Set([22, 27, 77]);

/** A text is octal, as for process.umask(). */
export function toUmask(value: number | string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^(?:0o)?[0-7]{1,4}$/.test(value)) {
    const mask = Number.parseInt(value.replace('0o', ''), 8);
    if (mask <= 0o777) return mask;
  }
  const isMask = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o777;
  if (isMask && !decimalUmasks.has(value)) return value;
  const is = isMask ? `umask ${value} is 0o${value.toString(8)}: a mode is octal` : undefined;
  throw new UsageError(is ?? 'umask must be a number from 0 to 0o777, or its octal text', {
    hint: meantUmask(value),
  });
}

/** What the library takes for resource limits. */
export type Rlimits = Readonly<Partial<Record<RlimitName, RlimitValue>>>;

export function toLimits(value: Rlimits | undefined): readonly (readonly [name: string, limit: Limit])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError('rlimits must be an object such as {nofile: 4096}', {
      hint: 'write rlimits: {nofile: 4096}',
    });
  return Object.entries(value).map(([name, limit]) => [name, toLimit(name, limit)] as const);
}

/** @throws UsageError unless it is an object whose keys are variables */
export function checkEnv(value: unknown): asserts value is Readonly<Record<string, unknown>> {
  // The variables of an array or a Map are not its keys: it would count as an empty environment.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) {
    throw new UsageError("env must be an object such as {LANG: 'C.UTF-8'}", {
      hint: value instanceof Map ? 'write env: Object.fromEntries(MAP)' : "write env: {NAME: 'VALUE'}",
    });
  }
}

function toVariableName(name: string, key: string): string {
  if (name === '' || name.includes('=') || name.includes('\0'))
    throw new UsageError(`${key}: '${quote(name)}' cannot be the name of a variable`, {
      hint: name.includes('=')
        ? `a variable and its value are for --setenv ${quote(name)} (env: {${quote(name.replace('=', ": '"))}'})`
        : 'give its name alone',
    });
  return name;
}

/** Names of variables of the caller. */
export function toPassEnv(value: readonly string[] | undefined, keepsAll: unknown): readonly string[] {
  if (value === undefined) return [];
  if (keepsAll === true)
    throw new UsageError(
      'keepEnv and passEnv are given at once: keepEnv passes all variables but dangerous ones',
      { hint: 'leave --keep-env (keepEnv) or --pass-env (passEnv) out' },
    );
  return list(value, 'passEnv', (name, i) => {
    if (typeof name !== 'string')
      throw new UsageError('passEnv must be names of variables', { hint: meantText(`passEnv[${i}]`, name) });
    // no shell makes such a name
    if (/[$\s]/.test(name))
      throw new UsageError(`passEnv: '${quote(name)}' cannot be the name of a variable`, {
        hint: `write --pass-env ${name.replaceAll('$', '').trim().replace(/\s+/g, ',')}`,
      });
    return toVariableName(name, 'passEnv');
  });
}

type Env = Readonly<Record<string, Bytes | undefined>> | undefined;

/** The variables of both, those of `env` over the defaults. They are copied only if they have to be: there can be many. */
export function mergeEnv(defaults: Env, env: Env): Env {
  if (defaults === undefined || env === undefined) return env ?? defaults;
  checkEnv(env);
  return { ...defaults, ...env };
}

/** The variables of `env`. */
export function toEnv(value: Env): readonly EnvVariable[] {
  if (value === undefined) return [];
  checkEnv(value);
  // Takes half the time of Object.entries() for an object of thousands of keys.
  return Object.keys(value).map((key) => {
    const name = toVariableName(key, 'env');
    const content = value[key];
    const isText = typeof content === 'string' && !content.includes('\0');
    return [name, content === undefined || isText ? content : bytes(content, `env.${quote(name)}`)];
  });
}
