// examples/telemetry: spans of OpenTelemetry from the events of launches. The tracer is a double with the methods of its API.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import t from 'tap';

import { openJail, runInJail } from '../support/public-api.ts';
import { makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot();
const user = '61119:61119';
const example = pathToFileURL(join(import.meta.dirname, '../../../examples/telemetry/launch-spans.mjs')).href;

class Span {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  readonly events: string[] = [];
  status: { readonly code: number; readonly message?: string } | undefined;
  exception: Error | undefined;
  ends = 0;

  constructor(name: string, attributes: Record<string, unknown>) {
    this.name = name;
    this.attributes = { ...attributes };
  }

  setAttribute(key: string, value: unknown): this {
    this.attributes[key] = value;
    return this;
  }

  addEvent(name: string): this {
    this.events.push(name);
    return this;
  }

  setStatus(status: { readonly code: number; readonly message?: string }): this {
    this.status = status;
    return this;
  }

  recordException(exception: Error): void {
    this.exception = exception;
  }

  end(): void {
    this.ends++;
  }
}

class Tracer {
  readonly spans: Span[] = [];

  startSpan(name: string, { attributes }: { readonly attributes: Record<string, unknown> }): Span {
    const span = new Span(name, attributes);
    this.spans.push(span);
    return span;
  }
}

type TraceLaunches = (tracer: Tracer) => () => void;

t.test('each launch is a span, which ends with the program', { skip }, async (t) => {
  const jail = makeJail(t, 'actor');
  const { traceLaunches } = (await import(example)) as { readonly traceLaunches: TraceLaunches };
  const tracer = new Tracer();
  const stop = traceLaunches(tracer);
  const request = { user, jail, program: '/actor' };
  const { pid } = await runInJail(request);
  await using open = await openJail(jail, { user, program: '/actor' });
  await Promise.all([
    open.run({ args: ['exit=3'], reject: false }),
    t.rejects(runInJail({ ...request, program: '/none' }), { name: 'LaunchError' }),
  ]);
  stop();
  await runInJail(request);

  const [good, ...bad] = tracer.spans;
  t.match(good, { name: 'jail /actor', events: ['started'], status: undefined, exception: undefined });
  t.match(good?.attributes, {
    'process.user.name': user.split(':')[0],
    'process.executable.path': '/actor',
    'process.pid': pid,
    'process.exit.code': 0,
    'uchroot.jail': jail,
  });
  t.equal(bad.length, 2, 'no span is made after the end of tracing');
  const denied = bad.find(({ name }) => name === 'jail /none');
  t.match(denied, {
    status: { code: 2, message: /not found/ },
    events: [],
    exception: { name: 'LaunchError' },
  });
  const failed = bad.find(({ name }) => name === 'jail /actor');
  t.match(failed, { status: { code: 2, message: 'exit status 3' }, events: ['started'] });
  t.same(
    tracer.spans.map(({ ends }) => ends),
    [1, 1, 1],
    'each span ends once',
  );
});
