/** What a route may say about the token for its application, and the rule that it becomes. */
import { z } from 'zod';
import type { TokenTarget, UpstreamTokenRule } from '../core/route.ts';
import { duration } from '../core/scalars.ts';
import { headerNameProblem } from './header-template.ts';

/** RFC 8707 section 2: an absolute URI without a fragment. */
const resource = z
  .string()
  .refine((text) => URL.canParse(text) && !text.includes('#'), 'is not an absolute URI without a fragment');

const target = {
  audience: z.string().min(1).max(1000).optional().describe('Logical name of the application (RFC 8693).'),
  scope: z
    .string()
    .regex(
      /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
      'is not a list of scopes with one space between',
    )
    .optional()
    .describe('Scopes to ask for, separated by spaces.'),
  resource: resource.optional().describe('Address of the application (RFC 8707).'),
};

const client = z.strictObject({
  client: z
    .strictObject(target)
    .describe("A token of the gate itself: the provider's client credentials grant (RFC 6749 section 4.4)."),
});

const exchange = z.strictObject({
  exchange: z
    .strictObject({
      ...target,
      grant: z
        .enum(['token-exchange', 'on-behalf-of'])
        .default('token-exchange')
        .describe("RFC 8693, or Microsoft Entra's on-behalf-of flow, which takes `scope` alone."),
    })
    .refine(({ audience, scope, resource }) => audience ?? scope ?? resource, {
      message: 'says for whom the token is by none of `audience`, `scope` and `resource`',
    })
    .refine(({ grant, scope }) => grant !== 'on-behalf-of' || scope !== undefined, {
      path: ['scope'],
      message: 'is missing: the on-behalf-of flow names the application by it',
    })
    .describe("The caller's token, exchanged for one that is meant for the application."),
});

const assertion = z.strictObject({
  assertion: z
    .strictObject({
      audience: z.string().min(1).max(1000).describe('`aud`: the application that is to accept it.'),
      claims: z
        .array(z.string().min(1).max(256))
        .max(64)
        .default([])
        .describe('Claims of the caller that are repeated in it, besides `sub`.'),
      header: z
        .string()
        .default('Authorization')
        .superRefine((name, context) => {
          const problem = name.toLowerCase() === 'authorization' ? null : headerNameProblem(name);
          if (problem !== null) context.addIssue({ code: 'custom', message: problem });
        })
        .describe('Header that carries it: `Authorization` as `Bearer …`, any other the bare JWT.'),
      lifetime: duration()
        .prefault('60s')
        .refine(
          (lifetime) => lifetime >= 1000 && lifetime <= 3_600_000,
          'is shorter than 1s or longer than 1h',
        )
        .describe('How long it is good for.'),
    })
    .describe('A JWT that the gate signs (ES256) for each request; its keys are at `endpoints.paths.jwks`.'),
});

export const upstreamTokenSchema = z.union([
  z.enum(['none', 'access', 'id', 'pass', 'client']),
  client,
  exchange,
  assertion,
]);

export type UpstreamTokenConfig = z.output<typeof upstreamTokenSchema>;

export function compileUpstreamToken(config: UpstreamTokenConfig): UpstreamTokenRule {
  if (config === 'client') return { kind: 'client', target: toTarget({}) };
  if (typeof config === 'string') return config;
  if ('client' in config) return { kind: 'client', target: toTarget(config.client) };
  if ('exchange' in config) {
    return { kind: 'exchange', grant: config.exchange.grant, target: toTarget(config.exchange) };
  }
  return { kind: 'assertion', ...config.assertion, header: config.assertion.header.toLowerCase() };
}

function toTarget(config: {
  readonly audience?: string | undefined;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
}): TokenTarget {
  return {
    audience: config.audience ?? null,
    scope: config.scope ?? null,
    resource: config.resource ?? null,
  };
}
