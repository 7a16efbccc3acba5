// An image that cannot be used.
import { JailError } from '../../errors.ts';
import { type BytePath, showPath } from '../../tree/path.ts';

/** Something is wrong with an image, or it holds something that is refused. The message has no name of the image. */
export class BadImage extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Returns the result of `use`. @throws JailError ERR_IMAGE, with the name of the image, for a BadImage */
export async function withImageErrors<T>(image: BytePath, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!(error instanceof BadImage)) throw error;
    const path = showPath(image);
    throw new JailError(`${path}: ${error.message}`, { code: 'ERR_IMAGE', path, hint: error.hint });
  }
}
