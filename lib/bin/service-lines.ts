// Lines in which uchroot-service tells of a service. Pure.

/** Whom a service may call. */
export const calls = (list: readonly string[]): string | false =>
  list.length > 0 && `  it may call: ${list.join(', ')}`;

/** What a service can write. */
export const writes = (paths: readonly string[]): string =>
  paths.length === 0 ? '' : `; and it writes to the host: ${paths.join(', ')}`;

/** The lines that there are. */
export const shown = (...lines: readonly (string | false | readonly string[])[]): string =>
  `${lines
    .flat()
    .filter((line) => line !== false)
    .join('\n')}\n`;
