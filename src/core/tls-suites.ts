/**
 * The TLS suites that the gate speaks, to clients and to providers: forward secrecy and authenticated encryption alone
 * (RFC 9325 section 4.2, which FAPI 2.0 asks for). In TLS 1.2 Node would also take CBC suites and plain RSA key exchange.
 */
export const tlsSuites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
