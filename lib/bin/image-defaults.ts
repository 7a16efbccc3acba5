// What a launch of USER `-` begins with: the user, program, environment and working directory of the image that the jail was made of.
import { UsageError } from '../errors.ts';
import { readManifest } from '../jail/manifest/manifest.ts';
import type { ImageOrigin } from '../jail/manifest/image-origin.ts';
import type { LaunchRequest } from '../launch/request/request.ts';
import { native } from '../native.ts';
import { bytePath, pathBytes, showPath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { caller } from '../trust/owner.ts';
import { toBuffer } from '../words/quote.ts';
import { shellWord } from '../words/shell-word.ts';

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
  return {
    ...request,
    user: userOf(image, request),
    ...(request.program === undefined &&
      program !== undefined && { program: pathBytes(program), args: image.args.map(toBuffer) }),
    env: { ...Object.fromEntries(env), ...request.env },
    ...(request.cwd === undefined && cwd !== undefined && { cwd: pathBytes(cwd) }),
  };
}

function openManifest({ jail }: LaunchRequest) {
  const root = openFileRoot(jail, caller());
  try {
    return readManifest(root);
  } finally {
    root.close();
  }
}

const FIRST_OF_PEOPLE = 1000; // UID_MIN of login.defs(5)

// An image that starts as root has `auto`. The ids of a bare chroot are those of the host: an image may not choose whom of the host it is.
function userOf({ user, userName }: ImageOrigin, { jail, rootless, untrusted }: LaunchRequest): string {
  if (user === undefined) return 'auto';
  const uid = Number(user.split(':')[0]);
  if (rootless === true || untrusted === 'rootless') return user;
  const account = native.getpwuid(uid);
  if (account === null || (account.name === userName && uid < FIRST_OF_PEOPLE)) return user;
  throw new UsageError(`the user of the image has the id ${uid}, which is ${account.name}'s on this host`, {
    hint: `name a user: uchroot auto ${shellWord(bytePath(jail))} PROGRAM`,
  });
}
