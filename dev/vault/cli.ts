import { isIPv6 } from 'node:net';
import { parseArgs } from 'node:util';
import { err, ok, type Result } from '../../contract/result.ts';
import type { Listen } from './server.ts';

/** The help text. */
export const USAGE = `Serves the part of Vault's HTTP API that Envtier uses, from memory. For development only.

  node dev/vault/main.ts --file FILE [--listen HOST:PORT] [--tls-dir DIR] [--root-token TOKEN]

  --file FILE         YAML file of the three tiers, see docs/development-vault.md
  --listen HOST:PORT  where to serve; port 0 takes one that is free (127.0.0.1:0)
  --tls-dir DIR       cert.pem, key.pem and ca.pem; made there when there are none
  --root-token TOKEN  the token that may do everything (random)
`;

/** The parsed command line. */
export interface ServeCommand {
	readonly help: false;
	readonly file: string;
	readonly listen: Listen;
	readonly tlsDir: string | undefined;
	readonly rootToken: string | undefined;
}

/** Reads the command line; the error is a sentence for the person who typed it. */
export function parseCommand(args: readonly string[]): Result<ServeCommand | { readonly help: true }> {
	const parsed = parse(args);
	if (!parsed.ok) return parsed;
	const { help, file, listen, 'tls-dir': tlsDir, 'root-token': rootToken } = parsed.value;
	if (help === true) return ok({ help: true });
	if (file === undefined || file === '') return err('--file is missing: the YAML file of secrets');
	const address = parseListen(listen ?? '127.0.0.1:0');
	if (!address.ok) return address;
	return ok({ help: false, file, listen: address.value, tlsDir, rootToken });
}

function parse(args: readonly string[]) {
	const options = {
		help: { type: 'boolean', short: 'h' },
		file: { type: 'string' },
		listen: { type: 'string' },
		'tls-dir': { type: 'string' },
		'root-token': { type: 'string' },
	} as const;
	try {
		return ok(parseArgs({ args: [...args], options }).values);
	} catch (thrown) {
		// The parser's own message names the unknown option.
		return err(thrown instanceof Error ? thrown.message : String(thrown));
	}
}

function parseListen(text: string): Result<Listen> {
	const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
	const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
	const port = Number(match?.groups?.['port']);
	if (host === undefined || port > 65_535 || (match?.groups?.['v6'] !== undefined && !isIPv6(host))) {
		return err(`--listen "${text}" is not HOST:PORT, such as 127.0.0.1:8200 or [::1]:0`);
	}
	return ok({ host, port });
}
