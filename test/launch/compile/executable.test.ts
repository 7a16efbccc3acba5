import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { attachPayload, isCompiled } from '../../../lib/launch/compile/executable.ts';
import { compiledLauncherPath } from '../../../lib/native.ts';

const executable = readFileSync(compiledLauncherPath(process.arch));
const payload = Buffer.concat([Buffer.alloc(8), Buffer.from('UCL2'), Buffer.alloc(500, 1)]);

t.test('what was put together is known again, and nothing else is', async (t) => {
  const file = attachPayload(executable, payload);
  t.ok(isCompiled(file));
  t.notOk(isCompiled(executable), 'nothing was compiled into it');
  t.notOk(isCompiled(readFileSync(process.execPath).subarray(0, 100_000)));
  t.notOk(isCompiled(Buffer.from('#!/bin/sh\n')));
  t.ok(file.subarray(-payload.length + 8).equals(payload.subarray(8)), 'the payload is at its end');
});

t.test('every byte of it counts for the checksum', async (t) => {
  const at = executable.length > 0 ? attachPayload(executable, payload).length - payload.length : 0;
  const sum = (file: Buffer): bigint => file.readBigUInt64LE(at);
  const whole = sum(attachPayload(executable, payload));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: payload.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (where, bits) => {
          const changed = Buffer.from(payload);
          changed[where] = (changed[where] ?? 0) ^ bits;
          return sum(attachPayload(executable, changed)) !== whole;
        },
      ),
      { numRuns: 20 },
    ),
  );
});

t.test(
  'any bytes can be looked at, and a payload goes only into the executable that was made for it',
  async (t) => {
    t.doesNotThrow(() => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !isCompiled(Buffer.from(bytes))));
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 200 }), fc.nat(255), (at, byte) => {
          const odd = Buffer.from(executable);
          odd[at] = byte;
          isCompiled(odd);
          return true;
        }),
      );
    });
    t.throws(() => attachPayload(Buffer.from('#!/bin/sh\n'), payload), /is not code and a payload/);
    t.throws(() => attachPayload(attachPayload(executable, payload), payload), /is not code and a payload/);
  },
);
