/** The slot of a key in a cluster: CRC16 (XMODEM) of the key or of its hash tag (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model). */

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** 0 to 16383. */
export function hashSlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(key), 'utf8')) {
    crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] as number);
  }
  return crc & 0x3fff;
}

/** What stands between the first `{` and the next `}`, unless that is empty. */
function hashed(key: string): string {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}
