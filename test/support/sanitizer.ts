// Native code with sanitizers (scripts/test --sanitize) needs their runtime in every node, loaded first. scripts/coverage needs to
// know of every node what it has run.

/** Variables that an environment made by a test must also have. */
export const sanitizerEnv: Readonly<Record<string, string>> = Object.fromEntries(
  ['LD_PRELOAD', 'ASAN_OPTIONS', 'NODE_V8_COVERAGE'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

/** Whether the native code runs under sanitizers. */
export const sanitized: boolean = 'ASAN_OPTIONS' in sanitizerEnv;

/** LD_PRELOAD as a hostile caller sets it, with the sanitizers' runtime before it. */
export const hostilePreload = `LD_PRELOAD=${[sanitizerEnv.LD_PRELOAD ?? '', '/nowhere.so'].join(' ').trim()}`;
