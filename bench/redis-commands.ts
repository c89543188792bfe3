/** Reads the names of commands out of what a client of Redis sends: arrays of bulk strings, in pieces of any size. */

/** Answers, for each piece, the names of the commands that end in it, in upper case. */
export function commandsIn(): (chunk: Buffer) => readonly string[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const names: string[] = [];
    for (let found = readCommand(rest); found !== null; found = readCommand(rest)) {
      names.push(found.name);
      rest = rest.subarray(found.end);
    }
    return names;
  };
}

interface Command {
  readonly name: string;
  readonly end: number;
}

/** Null: not all of it is here yet. */
function readCommand(bytes: Buffer): Command | null {
  const head = readNumber(bytes, 0);
  if (head === null) return null;
  let { end } = head;
  let name = '';
  for (let part = 0; part < head.value; part += 1) {
    const length = readNumber(bytes, end);
    if (length === null || length.end + length.value + 2 > bytes.length) return null;
    if (part === 0) name = bytes.toString('latin1', length.end, length.end + length.value).toUpperCase();
    end = length.end + length.value + 2;
  }
  return { name, end };
}

/** `*3` or `$12` with its line end. */
function readNumber(bytes: Buffer, at: number): { readonly value: number; readonly end: number } | null {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  return end === -1 ? null : { value: Number(bytes.toString('latin1', at + 1, end)), end: end + 2 };
}
