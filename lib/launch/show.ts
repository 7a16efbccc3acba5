// A plan for a reader: `uchroot --plan` and `--plan=json`.
import type { LaunchError } from '../errors.ts';
import { quote } from '../quote.ts';
import { describeStep } from './describe.ts';
import type { Launch } from './prepare.ts';

/** One line a step: place, name, object, and what it is for. */
export function planAsText({ steps, account, view }: Launch): string {
  const who = account.name === undefined ? '' : ` (${quote(account.name)})`;
  const head = `uid ${account.uid}${who}, gid ${account.gid}, groups ${account.groups.join(',') || 'none'}, jail ${view.jail}\n`;
  const lines = steps.map((step, index) => {
    const { object = '', purpose } = describeStep(step);
    return `${String(index + 1).padStart(3)}  ${step.op.padEnd(22)} ${object.padEnd(34)}  ${purpose}\n`;
  });
  return head + lines.join('');
}

// Bytes as text; what is no UTF-8 is escaped as in messages.
function readable(_key: string, value: unknown): unknown {
  if (value === Infinity) return 'unlimited';
  if (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  ) {
    return quoteBytes(value.data);
  }
  return value;
}

function quoteBytes(data: unknown): string {
  const bytes = Buffer.from(data as number[]);
  const text = bytes.toString();
  return text.includes('\ufffd') ? quote(bytes) : text;
}

/** The same as one JSON object: account, jail, steps with all their fields, and what would fail. */
export function planAsJson({ steps, account, view }: Launch, problem: LaunchError | undefined): string {
  const shown = steps.map((step, index) => ({ place: index + 1, ...describeStep(step), ...step }));
  const failed =
    problem === undefined
      ? undefined
      : { step: problem.step, code: problem.code, message: problem.message, hint: problem.hint };
  return `${JSON.stringify({ account, jail: view.jail, steps: shown, problem: failed }, readable, 2)}\n`;
}
