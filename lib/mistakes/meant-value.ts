// Hints for a value of the wrong type: its key with the value that was most likely meant. Pure.
import { type Bytes, quote } from '../words/quote.ts';
import { eachAlone } from '../words/shell-word.ts';

const isNo = (value: unknown): boolean => /^(?:|false|no|off|never|none|null|0)$/i.test(String(value).trim());

/** For a key that is true or false. A word for no never becomes true: the key may take a protection away. */
export function meantFlag(key: string, value: unknown): string {
  return `write ${key}: ${!isNo(value)}`;
}

// What most requests give.
const examples: Readonly<Record<string, string>> = {
  jail: '/srv/jail',
  directory: '/srv/jail',
  program: '/bin/ls',
  cwd: '/tmp',
};

/** For a key that is a text. */
export function meantText(key: string, value: unknown, example = examples[key] ?? 'TEXT'): string {
  if (value === null || (value === undefined && key.endsWith(']'))) return 'leave it out';
  if (typeof value === 'number' || typeof value === 'boolean') return `write '${value}'`;
  if (value instanceof URL) return `write fileURLToPath('${quote(value.href)}')`;
  if (value instanceof Promise) return 'write await before it';
  if (Array.isArray(value)) {
    const [first = example, ...more] = value.map((word) => quote(String(word)));
    const rest = more.map((word) => `'${word}'`).join(', ');
    return `write ${key}: '${first}'${key === 'program' ? `, args: [${rest}]` : ''}`;
  }
  return `write ${key}: '${example}'`;
}

