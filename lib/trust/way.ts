// Whether somebody could replace what a path leads to. Launches, checks, builds and pid files all use this one judgement. Pure.
import type { PathComponent } from '../native.ts';
import { toBuffer } from '../words/quote.ts';
import { isStranger, isWriter, octal, type Person, type Writer, writersOf } from './writer.ts';

/** A directory or link. `isCallers`: it belongs to the ordinary user who calls, and its uid is 0 in his view (owner.ts). */
export interface WayComponent extends PathComponent {
  readonly isCallers?: boolean;
}

/** The directories and links on the way to a directory, itself last, as native/files/way.cc has walked it. */
export interface Way {
  readonly components: readonly WayComponent[];
  /** It leads to the host's own root directory. */
  readonly isHostRoot: boolean;
  /** Only one entry of root's in the last directory counts, and not everything that lies there; the entry need not exist yet. */
  readonly isParent?: boolean;
  /** The end is an entry of any kind, and not a directory: it counts who can put another one in its place, and not who can write to it. */
  readonly endsInEntry?: boolean;
}

/** A fault of the way. `refuses`: one of the people to be jailed could use it. Otherwise it is a warning. */
export interface WayFinding {
  readonly refuses: boolean;
  readonly kind: 'owner' | 'writable' | 'link' | 'entry' | 'host-root';
  readonly component: WayComponent;
  /** It is about the end of the way, not about a directory above. */
  readonly isEnd: boolean;
  /** The rest of a sentence that begins with the path. */
  readonly how: string;
}

const typeBits = 0o170000;
const symbolicLink = 0o120000;
const sticky = 0o1000;

/**
 * The findings about a way, in its order. The people are those to be jailed; without any, everybody but root counts as one. Whoever
 * can write to a directory can replace what lies in it, unless the sticky bit keeps an entry of another owner in place
 * (unlink(2), EPERM). A finding about one of the people refuses, a finding about others warns.
 */
export function judgeWay(way: Way, people: readonly Person[]): readonly WayFinding[] {
  const { components, isHostRoot, isParent = false, endsInEntry = false } = way;
  const end = isParent ? components.length : components.length - 1;
  const findings = components.flatMap((component, index): readonly WayFinding[] => {
    if (isLink(component)) return []; // its mode means nothing (symlink(7)); its directory counts
    if (endsInEntry && index === end) return [];
    const entries = components.filter(({ parent }) => parent === index);
    const isEnd = index === end;
    const own = judgeDirectory(component, isEnd, people);
    const isEntry = (one: WayComponent): boolean => endsInEntry && one === components[end];
    return [
      ...own,
      ...entries
        .filter((one) => isLink(one) || isEntry(one))
        .flatMap((entry) => judgeHeld(component, entry, isEntry(entry), people)),
    ];
  });
  const last = components[end];
  if (!isHostRoot || last === undefined) return findings;
  const how = "is the host's own root directory: the program would not be locked in";
  return [...findings, { refuses: true, kind: 'host-root', component: last, isEnd: true, how }];
}

/** Whether it is a symbolic link. */
export const isLink = ({ mode }: PathComponent): boolean => (mode & typeBits) === symbolicLink;

/** The first link on the way that is not root's; undefined if there is none. */
export const foreignLink = ({ components }: Way): WayComponent | undefined =>
  components.find((one) => isLink(one) && one.uid !== 0);

// The worst finding about one directory.
function judgeDirectory(
  directory: PathComponent,
  isEnd: boolean,
  people: readonly Person[],
): readonly WayFinding[] {
  const isSticky = !isEnd && (directory.mode & sticky) !== 0;
  // Entries of others in a sticky directory have findings of their own: a directory by its owner, a link by judgeLink().
  const isHeldFrom = (writer: Writer): boolean => isSticky && writer.kind !== 'owner';
  const loose = writersOf(directory).filter((writer) => !isHeldFrom(writer));
  const theirs = people.map((person) => loose.find((writer) => isWriter(writer, person))).find(Boolean);
  const found = theirs ?? loose.find(isStranger);
  if (found === undefined) return [];
  const refuses = theirs !== undefined || people.length === 0;
  const kind = found.kind === 'owner' ? 'owner' : 'writable';
  const how = howOf(found, directory, theirs !== undefined);
  return [{ refuses, kind, component: directory, isEnd, how }];
}

