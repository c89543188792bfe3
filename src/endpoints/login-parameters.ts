/** What a link to the login may ask of the provider: an allow-list, so nothing reserved can be set (RD-052). */
import type { LoginParameters } from '../oidc/provider.ts';
import { single } from './form.ts';

/**
 * `prompt` is `none` or a list (OpenID Connect Core section 3.1.2.1; `create` of Initiating User Registration 1.0). A
 * word that the provider does not know would make it refuse a pushed request, which looks like a gate set up wrongly.
 */
const allowed: Readonly<Record<keyof LoginParameters, RegExp>> = {
  prompt: /^(?:none|(?:login|consent|select_account|create)(?: (?:login|consent|select_account|create))*)$/,
  login_hint: /^[^\p{C}]+$/u,
  ui_locales: /^[A-Za-z0-9]+(?:[- ][A-Za-z0-9]+)*$/,
};

const maximumLength = 256;

/** Those that came once and are well-formed; everything else is ignored. */
export function readLoginParameters(query: URLSearchParams): LoginParameters {
  const parameters: { -readonly [Name in keyof LoginParameters]: string } = {};
  for (const name of Object.keys(allowed) as (keyof LoginParameters)[]) {
    const value = single(query, name);
    if (value !== null && value.length <= maximumLength && allowed[name].test(value))
      parameters[name] = value;
  }
  return parameters;
}
