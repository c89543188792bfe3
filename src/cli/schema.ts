/** `sallyport schema`: the JSON schema, for editors. */
import { createJsonSchema } from '../config/json-schema.ts';
import { type Command, exitCodes } from './command.ts';

export const schemaCommand: Command = {
  options: {},
  help: `  -h, --help       This text
  -v, --version    The version

Write it to a file and name that in the first line of the configuration:
  # yaml-language-server: $schema=./sallyport.schema.json`,

  async run(_options, terminal) {
    terminal.out(`${JSON.stringify(createJsonSchema(), null, 2)}\n`);
    return exitCodes.ok;
  },
};
