/** What the tests and the demo use of `oidc-provider`, which comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Interaction {
    readonly uid: string;
    readonly prompt: { readonly name: string };
    readonly params: Readonly<Record<string, unknown>>;
    readonly session?: { readonly accountId: string };
    readonly grantId?: string;
  }

  export interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export const errors: {
    readonly InvalidTarget: new () => Error;
    readonly InvalidGrant: new (detail?: string) => Error;
  };

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    readonly Grant: {
      new (options: { accountId: string; clientId: string }): Grant;
      find(id: string): Promise<Grant | undefined>;
    };
    readonly AccessToken: new (
      properties: Readonly<Record<string, unknown>>,
    ) => {
      resourceServer: unknown;
      readonly expiration: number;
      save(): Promise<string>;
    };
    readonly ResourceServer: new (
      resource: string,
      info: Readonly<Record<string, unknown>>,
    ) => unknown;
    registerGrantType(
      name: string,
      // biome-ignore lint/suspicious/noExplicitAny: the library's context has no types
      handler: (context: any) => Promise<void>,
      parameters: readonly string[],
      mayRepeat?: readonly string[],
    ): void;
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Readonly<Record<string, unknown>>,
      options?: { mergeWithLastSubmission?: boolean },
    ): Promise<void>;
    on(event: string, listener: (...values: readonly unknown[]) => void): this;
  }
}
