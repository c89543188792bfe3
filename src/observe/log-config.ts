/** Configuration of the log on standard output. */
import { z } from 'zod';

export const logSchema = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('The least severe events that are written.'),
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe(
      '`json` is one object a line, `pretty` is for people; `auto` is `pretty` on a terminal and `json` elsewhere.',
    ),
  access: z.boolean().default(true).describe('Whether every request is logged (`request.finished`).'),
});

export type LogConfig = z.output<typeof logSchema>;
