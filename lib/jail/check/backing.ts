// What a mounted file system is made of: the file of a loop device, the directories of an overlay.

import { readFileSync } from 'node:fs';

import { type BytePath, bytePath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import type { Mount } from '../host/mounts.ts';

/** Paths of the host; whoever can write one of them decides what lies on the file system. */
export function backingOf(mount: Mount): readonly BytePath[] {
  return mount.type === 'overlay' ? layersOf(mount.options) : imageOf(mount);
}

/** Of the options in mountinfo, where a colon in a path has a backslash before it (Documentation/filesystems/overlayfs.rst). */
export function layersOf(options: ReadonlySet<string>): readonly BytePath[] {
  return [...options].flatMap((option) => {
    const layers = /^(?:lowerdir\+?|upperdir|datadir\+?)=(.*)$/.exec(unescape(option))?.[1];
    if (layers === undefined) return [];
    return layers
      .split(/(?<!\\):/)
      .map((layer) => layer.replaceAll('\\:', ':') as BytePath)
      .filter((layer) => layer.startsWith('/'));
  });
}

function unescape(option: string): string {
  return option.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  );
}

const DELETED = ' (deleted)';

// Of a partition of it, or of what is made of several devices, the name of the source tells nothing.
function imageOf({ source, device }: Mount): readonly BytePath[] {
  const name = /^\/dev\/(loop\d+)(?:p\d+)?$/.exec(source)?.[1];
  const place = name === undefined ? `dev/block/${device}` : `block/${name}`;
  if (name === undefined && !device.startsWith('7:')) return [];
  try {
    const file = bytePath(readFileSync(`/sys/${place}/loop/backing_file`)).trimEnd();
    return file.endsWith(DELETED) ? [] : [file as BytePath];
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return []; // /sys of another namespace, or a device that has gone
  }
}
