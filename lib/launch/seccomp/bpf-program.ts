// Classic BPF (linux/bpf_common.h), as far as seccomp(2) takes it. A program is written from its end: jumps lead forward only, so
// the place to which a jump leads is there before the jump. Pure.

// The letters are the names of the parts of a code: BPF_LD | BPF_W | BPF_ABS and so on.
const loadWord = 0x20;
const and = 0x54;
const jump = 0x05;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAbove = 0x25;
const answer = 0x06;

// struct sock_filter has 8 bits for the distance of a conditional jump, and 32 for that of any other.
const furthest = 255;

/** An instruction to which jumps can lead. */
export interface Place {
  /** How many instructions follow it. */
  at: number;
}

/** A program under construction. Each method writes one instruction in front of those that are there, and returns its place. */
export class BpfProgram {
  // From the last instruction to the first.
  readonly #written: (readonly [code: number, value: number])[] = [];

  /** Ends the program with an answer for the kernel. */
  answer(value: number): Place {
    return this.#write(answer, value);
  }

  /** Loads a word of struct seccomp_data. */
  load(offset: number, next: Place): Place {
    return this.#before(next, loadWord, offset);
  }

  /** Clears the bits that are not in the mask. */
  keepBits(mask: number, next: Place): Place {
    return this.#before(next, and, mask);
  }

  ifEqual(value: number, yes: Place, no: Place): Place {
    return this.#branch(jumpIfEqual, value, yes, no);
  }

  ifAtLeast(value: number, yes: Place, no: Place): Place {
    return this.#branch(jumpIfAtLeast, value, yes, no);
  }

  ifAbove(value: number, yes: Place, no: Place): Place {
    return this.#branch(jumpIfAbove, value, yes, no);
  }

  /** struct sock_filter {u16 code; u8 jt; u8 jf; u32 k;} of each instruction. Both architectures are little endian. */
  bytes(): Buffer {
    return Buffer.from(new Uint32Array(this.#written.toReversed().flat()).buffer);
  }

  #write(code: number, value: number): Place {
    return { at: this.#written.push([code, value]) - 1 };
  }

  // An instruction that goes on with the one behind it.
  #before(next: Place, code: number, value: number): Place {
    if (this.#distance(next) > 0) this.#write(jump, this.#distance(next));
    return this.#write(code, value);
  }

  #branch(code: number, value: number, yes: Place, no: Place): Place {
    // the second step can push the first place one instruction further away
    for (const place of [yes, no]) if (this.#distance(place) >= furthest) this.#repeat(place);
    return this.#write(code | (this.#distance(yes) << 16) | (this.#distance(no) << 24), value);
  }

  // From an instruction that would be written now.
  #distance(place: Place): number {
    return this.#written.length - place.at - 1;
  }

  // Later jumps lead to the nearer place too: an answer is repeated, anything else is reached by a long jump.
  #repeat(place: Place): void {
    const [code, value] = this.#written[place.at] ?? [answer, 0];
    place.at = (code === answer ? this.#write(code, value) : this.#write(jump, this.#distance(place))).at;
  }
}