// The owner of a link in a sticky directory that others can write has put it there, and can replace it. The kernel does not follow
// such a link unless it belongs to the caller or to the owner of the directory (proc(5), protected_symlinks). He can replace any other
// entry of his too.
function judgeHeld(
  directory: PathComponent,
  entry: PathComponent,
  isEnd: boolean,
  people: readonly Person[],
): readonly WayFinding[] {
  if ((directory.mode & sticky) === 0) return [];
  if (entry.uid === 0 || entry.uid === directory.uid) return [];
  const isOpen = writersOf(directory).some((writer) => writer.kind !== 'owner');
  if (!isOpen) return [];
  const isTheUsers = people.some(({ uid }) => uid === entry.uid);
  const kind = isLink(entry) ? 'link' : 'entry';
  const refuses = isTheUsers || people.length === 0 || (kind === 'link' && (directory.mode & 0o002) !== 0);
  const whose = `uid ${entry.uid}${isTheUsers ? ', the user to be jailed,' : ''}`;
  const what = kind === 'link' ? `is a link of ${whose}` : `is owned by ${whose}`;
  const how = `${what} in a directory that others can write (mode ${octal(directory.mode)})`;
  return [{ refuses, kind, component: entry, isEnd, how }];
}

function howOf(writer: Writer, { mode }: PathComponent, isTheUser: boolean): string {
  const listed = (id: string) =>
    `can be written by ${isTheUser ? 'the user' : id} through an access control list`;
  switch (writer.kind) {
    case 'owner':
      return `is owned by uid ${writer.uid}${isTheUser ? ', the user to be jailed' : ''}`;
    case 'everybody':
      return `can be written by everybody (mode ${octal(mode)})`;
    case 'listed':
      return listed(`uid ${writer.uid}`);
    case 'group':
      if (writer.isListed) return listed(`gid ${writer.gid}`);
      return `can be written by gid ${writer.gid}${isTheUser ? ', a group of the user' : ''} (mode ${octal(mode)})`;
    case 'unknown':
      return 'can be written by whoever is named in an access control list that cannot be understood';
    default:
      return writer satisfies never;
  }
}

// Where distributions make the homes of people (hier(7)).
const HOME = /^\/(?:root|home\/[^/]+)$/;

/** Whether a finding is about a directory that somebody else needs: a home, or what he owns above the end of the way. */
export function isOthers({ kind, component, isEnd }: WayFinding): boolean {
  return kind === 'owner' && (!isEnd || HOME.test(toBuffer(component.path).toString('latin1')));
}

/** Whether a finding is about a directory that all users share, such as /tmp. It must stay so. */
export const isForAll = ({ kind, component, isEnd }: WayFinding): boolean =>
  kind === 'writable' && isEnd && (component.mode & sticky) !== 0;

/**
 * The command line that fixes it, which takes no directory from its owner who needs it; `path` is a word of a shell. An ordinary
 * caller can change only what is his.
 */
export function remedyOf(finding: WayFinding, path: string, isRoot = true): string {
  const { kind, component } = finding;
  const isAccess = kind === 'owner' || kind === 'writable';
  if (!isRoot && isAccess && component.isCallers !== true)
    return 'choose a directory in which only you can write, such as one in your home';
  if (isOthers(finding)) return 'choose a directory in which only root can write, such as one below /srv';
  switch (kind) {
    case 'link':
      return `name the directory that ${path} leads to`;
    case 'entry':
      return 'choose a directory in which only root can write, such as one below /srv';
    case 'host-root':
      return `uchroot-jail build ${isRoot ? '/srv' : '~'}/jail PROGRAM`;
    case 'owner':
    case 'writable': {
      const { uid, mode, acl } = component;
      const own = uid === 0 ? [] : [`chown root:root ${path}`];
      const forbid = (mode & 0o022) === 0 ? [] : [`chmod go-w ${path}`];
      const unlist = forbid.length === 0 || acl === undefined ? [] : [`setfacl -b ${path}`];
      return [...own, ...unlist, ...forbid].join(' && ');
    }
    default:
      return kind satisfies never;
  }
}
