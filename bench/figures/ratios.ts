/** What the gate may cost beside the others, by CPU time per request in the same run. */
import type { CandidateName } from '../candidate.ts';
import type { Results } from '../compare.ts';
import type { Figure } from '../figure.ts';

const promises = [
  { name: 'small GET, CPU against nginx', scenario: 'get', other: 'nginx', limit: 4.5 },
  {
    name: 'small GET, CPU against mod_auth_openidc',
    scenario: 'get',
    other: 'mod_auth_openidc',
    limit: 0.45,
  },
  { name: '1 MB download, CPU against nginx', scenario: 'download', other: 'nginx', limit: 3 },
] as const satisfies readonly { name: string; scenario: string; other: CandidateName; limit: number }[];

export function ratioFigures(results: Results): readonly Figure[] {
  return promises.flatMap(({ name, scenario, other, limit }) => {
    const ours = results[scenario]?.sallyport?.cpuMicroseconds;
    const theirs = results[scenario]?.[other]?.cpuMicroseconds;
    if (ours === undefined || theirs === undefined) return [];
    const detail = `${ours.toFixed(1)} µs against ${theirs.toFixed(1)} µs`;
    return [{ name, measured: ours / theirs, limit, unit: '×', detail }];
  });
}
