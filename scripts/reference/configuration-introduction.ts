/** What the tables of the configuration page cannot tell. */

export const configurationIntroduction = `# Configuration

\`sallyport serve --config sallyport.yaml\` reads YAML, JSON or TOML, by extension. \`sallyport check\` validates the same way
and prints every problem at once, with path, value, place, reason and a suggestion. Nothing that fails validation starts:
unknown keys, keys that are there twice, missing references and routes that collide are errors. \`sallyport init\` writes a
first file; \`sallyport schema\` prints the JSON schema, with which editors complete and check.

## Units

Durations are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\` (\`30m\`); sizes a whole number and \`B\`, \`KiB\`, \`MiB\` or
\`GiB\` (\`64KiB\`). An address is host and port: \`127.0.0.1:8080\`, \`[::1]:8080\`.

## Secrets

Where the tables say *secret*, *binary* or *certificates*, write \`{ env: NAME }\`, \`{ file: path }\` or the value itself. The
final line break of a file is dropped; a path is relative to the configuration file. A *binary* file is taken byte for byte,
while a variable and the value itself hold it in base64. A variable that is not set and a file that cannot be read are
problems. Secrets are never printed.

## Environment variables

\`SALLYPORT_\` and the path, with two underscores between its levels, sets any scalar and wins over the file:

| Variable | Sets |
|---|---|
| \`SALLYPORT_PUBLIC_URL=https://app.example.com\` | \`publicUrl\` |
| \`SALLYPORT_SESSION__IDLE_TIMEOUT=45m\` | \`session.idleTimeout\` |
| \`SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET=…\` | \`providers.main.clientSecret\` |
| \`SALLYPORT_PROVIDERS__MAIN__CLIENT_SECRET__FILE=/run/secrets/x\` | the same, by reference |
| \`SALLYPORT_ROUTES__0__PATH=/**\` | \`routes[0].path\` |
| \`SALLYPORT_LISTEN__TRUSTED_PROXIES=10.0.0.0/8,fd00::/8\` | a list of scalars, as a whole |

Within a level, case and underscores make no difference. A name that the file does not have yet (of a cluster, a provider,
a header) is written in lower case with \`-\` for \`_\`. List entries are counted from 0, without gaps. A variable that hits
nothing is a problem. Without any file the environment alone is the configuration. \`SALLYPORT_CONFIG\` names the file and is
not a part of it, nor are the variables that Kubernetes makes for a service called \`sallyport\`.

## Which route

A path is made of literal segments, \`*\` for one segment, \`:name\` for one captured segment, and \`/**\` at the end for the
prefix itself and everything below. Patterns are compared segment by segment from the left: a literal goes before \`*\` and
\`:name\`, and both before \`/**\`. The path alone chooses the pattern: a method that none of its routes lists is answered with
405 and never falls through to a broader pattern. Two routes of the same shape with a method in common are an error. What
no route matches is answered with 404.

## Header templates

Values of \`requestHeaders\` may hold \`{claims.email}\`, \`{claims.address.country}\`, \`{claims["https://example.com/roles"]}\` and
\`{params.id}\` for what \`:id\` captured. A header that the gate writes or that frames the message cannot be set.`;
