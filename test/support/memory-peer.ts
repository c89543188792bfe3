/**
 * A process of its own that holds nothing but a carrier between two sockets, so that its memory is the carrier's:
 * prints its port, and for every line on standard input its resident set size in bytes.
 */
import { createInterface } from 'node:readline';
import { createCarrierDoor } from './carrier-door.ts';

const door = await createCarrierDoor({ targets: [process.argv[2] as string] });
console.log(String(door.port));
createInterface({ input: process.stdin })
  .on('line', () => {
    console.log(String(process.memoryUsage.rss()));
  })
  .on('close', () => process.exit());
