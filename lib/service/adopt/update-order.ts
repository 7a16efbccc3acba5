// The order in which adopted services are updated: a service comes after those that it needs.
import { findWhole } from './adoption-record.ts';
import { mustRun } from './host-command.ts';

// Dependencies on other units (systemd.unit(5)). Without After= systemd starts both at once, but the one needs the other all the same.
const properties = ['After', 'Requires', 'BindsTo'];

/** What each of these services needs among them, by its name. */
export type Needs = ReadonlyMap<string, ReadonlySet<string>>;

/** From the answer of systemctl(1), show: a paragraph for each unit. */
export function parseNeeds(text: string, units: readonly string[]): Needs {
  const paragraphs = text.split('\n\n').map((paragraph) => {
    const lines = paragraph.split('\n').map((line) => line.split('='));
    const valueOf = (wanted: string): string => lines.find(([name]) => name === wanted)?.[1] ?? '';
    const needed = properties.flatMap((name) => valueOf(name).split(' '));
    const id = valueOf('Id');
    return [id, new Set(needed.filter((one) => one !== id && units.includes(one)))] as const;
  });
  return new Map(paragraphs);
}

/** Asks systemd for them. */
export async function needsOf(units: readonly string[]): Promise<Needs> {
  if (units.length < 2) return new Map();
  const words = ['Id', ...properties].flatMap((name) => ['-p', name]);
  return parseNeeds(await mustRun('systemctl', ['show', ...words, ...units]), units);
}

const hasFailed = (unit: string): boolean => findWhole(unit)?.failedUpdate !== undefined;

/** Services whose last update has failed come last, so that they do not keep the others from theirs. */
export const failedLast = (units: readonly string[]): readonly string[] =>
  units.toSorted((one, other) => Number(hasFailed(one)) - Number(hasFailed(other)));

/**
 * Works on the services, `jobs` at a time. Each comes after all that it needs; of a circle, the one that is named first comes first.
 * @param work resolves with false to begin no further one
 * @returns those that were not begun
 */
export async function inOrder(
  units: readonly string[],
  needs: Needs,
  jobs: number,
  work: (unit: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const left = [...units];
  const running = new Map<string, Promise<readonly [unit: string, goesOn: boolean]>>();
  const isReady = (unit: string): boolean =>
    [...(needs.get(unit) ?? [])].every((one) => !left.includes(one) && !running.has(one));
  const begin = (unit: string): void => {
    left.splice(left.indexOf(unit), 1);
    running.set(
      unit,
      work(unit).then((goesOn) => [unit, goesOn]),
    );
  };
  try {
    for (let isOpen = true; running.size > 0 || (isOpen && left.length > 0);) {
      const next = isOpen && running.size < jobs ? left.find(isReady) : undefined;
      if (next !== undefined) begin(next);
      else if (running.size === 0) begin(left[0] ?? '');
      else {
        const [unit, goesOn] = await Promise.race(running.values());
        running.delete(unit);
        isOpen &&= goesOn;
      }
    }
  } finally {
    await Promise.allSettled(running.values()); // after an error too, nothing is left half done
  }
  return left;
}
