/** The public URL: the origin that browsers use, from which redirect URIs and cookies are made. Never from `Host`. */
import { z } from 'zod';

/** An origin as `https://app.example.com`, without a slash at the end. */
export const publicUrlSchema = z.string().transform((text, context) => {
  const problem = publicUrlProblem(text);
  if (problem === null) return new URL(text).origin;
  context.addIssue({ code: 'custom', message: problem });
  return z.NEVER;
});

function publicUrlProblem(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    return 'is not a URL: write scheme and host, as https://app.example.com';
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'holds a user name or a password';
  if (url.pathname !== '/' || /[?#]/.test(text))
    return 'is more than an origin: write scheme, host and port only';
  if (url.hostname.endsWith('.')) return 'ends its host with a dot, which is another origin for browsers';
  return null;
}

/** Names and addresses that only this machine can be reached by: browsers treat them as secure without TLS. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}
