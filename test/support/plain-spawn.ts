// Imported for its effect: programs that a test starts get exactly the environment that the test gives. tap wraps the
// functions of child_process and adds NODE_OPTIONS to every environment (process-on-spawn). Then every node that the test
// starts would load, and write, files outside a jail.
const wrapped = (globalThis as Readonly<Record<symbol, unknown>>)[
  Symbol.for('process-on-spawn@*:singletonId')
] as { unwrap(): void } | undefined;

wrapped?.unwrap();
