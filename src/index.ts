/** The library: make a gate from a validated configuration. */
export { type ConfigInput, type LoadResult, loadConfig, parseConfig } from './config/load.ts';
export { formatProblems, type Problem, type Warning } from './config/problem.ts';
export type { Config } from './config/schema.ts';
export { type ErrorCode, errorTable, SallyportError } from './core/errors.ts';
export {
  createGate,
  type Gate,
  type GateAddresses,
  type GateOperations,
  type GateOptions,
} from './runtime/gate.ts';
