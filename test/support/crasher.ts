/** A process that logs one line and dies of an exception in the same moment. */
import { createEventLog } from '../../src/observe/event-log.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { sampleEvents } from './sample-events.ts';

const logger = createLogger({ level: 'info', format: 'json' });
createEventLog(logger)('request.crashed', sampleEvents['request.crashed']);
throw new Error('the end');
