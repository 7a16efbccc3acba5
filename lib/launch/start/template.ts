// Commands that are written as templates: jail.$`ls -l ${directory}`.
import { UsageError } from '../../errors.ts';
import { reading } from '../../values/keys.ts';
import {
  copyRequest,
  mergeRequests,
  type AnyJailRunRequest,
  type JailRunRequest,
} from '../request/jail-rows.ts';
import type { Encoding, OutputOf } from '../request/run-rows.ts';
import type { Stdio } from '../request/stdio.ts';
import { templateWords, type TemplateValue } from '../request/template-words.ts';
import type { RunResult } from './run.ts';

/**
 * Runs the command of a template, or takes keys of a request for the next ones: `` $({timeoutMs: 500})`ls` ``. There is no shell:
 * blanks separate words, and an interpolation is one argument. The program is looked up in the jail.
 */
export interface Template<Coding extends Encoding = Encoding, Lines extends boolean = boolean> {
  (
    texts: TemplateStringsArray,
    ...values: readonly TemplateValue[]
  ): Promise<RunResult<OutputOf<Coding, Lines>>>;
  <Own extends Encoding = Coding, OwnLines extends boolean = Lines>(
    request: TemplateRequest<Own, OwnLines>,
  ): Template<Own, OwnLines>;
}

/** A request without what the template says. */
export type TemplateRequest<Coding extends Encoding = Encoding, Lines extends boolean = boolean> = Omit<
  JailRunRequest<Coding, Stdio, Lines>,
  'program' | 'args'
>;

/** Runs a program that is looked up by its name. */
type Run = (name: Buffer, request: AnyJailRunRequest) => Promise<RunResult>;

interface Runner {
  readonly run: Run;
  /** The directory of the jail, whose shell a hint names. */
  readonly jail: Uint8Array;
}

const isTemplate = (value: object): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value;

// async, so that a mistake in a template rejects the promise, as every other failure does.
async function runTemplate(
  { run, jail }: Runner,
  request: AnyJailRunRequest,
  texts: TemplateStringsArray,
  values: readonly unknown[],
): Promise<RunResult> {
  const [name, ...args] = templateWords(texts, values, jail);
  if (name === undefined || name.length === 0)
    throw new UsageError('the command is empty', { hint: 'write jail.$`ls -l /`' });
  return run(name, mergeRequests({ argv0: name }, { ...request, program: name, args }));
}

/** A template with these keys. @param request what comes from calls before */
export function openTemplate<Coding extends Encoding, Lines extends boolean>(
  runner: Runner,
  request: AnyJailRunRequest = {},
): Template<Coding, Lines> {
  const template = (
    first: TemplateStringsArray | AnyJailRunRequest,
    ...values: readonly unknown[]
  ): unknown => {
    if (typeof first !== 'object' || first === null)
      throw new UsageError('$ is for a template', { hint: 'write jail.$`ls -l /`, without brackets' });
    if (isTemplate(first)) return runTemplate(runner, request, first, values);
    return openTemplate(
      runner,
      reading(() => {
        const own = copyRequest(first);
        const given = (['program', 'args'] as const).find((key) => own[key] !== undefined);
        if (given === undefined) return mergeRequests(request, own);
        throw new UsageError(`${given} is given to $, whose template says it`, {
          hint: 'leave it out, or use jail.run()',
        });
      }),
    );
  };
  return template as Template<Coding, Lines>;
}
