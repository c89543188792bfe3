/** What turns the configuration of another proxy into one of ours. */
import type { Problem } from '../problem.ts';
import type { Path } from '../schema-tree.ts';

export interface ConverterInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Null: there is no file. */
  readonly file: { readonly name: string; readonly text: string } | null;
}

/** Something that is not, or not quite, as it was. */
export interface ConversionNote {
  /** The setting that it is about, as the other proxy calls it; null for what no setting says. */
  readonly about: string | null;
  /** One line, for a comment. */
  readonly message: string;
  /** Where in the new configuration it belongs; empty: to the whole. */
  readonly path: Path;
}

export interface Converted {
  readonly ok: true;
  /** Plain data, as a configuration file would hold it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: readonly ConversionNote[];
  /** Path in the new configuration (`formatPath`) → where the setting that it came from stands. */
  readonly origins: ReadonlyMap<string, string>;
}

export type Conversion = Converted | { readonly ok: false; readonly problems: readonly Problem[] };

export interface Converter {
  /** The other proxy, as the command line names it. */
  readonly name: string;
  /** Its file in the working directory, read when it is there and no other one is named; null: it has none. */
  readonly defaultFile: string | null;
  convert(input: ConverterInput): Conversion;
}
