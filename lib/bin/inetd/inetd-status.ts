// uchroot-inetd status: the services and live connections of a running super-server, or its metrics.
import { option } from '../../values/command-option.ts';
import { statusText, type InetdStatus } from '../../inetd/report/live-status.ts';
import { askStatus, STATUS_SOCKET } from '../../inetd/report/status-server.ts';
import { jsonDocument } from '../../words/json.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { has, valueOf, type Command } from '../dispatch.ts';

export const status: Command<undefined> = {
  synopsis: 'status [OPTION]...',
  summary: 'shows the services and live connections of a running uchroot-inetd',
  options: [
    option('--status-socket PATH', `the socket that it was given (default ${STATUS_SOCKET})`),
    option('--format text|json', 'how the answer is printed'),
    option('--metrics', 'print its metrics instead, as OpenMetrics text'),
  ],
  operands: [0, 0],
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const path = valueOf(read, 'status-socket')?.text ?? STATUS_SOCKET;
    if (has(read, 'metrics')) return askStatus(path, 'metrics');
    const found = JSON.parse(await askStatus(path, 'status')) as InetdStatus;
    return format === 'json' ? jsonDocument(found) : `${statusText(found)}\n`;
  },
};
