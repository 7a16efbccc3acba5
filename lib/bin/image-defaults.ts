// What a launch of USER `-` begins with: the user, program, environment and working directory of the image that the jail was made of.
import { JailError, UsageError } from '../errors.ts';
import { readManifest } from '../jail/manifest/manifest.ts';
import type { ImageOrigin } from '../jail/manifest/image-origin.ts';
import { closing } from '../jail/work/closing.ts';
import { toJailError } from '../jail/work/jail-error.ts';
import type { LaunchRequest } from '../launch/request/request.ts';
import { shellIn } from '../launch/tell/program-hint.ts';
import { native } from '../native.ts';
import { bytePath, pathBytes, showPath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { caller } from '../trust/owner.ts';
import { toBuffer } from '../words/quote.ts';
import { commandLine, shellWord } from '../words/shell-word.ts';

/** The request with what the image says, where the caller says nothing. @throws UsageError if the jail has none; JailError; system errors */
export function withImageDefaults(request: LaunchRequest): LaunchRequest {
  const { image } = openManifest(request)?.recipe ?? {};
  const directory = bytePath(request.jail);
  if (image === undefined)
    throw new UsageError(`USER - is that of an image, and ${showPath(directory)} was not made of one`, {
      hint: 'name a user of the host, or auto',
    });
  const env = image.env.map((one) => {
    const at = one.indexOf('=');
    return [one.slice(0, at), one.slice(at + 1)] as const;
  });
  const { program, cwd } = image;
  if (program === undefined && request.program === undefined && !hasShell(request))
    throw new UsageError(`the image of ${showPath(directory)} says no program`, {
      hint: commandLine('uchroot', '-', directory, 'PROGRAM'),
    });
  return {
    ...request,
    user: userOf(image, request),
    ...(request.program === undefined &&
      program !== undefined && { program: pathBytes(program), args: image.args.map(toBuffer) }),
    env: { ...Object.fromEntries(env), ...request.env },
    ...(request.cwd === undefined && cwd !== undefined && { cwd: pathBytes(cwd) }),
  };
}

const hasShell = ({ jail }: LaunchRequest): boolean =>
  closing(openFileRoot(jail, caller()), (root) => shellIn({ root }) !== undefined);

function openManifest({ jail }: LaunchRequest) {
  try {
    return closing(openFileRoot(jail, caller()), readManifest);
  } catch (error) {
    const told = toJailError(error, bytePath(jail));
    if (!(told instanceof JailError)) throw told;
    throw new UsageError(told.message, { hint: told.hint ?? 'name the directory of a jail', cause: error });
  }
}

const FIRST_OF_PEOPLE = 1000; // UID_MIN of login.defs(5)

// An image that starts as root has `auto`. The ids of a bare chroot are those of the host: an image may not choose whom of the host it is.
function userOf({ user, userName }: ImageOrigin, { jail, rootless, untrusted }: LaunchRequest): string {
  if (user === undefined) return 'auto';
  const [uid = 0, gid = 0] = user.split(':').map(Number);
  if (rootless === true || untrusted === 'rootless') return user;
  const account = native.getpwuid(uid);
  const isSame = account !== null && account.name === userName && uid < FIRST_OF_PEOPLE;
  // The group of the host's own account is that account's right.
  const group = isSame && gid === account.gid ? null : native.getgrgid(gid);
  const isUserFree = account === null || isSame;
  if (isUserFree && group === null) return user;
  const [what, id, name] = isUserFree ? ['group', gid, group?.name] : ['user', uid, account.name];
  throw new UsageError(`the ${what} of the image has the id ${id}, which is ${name}'s on this host`, {
    hint: `name a user: uchroot auto ${shellWord(bytePath(jail))} PROGRAM`,
  });
}