/** The words of a text: `-l /` are two, as in a shell, unless there are quotes. */
export function wordsOf(text: string): readonly string[] {
  return /["'\\]/.test(text) ? [text] : text.split(/\s+/).filter((word) => word !== '');
}

// The names have no comma, so a comma separates them.
const ofNames =
  /^(?:caps|groups|unshare|allow|passEnv|affinity|users|programs|packages|packs|connectTcp|bindTcp)$/;

/** For a key that is an array. @param example one element as it is written */
export function meantList(key: string, value: unknown, example?: string): string {
  const isNumber = /(?:Tcp|Fds)$/.test(key);
  if (typeof value === 'string')
    return `write ${key}: [${(ofNames.test(key)
      ? value.split(/[\s,]+/).filter((word) => word !== '')
      : wordsOf(value)
    )
      .map((word) => (isNumber && /^[0-9]+$/.test(word) ? word : `'${quote(word)}'`))
      .join(', ')}]`;
  if (typeof value === 'number') return `write ${key}: [${isNumber ? value : `'${value}'`}]`;
  if (value instanceof Set) return `write ${key}: [...SET]`;
  if (value === null || value === false) return 'leave it out';
  if (key === 'passEnv' && value === true) return 'write keepEnv: true';
  if (value instanceof Promise) return 'write await before it';
  if (key === 'copies' && typeof value === 'object') {
    const pairs = Object.entries(value).map(
      ([from, to]) => `{from: '${quote(from)}', to: '${quote(String(to))}'}`,
    );
    return `write copies: [${pairs.join(', ')}]`;
  }
  const keys = ofNames.test(key) && typeof value === 'object' ? Object.keys(value) : [];
  if (keys.length > 0) return `write ${key}: [${keys.map((name) => `'${quote(name)}'`).join(', ')}]`;
  return `write ${key}: [${example ?? (isNumber ? 'NUMBER' : "'TEXT'")}]`;
}

/** For a umask: 22 has most likely lost its 0o, and a text can say either. */
export function meantUmask(value: unknown): string {
  const other = typeof value === 'number' && value <= 0o777 ? value.toString(8) : '';
  if (/^(?:22|27|77)$/.test(String(value)))
    return `write umask: 0o${String(value)}; for the other one '0${other}'`;
  return `write umask: 0o${/^[0-7]{3}$/.test(String(value)) ? String(value) : '022'}`;
}

/** For an option that is a whole number: the number in its text. @param example if there is none */
export function meantCount(option: string, text: string, example: number): string {
  if (/^(?:max|unlimited|infinity|infinite)$/i.test(text))
    return `leave it out: without ${option} there is no such limit`;
  if (/^-[0-9]+$/.test(text) && /^--(?:nice|oom-score-adj)$/.test(option))
    return 'leave it out: a launch gives no program a higher priority than its caller has';
  const [, thousands] = /^([1-9][0-9]{0,5})k$/i.exec(text) ?? [];
  if (thousands !== undefined) return `for example ${option} ${thousands}000`;
  const [, given = example] =
    /^([1-9][0-9]{0,8})/.exec(text) ??
    (option.endsWith('-tcp') ? /:([1-9][0-9]{0,4})$/.exec(text) : null) ??
    [];
  return `for example ${option} ${given}`;
}

/** For several names as the value of an option that takes one. */
export function meantEach(option: string, names: string): string {
  return eachAlone(option, names.replaceAll(' ', ',')) ?? 'write a name without blanks and commas';
}

const factors: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** For a key that is milliseconds: `5s` is 5000. */
export function meantMs(key: string, value: unknown, most: number): string {
  const [, digits, unit = ''] = /^([0-9]+(?:\.[0-9]+)?) *([a-z]*)$/i.exec(String(value)) ?? [];
  const meant = value === Infinity ? most : Number(digits) * (factors[unit.toLowerCase()] ?? Number.NaN);
  return `write ${key}: ${meant > 0 ? Math.min(meant, most) : 5000}`;
}

/**
 * For an absolute path. One of the host may be relative to the working directory; a relative path after --proc or --dev is mostly the
 * next word of the line.
 *
 * @param to where a bind appears in the jail
 */
export function meantPath(name: string, path: string, to?: Bytes): string {
  if (/bind$|^ephemeral$/.test(name))
    return `write $PWD/${path}${to === undefined ? '' : `:${quote(to)}`} (path.resolve('${path}'))`;
  // docker's --mount
  const [source, target] = ['src|source', 'dst|target|destination'].map(
    (key) => new RegExp(`(?:^|,)(?:${key})=([^,]+)`).exec(path)?.[1],
  );
  if (source !== undefined && target !== undefined) return `write ${source}:${target}`;
  const kind = /\.(proc|dev|tmpfs)$/.exec(name)?.[1];
  if (kind === undefined || (kind === 'tmpfs' && /\/|^(?:run|var|srv|data|cache)$/.test(path)))
    return `write /${path}`;
  const place = kind === 'tmpfs' ? 'tmp' : kind;
  return `write --${kind} /${place} ({${kind}: '/${place}'})`;
}

/** The entry of `view` for a place of the host as docker, compose and Kubernetes write it; undefined if it is none. */
export function meantPlace(entry: unknown, readOnly = false): string | undefined {
  const [, source, target, mode] = /^([^:]+):([^:]+)(?::(\w+))?$/.exec(String(entry)) ?? [];
  const keys = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<
    Record<string, unknown>
  >;
  const first = (names: string): unknown => {
    const found = Object.keys(keys).find((key) => names.split(' ').includes(key.toLowerCase()));
    return found === undefined ? undefined : keys[found];
  };
  const bind = source ?? first('source src from host hostpath');
  const to = target ?? first('target dst destination container containerpath mountpath dir path');
  if (first('type') === 'tmpfs' && typeof to === 'string') return `{tmpfs: '${quote(to)}'}`;
  if (typeof bind !== 'string' || typeof to !== 'string') return undefined;
  const isReadOnly = readOnly || mode === 'ro' || first('readonly ro') === true || first('mode') === 'ro';
  return `{bind: '${quote(bind)}', to: '${quote(to)}'${isReadOnly ? ', readOnly: true' : ''}}`;
}

/** For what a program shall see of the host. */
export function meantView(entry: unknown): string {
  const place = meantPlace(entry);
  return place === undefined
    ? "write {bind: '/etc', to: '/etc', readOnly: true} for a directory of the host"
    : `write ${place}`;
}

/** For the name of a host. */
export function meantHostname(value: string): string {
  const meant = value
    .replace(/[^A-Za-z0-9.]+/g, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 64);
  return `for example ${meant === '' ? 'jail' : meant}`;
}

type Units = Readonly<Record<string, number>>;

// Units that people know from docker(1), sleep(1) and systemd.time(7), as factors.
const timeFactors = 'ms:0.001 s:1 sec:1 second:1 m:60 min:60 minute:60 h:3600 hour:3600 d:86400 day:86400';
const ofSeconds: Units = Object.fromEntries(
  timeFactors.split(' ').map((pair) => {
    const [unit = '', factor] = pair.split(':');
    return [unit, Number(factor)];
  }),
);
// Of systemd.resource-control(5), and thousandths of Kubernetes.
const ofCpus: Units = { '%': 0.01, m: 0.001 };

/** The CPUs or seconds that a text with units was probably meant to be: 50%, 500m, 5m, 1h30m. */
export function meantNumberOf(text: string, what: 'cpu' | 'time'): number | undefined {
  const units = what === 'cpu' ? ofCpus : ofSeconds;
  const [, minutes, seconds] = /^([0-9]+):([0-5][0-9])$/.exec(text) ?? [];
  if (seconds !== undefined) return meantNumberOf(`${minutes}m${seconds}s`, what);
  const point = text.replace(/^([0-9]+),([0-9]+)$/, '$1.$2');
  const parts = [...point.matchAll(/([0-9]+(?:\.[0-9]+)?) *([a-z%]*) */gy)];
  const isWhole = parts.map(([part]) => part).join('') === point;
  const meant = parts
    .map(
      ([, number, unit = '']) =>
        Number(number) * (unit === '' ? 1 : (units[unit] ?? units[unit.replace(/s$/, '')] ?? Number.NaN)),
    )
    .reduce((sum, part) => sum + part, 0);
  // 0.001 * 700 has seventeen digits
  const rounded = Number(meant.toFixed(6));
  return isWhole && rounded > 0 ? rounded : undefined;
}
