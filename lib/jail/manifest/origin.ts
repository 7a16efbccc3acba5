// Where the files of a jail come from, as security trackers know it: source packages, and the system. Pure.

import { quote } from '../../words/quote.ts';
import { asObject, asText, type Json } from './fields.ts';

/** Where a Debian package comes from. */
export interface Origin {
  /** The source package and its version. */
  readonly source: string;
  readonly version: string;
  readonly architecture: string;
}

export type Origins = Readonly<Record<string, Origin>>;

/** A system (os-release(5)). */
export interface System {
  readonly id: string;
  readonly versionId?: string;
  readonly codename?: string;
}

// Neither a name nor a version has other characters (deb-control(5), deb-version(7), os-release(5)); root in a writable jail can write
// any text.
function asWord(value: unknown, key: string): string {
  const text = asText(value, key);
  if (/^[\w.+~:-]+$/.test(text)) return text;
  throw new TypeError(`${key}: ${quote(text)} has other characters than such a word`);
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9+.-]*$/;
const VERSION = /^[A-Za-z0-9.+~:-]+$/;

/** Whether these can be the name and the version of a Debian package (deb-control(5), deb-version(7)). */
export const isDebian = (name: string, version: string): boolean => NAME.test(name) && VERSION.test(version);

/** @throws TypeError */
export function originsFromJson(value: unknown): Origins {
  const origins = Object.entries(asObject(value, 'origins')).map(([name, one]) => {
    const { source, version, architecture } = asObject(one, name);
    const origin = {
      source: asWord(source, 'source'),
      version: asWord(version, 'version'),
      architecture: asWord(architecture, 'architecture'),
    };
    return [name, origin] as const;
  });
  return Object.fromEntries(origins);
}

/** @throws TypeError */
export function systemFromJson({ id, versionId, codename }: Json): System {
  return {
    id: asWord(id, 'id'),
    ...(versionId !== undefined && { versionId: asWord(versionId, 'versionId') }),
    ...(codename !== undefined && { codename: asWord(codename, 'codename') }),
  };
}

/** The system that /etc/os-release describes; undefined if it names none. Other characters than os-release(5) permits are no value. */
export function parseSystem(osRelease: string): System | undefined {
  const valueOf = (key: string): string | undefined =>
    new RegExp(`^${key}=(["']?)([a-z0-9._-]+)\\1$`, 'm').exec(osRelease)?.[2];
  const [id, versionId, codename] = [valueOf('ID'), valueOf('VERSION_ID'), valueOf('VERSION_CODENAME')];
  if (id === undefined) return undefined;
  return { id, ...(versionId !== undefined && { versionId }), ...(codename !== undefined && { codename }) };
}
