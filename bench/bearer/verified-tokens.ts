/** How many tokens a gate has verified so far: those that it remembers are not among them. */

export async function verifiedTokens(adminPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
  const text = await response.text();
  return Number(/^sallyport_tokens_verified_total\{[^}]*how="signature"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}
