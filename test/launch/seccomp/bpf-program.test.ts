import t from 'tap';

import { BpfProgram, type Place } from '../../../lib/launch/seccomp/bpf-program.ts';
import { run } from '../../support/launch/seccomp/interpreter.ts';

/** What a program answers to a call of this number. `write` gets the answers 1 and 2, with `between` instructions in front of them. */
function answerOf(
  between: number,
  number: number,
  write: (program: BpfProgram, one: Place, two: Place) => void,
): number {
  const program = new BpfProgram();
  const one = program.load(0, program.answer(1));
  const two = program.load(0, program.answer(2));
  // loads that lead to an answer of their own
  let last = program.answer(3);
  for (let i = 1; i < between; i++) last = program.load(0, last);
  write(program, one, two);
  return run(program.bytes(), { architecture: 0, number }).answer;
}

// struct sock_filter has 8 bits for the distance of a conditional jump
const distances = [1, 2, ...Array.from({ length: 20 }, (_, i) => 245 + i)];

t.test('a branch reaches both of its places, however far they are', async (t) => {
  const kinds = ['ifEqual', 'ifAtLeast', 'ifAbove'] as const;
  for (const between of distances) {
    const answers = kinds.map((kind) =>
      [4, 5, 6].map((number) =>
        answerOf(between, number, (program, one, two) => program.load(0, program[kind](5, one, two))),
      ),
    );
    const swapped = [4, 5].map((number) =>
      answerOf(between, number, (program, one, two) => program.load(0, program.ifEqual(5, two, one))),
    );
    t.same(
      [...answers, swapped],
      [
        [2, 1, 2],
        [2, 1, 1],
        [2, 2, 1],
        [1, 2],
      ],
      `${between} instructions between`,
    );
  }
});

t.test('an instruction goes on with a place that is not directly behind it', async (t) => {
  for (const between of distances)
    t.equal(
      answerOf(between, 0, (program, one) => program.load(0, one)),
      1,
    );
  const program = new BpfProgram();
  const one = program.answer(1);
  program.answer(2);
  program.load(0, one);
  t.equal(run(program.bytes(), { architecture: 0, number: 0 }).answer, 1, 'one instruction is passed over');
});
