/** What the provider shows in a frame while it signs somebody out everywhere: hardly anybody ever sees it. */
import { type Html, html } from './html.ts';

/** The same whether a session ended or not. */
export function framePage(): Html {
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed out</title></html>`;
}
