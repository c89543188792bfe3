/** The Redis library, loaded with the first connection: a gate without Redis starts without its hundreds of modules. */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** Waiting for `import` would make a promise of what is asked at once. */
export const clientLibrary = (): typeof import('@redis/client') => load('@redis/client');
