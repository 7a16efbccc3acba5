// Makes the adopted services those that files declare.
import { UsageError } from '../../errors.ts';
import { errorAt } from '../../values/toml-options.ts';
import { commandLine } from '../../words/shell-word.ts';
import { adoptDeclared, type Applied, releaseService, type UpdateServiceRequest } from './adopt.ts';
import { adoptedUnits, findWhole } from './adoption-record.ts';
import { declaredAs, declaredFiles, readDeclaredFile } from './declared.ts';
import { requireRoot } from './service-request.ts';
import { toUnitName } from './service-name.ts';
import { realName } from './systemd-bus.ts';

type Work = Omit<UpdateServiceRequest, 'unit'>;

/** A file that is there, or was there, and its service. */
export interface Declaration {
  readonly file: string;
  /** Its service; undefined if its name cannot be that of one. */
  readonly unit?: string;
  /** Does what it declares. @throws as adoptService */
  readonly apply: (work: Work) => Promise<Applied>;
}

async function releaseGone(unit: string, file: string, { plan: isPlan, signal }: Work): Promise<Applied> {
  if (isPlan !== true) await releaseService({ unit, signal });
  return { unit, file, act: 'release', changes: [] };
}

// The service of a file. systemd is asked for its real name, since the file may have an alias.
async function declarationOf(file: string, name: string, known: string | undefined): Promise<Declaration> {
  try {
    const unit = known ?? (await realName(toUnitName(name)));
    return {
      file,
      unit,
      apply: async (work) => adoptDeclared({ ...readDeclaredFile(file), ...work, unit }, file),
    };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = 'a file has the name of its service: nginx.toml';
    return { file, apply: () => Promise.reject(errorAt(file, undefined, error.message, hint)) };
  }
}

/**
 * What the files declare: first the services that were declared, and whose files are gone.
 * @param names only these; all if there are none
 * @throws UsageError without the directory, or if nothing declares one of the names; JailError if systemd cannot be asked
 */
export async function declarations(names: readonly string[]): Promise<readonly Declaration[]> {
  requireRoot();
  const files = declaredFiles();
  const recorded = adoptedUnits().flatMap((unit) => {
    const file = findWhole(unit)?.declared;
    return file === undefined ? [] : [{ unit, file }];
  });
  const present: Declaration[] = [];
  for (const { file, name } of files)
    present.push(await declarationOf(file, name, recorded.find((one) => one.file === file)?.unit));
  const units = new Set(present.map(({ unit }) => unit));
  const gone = recorded
    .filter(({ unit }) => !units.has(unit))
    .map(({ unit, file }) => ({ unit, file, apply: (work: Work) => releaseGone(unit, file, work) }));
  const all: readonly Declaration[] = [...gone, ...present];
  if (names.length === 0) return all;
  const wanted: string[] = [];
  for (const name of names) {
    const unit = await realName(toUnitName(name));
    if (!all.some((one) => one.unit === unit))
      throw new UsageError(`nothing declares ${unit}: there is no ${declaredAs(unit)}`, {
        hint: `${commandLine('touch', declaredAs(unit))} declares it with no options`,
      });
    wanted.push(unit);
  }
  return all.filter(({ unit }) => unit !== undefined && wanted.includes(unit));
}
