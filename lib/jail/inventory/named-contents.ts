// Reads what is at a path that a caller names: a jail, or an image.

import { existsSync, statSync } from 'node:fs';

import { type BytePath, bytePath, joinPath, pathBytes } from '../../tree/path.ts';
import { lookOr } from '../../words/system-error.ts';
import { STORE } from '../manifest/layout.ts';
import { imageContents } from './image-contents.ts';
import type { Contents } from './inventory.ts';
import { jailContents, type Reading } from './jail-contents.ts';

/** @throws as jailContents, and as readImage for PATH[:TAG] of an image */
export function namedContents(named: BytePath, reading: Reading): Promise<Contents> {
  return (isImage(named) ? imageContents : jailContents)(named, reading);
}

function isImage(named: BytePath): boolean {
  const status = lookOr(undefined, () => statSync(pathBytes(named)));
  if (status === undefined)
    return [...named.matchAll(/(?!^):/g)].some(({ index }) => isThere(named.slice(0, index) as BytePath));
  if (!status.isDirectory()) return true;
  // a program that is root in a jail can make the files of a layout there
  return !isThere(`${named}${STORE}` as BytePath) && isThere(joinPath(named, bytePath('oci-layout')));
}

const isThere = (path: BytePath): boolean => existsSync(pathBytes(path));
