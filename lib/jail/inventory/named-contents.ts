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
  return (imageAt(named) === undefined ? jailContents : imageContents)(named, reading);
}

/** The path of an image without its tag; undefined if a jail is named. */
export function imageAt(named: BytePath): BytePath | undefined {
  const status = lookOr(undefined, () => statSync(pathBytes(named)));
  if (status === undefined)
    return [...named.matchAll(/(?!^):/g)]
      .map(({ index }) => named.slice(0, index) as BytePath)
      .findLast(isThere);
  // a program that is root in a jail can make the files of a layout there
  const isJail =
    status.isDirectory() &&
    (isThere(`${named}${STORE}` as BytePath) || !isThere(joinPath(named, bytePath('oci-layout'))));
  return isJail ? undefined : named;
}

const isThere = (path: BytePath): boolean => existsSync(pathBytes(path));
