/** Finds the Chromium that browser tests drive, and installs Debian's when that is allowed. */
import { type Found, findOrInstall } from './debian.ts';

export function findOrInstallChromium(): Found {
  const named = process.env.SALLYPORT_CHROMIUM;
  if (named !== undefined && named !== '') return { path: named };
  return findOrInstall('chromium', ['chromium', 'chromium-browser', 'google-chrome']);
}
