// uchroot-service apply: the services that files declare, and the schema of these files.
import { type Applied } from '../service/adopt/adopt.ts';
import { keyedOptions } from '../service/adopt/adopt-options.ts';
import { declarations } from '../service/adopt/apply.ts';
import { declaredSchema } from '../service/adopt/declared.ts';
import { option } from '../values/command-option.ts';
import { jsonDocument, printedJson } from '../words/json.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { type Command, has, valueOf } from './dispatch.ts';
import { failureOf, warn } from './service-failure.ts';

export type ServiceCommand = Command<AbortSignal>;

export const planOption = option('--plan', 'show what would be done, and change nothing');
export const formatOption = option('--format text|json', 'how the answer is printed');

// What was done to a service, and what would be.
const acts: Readonly<Record<Applied['act'], readonly [done: string, planned: string]>> = {
  adopt: ['adopted', 'would be adopted'],
  change: ['changed', 'would be changed'],
  declare: ['adopted before; its file counts from now on', 'adopted before; its file would count'],
  release: ['released, since its file is gone', 'would be released, since its file is gone'],
  none: ['as declared', 'as declared'],
};

const optionNames = (keys: readonly string[]): string =>
  keys.map((key) => keyedOptions().find(([one]) => one === key)?.[1].name ?? key).join(', ');

function lineOf({ unit, act, changes }: Applied, isPlan: boolean): string {
  const named = changes.length === 0 ? '' : `: ${optionNames(changes)}`;
  return `${unit}: ${acts[act][isPlan ? 1 : 0]}${named}\n`;
}

const apply: ServiceCommand = {
  synopsis: 'apply [--plan] [NAME]...',
  summary: 'adopts, changes and releases services as the files in /etc/uchroot/services.d say',
  about: 'NAME.toml declares the service NAME, with the options of adopt as keys. NAME: only these services.',
  options: [planOption, formatOption],
  operands: [0, Infinity],
  statuses: '0 all are as declared; 1 one could not be made so; with --plan, 2 something would be done.',
  run: async (read, signal, ...names) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const isPlan = has(read, 'plan');
    const done: (
      | Applied
      | { readonly unit?: string | undefined; readonly file: string; readonly error: string }
    )[] = [];
    let text = '';
    let isChanged = false;
    for (const { unit, file, apply } of await declarations(names.map(String))) {
      const error = await failureOf(unit ?? file, async () => {
        const applied = await apply({ signal, plan: isPlan });
        warn(applied.unit, applied.report?.warnings ?? []);
        done.push(applied);
        text += lineOf(applied, isPlan);
        isChanged ||= applied.act !== 'none';
      });
      if (error !== undefined) done.push({ unit, file, error });
    }
    const hasFailed = done.some((one) => 'error' in one);
    return {
      text: format === 'json' ? jsonDocument({ isChanged, services: done }) : text,
      status: hasFailed ? 1 : isPlan && isChanged ? 2 : 0,
    };
  },
};

const schema: ServiceCommand = {
  synopsis: 'schema',
  summary: 'prints the JSON schema of a file in /etc/uchroot/services.d',
  options: [],
  operands: [0, 0],
  run: async () => printedJson(declaredSchema()),
};

export const applyCommands = { apply, schema };
