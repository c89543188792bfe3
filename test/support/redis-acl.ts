/** The rights that a gate needs at a Redis server, as the documentation names them. */

/** For `user` in the configuration of Redis, or after `ACL SETUSER`: the keys of one prefix, and these commands. */
export function redisAcl(name: string, password: string, prefix: string): readonly string[] {
  const commands = [
    'hello',
    'ping',
    'get',
    'getrange',
    'set',
    'del',
    'unlink',
    'scan',
    'time',
    'evalsha',
    'eval',
  ];
  const sets = ['zadd', 'zcard', 'zrange', 'zrem', 'zremrangebyscore', 'pttl', 'pexpire'];
  const connection = [
    'script|load',
    'client|tracking',
    'client|setname',
    'select',
    'role',
    'cluster|slots',
    'asking',
  ];
  const allowed = [...commands, ...sets, ...connection].map((command) => `+${command}`);
  return [name, 'on', `>${password}`, `~${prefix}*`, 'resetchannels', '-@all', ...allowed];
}
