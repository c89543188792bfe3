/** A token that was obtained: how it goes into requests, made once, and until when it is good. */
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { UpstreamToken } from '../core/upstream-token.ts';
import type { OwnGrants, OwnToken } from '../oidc/own-grants.ts';
import { audiencesOfToken } from './audiences.ts';
import { type SentToken, toUpstreamToken } from './token-value.ts';

export interface HeldToken extends SentToken {
  readonly accessToken: string;
  /** Unix times in milliseconds: a token from the future (the clock went back) is not good either. */
  readonly goodFrom: number;
  /** Infinite when another one would end no later. */
  readonly renewAt: number;
  readonly spentAt: number;
}

export interface HoldOptions {
  readonly prove: OwnGrants['prove'];
  /** Unix time in milliseconds from which it is not to be used, whatever it says itself (RS-073). */
  readonly endsAt: number;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Between 0 and 1. */
  readonly jitter: number;
  readonly renew: (refused: HeldToken) => MaybePromise<UpstreamToken | null>;
}

/** Milliseconds before its end that a token is renewed, or a fifth of its life. */
const before = 30_000;
/** A token is sent only if it lives on for so many milliseconds, or for a tenth of its life. */
const leeway = 5000;
/** The clock may go back by so much. */
const clockTolerance = 60_000;

/** Throws `ERR_UPSTREAM_TOKEN` for a token that cannot be sent. */
export function holdToken(token: OwnToken, options: HoldOptions): HeldToken {
  const { now, endsAt, jitter } = options;
  const expiresAt = Math.min(token.expiresAt, endsAt);
  const lifetime = Math.max(0, expiresAt - now);
  const margin = Math.min(before, lifetime / 5) * (0.8 + 0.2 * jitter);
  const plain = toUpstreamToken(token, options.prove);
  let audiences: readonly string[] | null = null;
  const held: HeldToken = {
    accessToken: token.accessToken,
    plain,
    renewable: { ...plain, renew: () => options.renew(held) },
    audiences() {
      audiences ??= audiencesOfToken(token.accessToken);
      return audiences;
    },
    goodFrom: now - clockTolerance,
    renewAt: token.expiresAt < endsAt ? expiresAt - margin : Number.POSITIVE_INFINITY,
    spentAt: expiresAt - Math.min(leeway, lifetime / 10),
  };
  return held;
}

export function isGood(held: HeldToken, now: number): boolean {
  return now < held.spentAt && now >= held.goodFrom;
}
