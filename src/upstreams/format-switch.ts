/** The head of a `101 Switching Protocols` (RFC 9110 section 15.2.2), for a socket that has no response object. */

/** The switch as bytes; null when a field could not be written as it is. */
export function formatSwitch(headers: readonly string[]): Buffer | null {
  let text = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let i = 0; i < headers.length; i += 2) {
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(headers[i + 1] as string)) return null;
    text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}
