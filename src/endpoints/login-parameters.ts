/** What a link to the login may ask of the provider: an allow-list, so nothing reserved can be set (RD-052). */
import type { LoginParameters } from '../oidc/provider.ts';
import { single } from './form.ts';

/** `prompt` (OpenID Connect Core section 3.1.2.1 and extensions) is a list of words. */
const allowed: Readonly<Record<keyof LoginParameters, RegExp>> = {
  prompt: /^[a-z_]+(?: [a-z_]+)*$/,
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
