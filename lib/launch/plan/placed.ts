// Where mounts appear in the jail, and with which properties.

/** A property of a mount: mount(8). */
export type MountFlag = 'ro' | 'nosuid' | 'nodev' | 'noexec';

/** Where a mount appears. `enters`: it becomes the working directory of the steps that fill it. `noLinks`: no link there is followed. */
export interface Placed {
  readonly target: Buffer;
  readonly enters?: true;
  readonly noLinks?: true;
  /** The beginning of the target that leads to a file system of the launch. What is missing of the rest is made there. */
  readonly own?: Buffer;
  /** For messages: the path of the host to which the target leads, in the source of a bind. */
  readonly onHost?: Buffer;
}

/** A file or directory of the jail, mounted with properties of its own. */
export interface Bind {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly set: readonly MountFlag[];
  readonly clear: readonly MountFlag[];
  readonly within?: Buffer;
}
