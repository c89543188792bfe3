/** The reference page of the metrics. */
import { type MetricDefinition, metricTable } from '../../src/observe/metric-table.ts';
import { code, generated, table } from './markdown.ts';

export function metricsPage(): string {
  const entries = Object.entries(metricTable) as [string, MetricDefinition][];
  const rows = entries.map(([name, { type, labels, help }]) => [
    code(name),
    type,
    labels.map(code).join(', '),
    help,
  ]);
  return `${generated}

# Metrics

\`GET /metrics\` on the listener of \`admin.address\`, in the Prometheus exposition format. Every label has a bounded set of
values.

${table(['Metric', 'Type', 'Labels', 'Meaning'], rows)}
`;
}
