/**
 * What the server does in one step, in Lua. Each script touches one key, so that all of them work in a cluster, and
 * takes the time from the server, so that clocks of gates that differ change nothing.
 */
import { createHash } from 'node:crypto';

export interface Script {
  readonly text: string;
  /** By which the server knows it. */
  readonly sha: string;
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });

/** Version of the record under the key; nil: no record; 0: something that is none of ours. */
const readVersion = `
local head = redis.pcall('GETRANGE', KEYS[1], 0, 8)
local old = nil
if type(head) ~= 'string' then old = 0
elseif #head > 0 then
  if #head == 9 and string.byte(head) == 1 then old = struct.unpack('>d', head, 2) else old = 0 end
end`;

/**
 * ARGV: rest of the record, milliseconds to live (0: expired already), condition: \`always\`, \`absent\`, or the version that
 * must be there. Answers the new version, or nil.
 *
 * A version is the time of the server in microseconds, and more than the version before: it grows with every write, does
 * not come back when a key is deleted and made again, and is exact as a double.
 */
export const writeRecord = script(`${readVersion}
local condition = ARGV[3]
if condition == 'absent' then
  if old then return nil end
elseif condition ~= 'always' then
  if not old or old ~= tonumber(condition) then return nil end
end
local time = redis.call('TIME')
local version = math.max((old or 0) + 1, time[1] * 1000000 + time[2])
if ARGV[2] == '0' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], '\\1' .. struct.pack('>d', version) .. ARGV[1], 'PX', ARGV[2]) end
return version`);

/** ARGV: the version that must be there. Answers 1 when it was. */
export const deleteVersion = script(`${readVersion}
if not old or old ~= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
return 1`);

/**
 * ARGV: key of a record, milliseconds for which it may live. The tag forgets records whose time is over, and is gone with the last
 * one. Answers some of its entries, from a place that is another one each time, when there are more than one person usually has:
 * so that entries whose records were deleted are found, and somebody who signs in all the time leaves no pile of them.
 */
export const addToTag = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local count = redis.call('ZCARD', KEYS[1])
if count <= 16 then return {} end
local from = (time[2] * 7919) % count
return redis.call('ZRANGE', KEYS[1], from, from + 3)`);

export const allScripts: readonly Script[] = [writeRecord, deleteVersion, addToTag];
