// The image that a jail was made of, as the recipe keeps it: which one, and what a launch begins with.
import { quote } from '../../words/quote.ts';
import { type BytePath, showPath } from '../../tree/path.ts';
import { asList, asObject, asPath, asText } from './fields.ts';
import { toText } from './path-text.ts';

export interface ImageOrigin {
  /** The file or the layout, without its directory and with its tag: for messages. */
  readonly name: string;
  /** As `sha256:…`. */
  readonly digest: string;
  /** UID:GID, from the accounts of the image; undefined if it names no user, or root. */
  readonly user?: string;
  /** The name of that user in the image. */
  readonly userName?: string;
  /** In the jail; undefined if the image starts nothing. */
  readonly program?: BytePath;
  readonly args: readonly string[];
  /** NAME=VALUE */
  readonly env: readonly string[];
  /** In the jail. */
  readonly cwd?: BytePath;
}

/** @throws TypeError if the value is no such record */
export function originFromJson(value: unknown): ImageOrigin {
  const json = asObject(value, 'image');
  const text = (key: string) => (json[key] === undefined ? {} : { [key]: asText(json[key], key) });
  const path = (key: string) => (json[key] === undefined ? {} : { [key]: asPath(json[key], key) });
  const texts = (key: string) =>
    asList(json[key] ?? [], key).map((one) => (one === '' ? '' : asText(one, key)));
  const user = text('user');
  if (user['user'] !== undefined && !/^[0-9]{1,10}:[0-9]{1,10}$/.test(user['user']))
    throw new TypeError(`user: ${quote(user['user'])} is not UID:GID`);
  const env = texts('env');
  const wrong = env.find((one) => one.indexOf('=') < 1);
  if (wrong !== undefined) throw new TypeError(`env: ${quote(wrong)} is not NAME=VALUE`);
  return {
    name: asText(json['name'], 'name'),
    digest: asText(json['digest'], 'digest'),
    ...user,
    ...text('userName'),
    ...path('program'),
    args: texts('args'),
    env,
    ...path('cwd'),
  };
}

/** For JSON. */
export function originToJson({ program, cwd, ...origin }: ImageOrigin): object {
  return {
    ...origin,
    ...(program !== undefined && { program: toText(program) }),
    ...(cwd !== undefined && { cwd: toText(cwd) }),
  };
}

export const showOrigin = ({ name, digest }: ImageOrigin): string =>
  `${showPath(name as BytePath)} (${digest.slice(0, 19)})`;
