// Plugins of GStreamer, of which everything is one.

import { cannotLoad, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const gstreamer: Pack = {
  name: 'gstreamer',
  summary: 'plugins of GStreamer',
  when: { libraries: /^libgstreamer-1\.0\.so/ },
  parts: [
    { tree: '$LIB/gstreamer-1.0' },
    // which looks into them, in a process of its own
    { path: '$LIB/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner' },
    { path: '/usr/libexec/gstreamer-1.0/gst-plugin-scanner' },
  ],
  check: (jail) => lacksAll(jail, '$LIB/gstreamer-1.0') ?? cannotLoad(jail, '$LIB/gstreamer-1.0/*.so'),
};
