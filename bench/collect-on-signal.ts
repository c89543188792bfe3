/** Loaded into a gate by `--import`: at SIGUSR2 it collects its garbage, so that what it holds on to can be measured. */
process.on(
  'SIGUSR2',
  () => void globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
);
