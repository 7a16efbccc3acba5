// A span of OpenTelemetry for each launch beside this process, from the channels of node:diagnostics_channel. The tracer is that of
// @opentelemetry/api, and any SDK exports the spans: traceLaunches(trace.getTracer('my-service')).
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

// SpanStatusCode of @opentelemetry/api
const failed = 2;

function describe({ user, jail, program }) {
  // process.* as in the semantic conventions of OpenTelemetry
  return {
    'process.user.name': user,
    'process.executable.path': program ?? 'the default shell',
    'uchroot.jail': jail,
  };
}

/** Begins to trace launches. The span that is active where a program is asked for is the parent. Returns a function that stops it. */
export function traceLaunches(tracer) {
  // All events of a launch have the same object for its name.
  const spans = new WeakMap();
  const listeners = {
    'uchroot:launch': ({ launch }) => {
      const attributes = describe(launch);
      spans.set(launch, tracer.startSpan(`jail ${attributes['process.executable.path']}`, { attributes }));
    },
    'uchroot:start': ({ launch, pid }) => {
      spans.get(launch)?.setAttribute('process.pid', pid).addEvent('started');
    },
    'uchroot:exit': ({ launch, exitCode, signal, limit, usage }) => {
      const span = spans.get(launch);
      if (span === undefined) return;
      span.setAttribute('process.cpu.user_ms', usage.userCpuMs);
      if (exitCode !== null) span.setAttribute('process.exit.code', exitCode);
      if (limit !== undefined) span.setAttribute('uchroot.limit', limit);
      if (exitCode !== 0)
        span.setStatus({ code: failed, message: limit ?? signal ?? `exit status ${exitCode}` });
      span.end();
    },
    'uchroot:denial': ({ launch, error }) => {
      const span = spans.get(launch);
      if (span === undefined) return;
      span.recordException(error);
      span.setStatus({ code: failed, message: error.message });
      span.end();
    },
  };
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);
  };
}
