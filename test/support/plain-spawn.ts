// Imported for its effect: what a test starts gets the environment that the test gives it, and nothing else. tap wraps
// the functions of child_process and adds NODE_OPTIONS to whatever environment they are called with
// (process-on-spawn), so that every node below would load, and write, files outside a jail.
const wrapped = (globalThis as Readonly<Record<symbol, unknown>>)[
  Symbol.for('process-on-spawn@*:singletonId')
] as { unwrap(): void } | undefined;

wrapped?.unwrap();
