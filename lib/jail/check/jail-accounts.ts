// The accounts that a jail itself knows: passwd(5), group(5) and shadow(5) in it, one character a byte.

import { type BytePath, bytePath, toLatin1 } from '../../binary/path.ts';
import { errorCode, type FileRoot, type OpenFile } from '../../binary/root.ts';
import { openRegular } from '../manifest/file-hash.ts';

export interface PasswdLine {
  readonly name: string;
  readonly password: string;
  readonly uid: number;
  readonly gid: number;
}

export interface GroupLine {
  readonly name: string;
  readonly password: string;
  readonly gid: number;
}

/** Where they stand. */
export const PASSWD: BytePath = bytePath('/etc/passwd');
export const GROUP: BytePath = bytePath('/etc/group');
export const SHADOW: readonly BytePath[] = ['/etc/shadow', '/etc/gshadow'].map((path) => bytePath(path));

const MAX_BYTES = 4 << 20;

/** The lines of a file of the jail, cut at colons; none if there is no such file. */
export function fieldsOf(jail: FileRoot, path: BytePath): readonly (readonly string[])[] {
  return readText(jail, path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

/** The beginning of a regular file of the jail, a few megabytes at most; empty if there is none. */
export function readText(jail: FileRoot, path: BytePath): string {
  const file = openThere(jail, path);
  if (file === undefined) return '';
  try {
    return toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_BYTES)));
  } finally {
    file.close();
  }
}

// Links that lead in a circle lead to no file.
function openThere(jail: FileRoot, path: BytePath): OpenFile | undefined {
  try {
    return openRegular(jail, path);
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return undefined;
    throw error;
  }
}

/** Lines that the C library would take. */
export function passwdOf(jail: FileRoot): readonly PasswdLine[] {
  return fieldsOf(jail, PASSWD).flatMap(([name = '', password = '', uid = '', gid = '']) =>
    isId(uid) && isId(gid) ? [{ name, password, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

export function groupsOf(jail: FileRoot): readonly GroupLine[] {
  return fieldsOf(jail, GROUP).flatMap(([name = '', password = '', gid = '']) =>
    isId(gid) ? [{ name, password, gid: Number(gid) }] : [],
  );
}

function isId(text: string): boolean {
  return /^[0-9]+$/.test(text);
}
