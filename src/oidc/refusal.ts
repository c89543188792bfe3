/** Why an answer of the provider was not accepted, inside this folder; its edge turns it into an error or an outcome. */

/**
 * `reason` is a stable word for the audit log. `about` tells whether the answer itself could not be read (`response`:
 * nothing is known about the person) or says something that must not be believed (`content`).
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: string;
  readonly about: 'response' | 'content';

  constructor(reason: string, about: 'response' | 'content' = 'content') {
    super(reason);
    this.reason = reason;
    this.about = about;
  }
}
