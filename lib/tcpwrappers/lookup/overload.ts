// Why a request is refused without a decision: what it takes to decide is not to be had.

/** Something that is needed to decide cannot be done now; nobody is let in for that. */
export class Overload extends Error {
  override readonly name = 'Overload';
}
