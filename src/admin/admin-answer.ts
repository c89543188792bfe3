/** What the listener for operators answers with. */

export interface AdminAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function jsonAnswer(
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): AdminAnswer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n`, headers };
}

/** `error` is a sentence for the operator: what is wrong and what to write. */
export function errorAnswer(
  status: number,
  error: string,
  headers?: Readonly<Record<string, string>>,
): AdminAnswer {
  return jsonAnswer(status, { error }, headers);
}
