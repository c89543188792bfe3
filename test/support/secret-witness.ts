/** Remembers every secret that a test used and everything that was shown, and says where one is in the other. */
import assert from 'node:assert/strict';

export interface SecretWitness {
  /** Remembers these and gives the first back. */
  keep(secret: string, ...more: readonly string[]): string;
  /** Remembers what somebody outside got to see. */
  show(place: string, text: string): void;
  /** How many secrets are remembered. */
  count(): number;
  /** Fails when a secret, or a telling part of one, was shown. */
  assertUnseen(): void;
}

/** Parts of a JWT are secrets of their own; shorter ones than this are words. */
const shortest = 12;

export function createSecretWitness(): SecretWitness {
  const secrets = new Set<string>();
  const shown: { readonly place: string; readonly text: string }[] = [];
  return {
    keep(...all) {
      for (const one of all) {
        assert.ok(one.length >= shortest, 'a secret is long enough to be told from a word');
        secrets.add(one);
        for (const part of one.split(/[.:\s]/)) if (part.length >= shortest) secrets.add(part);
      }
      return all[0];
    },
    show: (place, text) => void shown.push({ place, text }),
    count: () => secrets.size,
    assertUnseen() {
      assert.ok(
        shown.some(({ text }) => text !== ''),
        'something was shown',
      );
      for (const { place, text } of shown) {
        for (const secret of secrets) {
          assert.ok(!text.includes(secret), `${place} shows ${secret.slice(0, 16)}…`);
          const encoded = encodeURIComponent(secret);
          assert.ok(!text.includes(encoded), `${place} shows ${secret.slice(0, 16)}… encoded`);
        }
      }
    },
  };
}
