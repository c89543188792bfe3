/** The chart of the README: CPU time per request, one panel a scenario, readable on light and on dark pages. */
import type { CandidateName } from './candidate.ts';
import { candidateNames, type Report } from './report.ts';
import { scenarios } from './scenarios.ts';

const labels: Readonly<Record<CandidateName, string>> = {
  nginx: 'nginx, plain proxy',
  mod_auth_openidc: 'mod_auth_openidc',
  sallyport: 'Sallyport',
};

const width = 760;
const barLeft = 170;
const barRight = 630;
const rowHeight = 22;
const panelGap = 20;
const top = 62;

const style = `
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24211b }
  .title { font-size: 17px; font-weight: 650 }
  .soft { fill: #6a655a; font-size: 12px }
  .scenario { font-weight: 600 }
  .number { font-variant-numeric: tabular-nums }
  .background { fill: #fffdf9; stroke: #e2dfd6 }
  .nginx { fill: #a9a497 } .mod_auth_openidc { fill: #6f87a6 } .sallyport { fill: #b8581a }
  @media (prefers-color-scheme: dark) {
    text { fill: #edeae2 } .soft { fill: #a29c8e }
    .background { fill: #1d1b16; stroke: #34312a }
    .nginx { fill: #726d62 } .mod_auth_openidc { fill: #7f9cc2 } .sallyport { fill: #f0a35e }
  }`;

export function renderChart(report: Report): string {
  const panels: string[] = [];
  let y = top;
  for (const { name, title } of scenarios) {
    const ofAll = report.results[name];
    if (ofAll === undefined) continue;
    const bars = candidateNames.flatMap((candidate) => {
      const result = ofAll[candidate];
      return result === undefined ? [] : [{ candidate, value: result.cpuMicroseconds }];
    });
    panels.push(panel(title, bars, y));
    y += (bars.length + 1) * rowHeight + panelGap;
  }
  const { machine, versions } = report;
  const conditions = `${machine.cpu}, ${machine.cores} cores · nginx ${versions.nginx}, Apache ${versions.apache}, Node.js ${versions.node} · ${report.date.slice(0, 10)}`;
  const height = y + 14;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">CPU time of the proxy per request</title>
<desc id="description">${escapeXml(describe(report))}</desc>
<style>${style}
</style>
<rect class="background" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
<text class="title" x="24" y="34">CPU time of the proxy per request, µs (less is better)</text>
${panels.join('\n')}
<text class="soft" x="24" y="${height - 14}">${escapeXml(conditions)}</text>
</svg>
`;
}

interface Bar {
  readonly candidate: CandidateName;
  readonly value: number;
}

/** Every panel has a scale of its own: a download costs a hundred small requests. */
function panel(title: string, bars: readonly Bar[], y: number): string {
  const largest = Math.max(...bars.map((bar) => bar.value));
  const rows = bars.map((bar, index) => {
    const rowTop = y + 8 + index * rowHeight;
    const length = Math.max(2, ((barRight - barLeft) * bar.value) / largest);
    const number = bar.value < 100 ? bar.value.toFixed(1) : bar.value.toFixed(0);
    return `<text x="24" y="${rowTop + 14}">${labels[bar.candidate]}</text>
<rect class="${bar.candidate}" x="${barLeft}" y="${rowTop + 3}" width="${length.toFixed(1)}" height="14" rx="3"/>
<text class="number" x="${(barLeft + length + 8).toFixed(1)}" y="${rowTop + 14}">${number}</text>`;
  });
  return `<text class="scenario" x="24" y="${y}">${escapeXml(title)}</text>\n${rows.join('\n')}`;
}

/** The same in words, for those who do not see it. */
function describe(report: Report): string {
  return scenarios
    .flatMap(({ name, title }) => {
      const ofAll = report.results[name];
      if (ofAll === undefined) return [];
      const values = candidateNames.flatMap((candidate) => {
        const result = ofAll[candidate];
        return result === undefined ? [] : [`${labels[candidate]} ${result.cpuMicroseconds.toFixed(1)}`];
      });
      return [`${title}: ${values.join(', ')}.`];
    })
    .join(' ');
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
