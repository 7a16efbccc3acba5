// Texts of units and of environment files: variables and specifiers. Pure.

/**
 * Replaces the specifiers that depend on a unit's name or file, so that the text means the same under another name (systemd.unit(5)).
 *
 * @param text as `systemctl cat` prints it, with the path of the unit's file in its first line
 */
export function withoutSpecifiers(text: string, unit: string): string {
  const name = unit.replace(/\.service$/, '');
  const [prefix = name, instance] = name.split('@');
  const last = prefix.slice(prefix.lastIndexOf('-') + 1);
  const file = /^# (\/.*)\n/.exec(text)?.[1]?.replaceAll('%', '%%');
  const values: Readonly<Record<string, string | undefined>> = {
    n: unit,
    N: name,
    p: prefix,
    P: prefix.replaceAll('-', '/'),
    j: last,
    J: last,
    d: `/run/credentials/${unit}`,
    f: instance === undefined ? `/${prefix.replaceAll('-', '/')}` : undefined,
    y: file,
    Y: file?.slice(0, file.lastIndexOf('/')),
  };
  return text.replace(/%([%a-zA-Z])/g, (whole, letter: string) => values[letter] ?? whole);
}

// The specifiers of directories, of the instance and of `%` (systemd.unit(5)).
const places: Readonly<Record<string, string>> = {
  t: '/run',
  S: '/var/lib',
  C: '/var/cache',
  L: '/var/log',
  E: '/etc',
  T: '/tmp',
  V: '/var/tmp',
  '%': '%',
};

/** The files of StandardInput=, StandardOutput= and StandardError= in the text of a unit. Later lines count. */
export function standardFilesIn(text: string, instance = ''): readonly string[] {
  const lines = text.matchAll(/^[ \t]*Standard(Input|Output|Error)[ \t]*=[ \t]*(.*?)[ \t]*$/gm);
  const values = new Map([...lines].map(([, name, value = '']) => [name, value]));
  return [...values.values()].flatMap((value) => {
    const [, path] = /^(?:file|append|truncate):(.*)$/.exec(value) ?? [];
    return (
      path?.replace(/%([%a-zA-Z])/g, (whole, letter: string) =>
        letter === 'i' || letter === 'I' ? instance : (places[letter] ?? whole),
      ) ?? []
    );
  });
}

/** Whether the last WatchdogSec= in the text of a unit is a time other than 0. */
export function hasWatchdog(text: string): boolean {
  const values = [...text.matchAll(/^[ \t]*WatchdogSec[ \t]*=[ \t]*(.*?)[ \t]*$/gm)].map(
    ([, value]) => value,
  );
  return /[1-9]/.test(values.at(-1) ?? '');
}

/** The assignments of an EnvironmentFile= (systemd.exec(5)): later ones count. */
export function readEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.replace(/\\\r?\n/g, '').split('\n')) {
    const [, name = '', raw = ''] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name !== '') found.set(name, unquoted(raw.trim()));
  }
  return found;
}

// Quotes of both kinds group; a backslash keeps the next character. In single quotes everything stands for itself.
function unquoted(raw: string): string {
  return raw.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\(["\\`$])/g, '$1') ?? escaped ?? '',
  );
}

/** The variables of Environment=, each `NAME=VALUE`. */
export function readEnvironment(list: readonly string[]): ReadonlyMap<string, string> {
  return new Map(list.map((text) => [text.split('=')[0] ?? '', text.slice(text.indexOf('=') + 1)]));
}

/**
 * The words of a command line with its variables replaced, as systemd does it (systemd.service(5), COMMAND LINES): `$NAME` as
 * a word of its own becomes any number of words, `${NAME}` is replaced within a word, `$$` is a dollar sign. `${NAME:+…}` is for a shell.
 */
export function expandWords(
  words: readonly string[],
  variables: ReadonlyMap<string, string>,
): readonly string[] {
  return words.flatMap((word) => {
    const [, alone] = /^\$([^${].*)$/s.exec(word) ?? [];
    if (alone !== undefined) return splitWords(variables.get(alone) ?? '');
    return [
      word.replace(/\$\$|\$\{([^}:]*)\}/g, (whole, name?: string) =>
        whole === '$$' ? '$' : (variables.get(name ?? '') ?? ''),
      ),
    ];
  });
}

// Words between blanks; quotes keep blanks.
function splitWords(text: string): readonly string[] {
  return (text.match(/(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+/g) ?? []).map(unquoted);
}
