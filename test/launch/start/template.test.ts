// What a template makes of its words and of keys for the next ones.
import t from 'tap';

import type { AnyJailRunRequest } from '../../../lib/launch/request/jail-rows.ts';
import { openTemplate, type Template } from '../../../lib/launch/start/template.ts';

const ran: { name: string; request: AnyJailRunRequest }[] = [];
const run = async (name: Buffer, request: AnyJailRunRequest): Promise<never> => {
  ran.push({ name: String(name), request });
  return {} as never;
};
const $: Template = openTemplate({ run, jail: Buffer.from('/nowhere') });
const last = () => {
  const { name, request } = ran.pop() ?? {};
  return { name, ...request, args: (request?.args ?? []).map(String), program: String(request?.program) };
};

t.test('the first word is the program, and keys are for all that follows', async (t) => {
  await $`ls -l ${'a b'}`;
  t.match(last(), { name: 'ls', program: 'ls', argv0: Buffer.from('ls'), args: ['-l', 'a b'] });
  const own = $({ timeoutMs: 500, env: { A: '1' } })({ argv0: 'x', env: { B: '2' } });
  await own`ls`;
  t.match(last(), { name: 'ls', argv0: 'x', timeoutMs: 500, env: { A: '1', B: '2' }, args: [] });
  await own({ timeoutMs: undefined, argv0: undefined, env: undefined, program: undefined } as object)`ls`;
  t.match(last(), { argv0: 'x', timeoutMs: 500, env: { A: '1', B: '2' } }, 'undefined is no key');
  await $({ argv0: undefined })`ls`;
  t.match(last(), { argv0: Buffer.from('ls') });
});

t.test('a mistake is named', async (t) => {
  for (const run of [() => $``, () => $` `, () => $`${''}`])
    await t.rejects(run(), { name: 'UsageError', message: 'the command is empty' });
  const call = $ as unknown as (...given: readonly unknown[]) => unknown;
  for (const wrong of ['ls', null, undefined, 5])
    t.throws(() => call(wrong), { name: 'UsageError', message: '$ is for a template' });
  t.throws(() => call({ program: 'ls' }), { message: 'program is given to $, whose template says it' });
  t.throws(() => call({ args: [] }), { message: 'args is given to $, whose template says it' });
  t.equal(ran.length, 0);
});

t.test('what only looks like a template runs nothing', async (t) => {
  const call = $ as unknown as (...given: readonly unknown[]) => unknown;
  for (const keys of [['ls'], { raw: ['ls'] }]) t.type(call(keys), 'function');
  t.equal(ran.length, 0);
});
