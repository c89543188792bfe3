/** The gate's own endpoints, put together: path → method → endpoint. */
import { createAfterLogout } from './after-logout.ts';
import { createBackchannelLogout } from './backchannel-logout.ts';
import { createBounceCounter } from './bounce.ts';
import { createCallback } from './callback.ts';
import type { EndpointContext, EndpointDeps } from './context.ts';
import { createEndOwnSessions } from './end-own-sessions.ts';
import type { Endpoint, EndpointTable } from './endpoint.ts';
import type { EndpointsConfig } from './endpoints-config.ts';
import { createFrontchannelLogout } from './frontchannel-logout.ts';
import { createLogin } from './login.ts';
import { createLogout } from './logout.ts';
import { createMe } from './me.ts';
import { createOwnSessionsList } from './own-sessions-list.ts';
import { createReturnTo } from './return-to.ts';
import { createSignedOut } from './signed-out.ts';

/** Throws when there is no provider: a misuse, the configuration asks for one. */
export function createEndpoints(config: EndpointsConfig, deps: EndpointDeps): EndpointTable {
  const context = createContext(config, deps);
  const { paths } = config;
  const { page: logoutPage, action: logout } = createLogout(context);
  const callback = createCallback(context);
  return new Map<string, ReadonlyMap<string, Endpoint>>([
    [paths.login, new Map([['GET', createLogin(context)]])],
    [
      paths.callback,
      new Map([
        ['GET', callback],
        ['POST', callback],
      ]),
    ],
    [paths.me, new Map([['GET', createMe(context)]])],
    [
      paths.logout,
      new Map([
        ['GET', logoutPage],
        ['POST', logout],
      ]),
    ],
    [paths.signedOut, new Map([['GET', createSignedOut(context)]])],
    [
      paths.sessions,
      new Map([
        ['GET', createOwnSessionsList(context)],
        ['POST', createEndOwnSessions(context)],
      ]),
    ],
    [paths.backchannelLogout, new Map([['POST', createBackchannelLogout(context)]])],
    [paths.frontchannelLogout, new Map([['GET', createFrontchannelLogout(context)]])],
  ]);
}

function createContext(config: EndpointsConfig, deps: EndpointDeps): EndpointContext {
  const [provider] = deps.providers.values();
  if (provider === undefined) throw new TypeError('createEndpoints needs a provider');
  const ownPaths = [config.prefix, ...Object.values(config.paths)];
  const returnTo = createReturnTo(deps.publicUrl, ownPaths, config.returnTo);
  return {
    ...deps,
    config,
    provider,
    returnTo,
    bounces: createBounceCounter(deps.cookieNames, deps.clock),
    afterLogout: createAfterLogout(deps.cookieNames, deps.random),
    home: returnTo.resolve(null),
  };
}
