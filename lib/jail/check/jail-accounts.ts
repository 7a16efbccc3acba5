// The account files of a jail: passwd(5), group(5) and shadow(5), read as one character a byte.

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

export const PASSWD: BytePath = bytePath('/etc/passwd');
export const GROUP: BytePath = bytePath('/etc/group');
export const SHADOW: readonly BytePath[] = ['/etc/shadow', '/etc/gshadow'].map((path) => bytePath(path));

const MAX_BYTES = 4 << 20;

/** The fields of each line of a file of the jail; no lines if there is no such file. */
export function fieldsOf(jail: FileRoot, path: BytePath): readonly (readonly string[])[] {
  return readText(jail, path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

/** The beginning of a regular file of the jail, at most 4 MiB; empty if there is no such file. */
export function readText(jail: FileRoot, path: BytePath): string {
  const file = openThere(jail, path);
  if (file === undefined) return '';
  try {
    return toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_BYTES)));
  } finally {
    file.close();
  }
}

// Links in a circle lead to no file.
function openThere(jail: FileRoot, path: BytePath): OpenFile | undefined {
  try {
    return openRegular(jail, path);
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return undefined;
    throw error;
  }
}

/** The lines of passwd(5) that the C library would accept. */
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
