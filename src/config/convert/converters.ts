/** Every proxy whose configuration can be converted. */
import type { Converter } from './converter.ts';
import { ooproxy } from './ooproxy.ts';

export const converters: readonly Converter[] = [ooproxy];
