// Pipes to a program that was started.
import { Socket } from 'node:net';

import { native, type ProcessHandle } from '../native.ts';

/** The stream of one of its pipes, which can be taken once, and before its end is told. */
export function takeStream(handle: ProcessHandle, fd: 0 | 1 | 2): Socket {
  const taken = native.takePipe(handle, fd);
  const stream = new Socket({ fd: taken, readable: fd !== 0, writable: fd === 0 });
  native.pipeTaken(taken);
  return stream;
}
