import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { Result } from '../../contract/result.ts';
import type { NetworkError } from '../../lib/http/network-errors.ts';
import { type HttpAnswer, httpCall } from '../http.ts';
import { redacted } from './check.ts';

/** Where Vault is, for pods and for us. */
export interface VaultTarget {
	readonly address: string;
	/** PEM text; the system's roots unless given. */
	readonly ca: string | undefined;
	readonly namespace: string | undefined;
	/** Name that the certificate must have; undefined: the address's host. */
	readonly tlsName: string | undefined;
	/** Where to connect to instead; the certificate must still be for the address. */
	readonly via: { readonly host: string; readonly port: number } | undefined;
}

/** Sends one request to Vault; the path comes without `/v1/`. */
export type VaultRequest = (
	method: string,
	path: string,
	what?: { readonly token?: string; readonly body?: unknown },
) => Promise<Result<HttpAnswer, NetworkError>>;

/** A connection to Vault that trusts what pods trust. */
export function vaultRequest(place: VaultTarget): VaultRequest {
	const { address, ca, namespace } = place;
	const options: RequestOptions = { ...(ca === undefined ? {} : { ca }), ...routeOf(place) };
	return (method, path, { token, body } = {}) =>
		httpCall({
			method,
			url: new URL(`${address}/v1/${path}`),
			body,
			options,
			headers: {
				'x-vault-request': 'true',
				...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
				...(token === undefined ? {} : { 'x-vault-token': token }),
			},
		});
}

/** Connects elsewhere if told to, but asks for, and checks, the name that pods use. */
function routeOf({ address, via, tlsName }: VaultTarget): RequestOptions {
	if (via === undefined && tlsName === undefined) return {};
	const { hostname, host } = new URL(address);
	const name = tlsName ?? hostname.replace(/^\[|\]$/g, '');
	return {
		...(via === undefined ? {} : { hostname: via.host, port: via.port, headers: { host } }),
		...(isIP(name) === 0 ? { servername: name } : {}),
		checkServerIdentity: (_where, certificate) => checkServerIdentity(name, certificate),
	};
}

/** Vault's own sentences, if the answer has any. */
export function vaultErrors({ body }: HttpAnswer): readonly string[] {
	const errors = typeof body === 'object' && body !== null && 'errors' in body ? body.errors : undefined;
	if (!Array.isArray(errors)) return [];
	return errors.filter((one) => typeof one === 'string').map(redacted);
}
