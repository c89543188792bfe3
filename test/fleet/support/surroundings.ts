/** A fleet with everything that a test needs around it, closed whatever becomes of the test. */
import { createFleetClient, type FleetClient } from './client.ts';
import { type Fleet, type FleetSetup, startFleet } from './fleet.ts';
import { openSeed, type Seed } from './seed.ts';

export interface Surroundings {
  readonly fleet: Fleet;
  readonly client: FleetClient;
  readonly seed: Seed;
  close(): Promise<void>;
}

export interface SurroundingsSetup extends FleetSetup {
  /** Connections of the client; any number when absent. */
  readonly connections?: number;
  /** What sessions are seeded with, over the configuration of the nodes. */
  readonly seedConfig?: (fleet: Fleet) => Readonly<Record<string, unknown>>;
}

/** Closes what was opened when something cannot be. */
export async function openSurroundings(setup: SurroundingsSetup): Promise<Surroundings> {
  const fleet = await startFleet(setup);
  const client = createFleetClient(fleet.host, setup.connections);
  const closeBoth = (): Promise<void> => {
    client.close();
    return fleet.close();
  };
  try {
    const seed = await openSeed(fleet, setup.seedConfig?.(fleet));
    const close = async (): Promise<void> => {
      await seed.close();
      await closeBoth();
    };
    return { fleet, client, seed, close };
  } catch (error) {
    await closeBoth();
    throw error;
  }
}
