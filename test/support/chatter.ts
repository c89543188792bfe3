/** A process that logs a great deal to its standard output and tells its parent how that went. */
import { setTimeout as wait } from 'node:timers/promises';
import { createAccessLog } from '../../src/observe/access-log.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { finished } from './sample-events.ts';

const logger = createLogger({ level: 'info', format: 'json' });
const accessLog = createAccessLog(logger);
for (let i = 0; i < 100_000; i++) {
  accessLog('request.finished', { ...finished, requestId: `${i}`, path: `/${'x'.repeat(200)}` });
  if (i % 200 === 0) await wait(0);
}
// Room for the last line, when there is a reader.
await wait(100);
accessLog('request.finished', { ...finished, requestId: 'last' });
process.send?.({ dropped: logger.dropped() });
await logger.close(300);
process.exit(0);
