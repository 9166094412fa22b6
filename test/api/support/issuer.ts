import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { makeAuthority } from '../../support/tls.ts';

/** A small OIDC issuer on HTTPS: discovery document, key set, and sessions signed at will. */
export interface Issuer extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly caPem: string;
	/**
	 * A session for the audience `envtier-api`, valid for five minutes. `claims` replace its claims; undefined
	 * removes one.
	 */
	session(claims: Readonly<Record<string, unknown>>): Promise<string>;
	/** Signs from now on with a key that the key set names only from now on. */
	rotate(): Promise<void>;
	/** How often the key set was fetched. */
	fetches(): number;
	/** Answers 500 from now on, or no longer. */
	setBroken(broken: boolean): void;
}

/** Starts an issuer. */
export async function startIssuer(): Promise<Issuer> {
	const authority = await makeAuthority('Envtier test issuer CA');
	const leaf = await authority.issue();
	const make = async (kid: string) => ({ kid, ...(await generateKeyPair('ES256')) });
	let keys = [await make('one')];
	let fetches = 0;
	let broken = false;
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, async (request, response) => {
		const documents: Record<string, () => Promise<object>> = {
			'/.well-known/openid-configuration': () =>
				Promise.resolve({ issuer: url(), jwks_uri: `${url()}/keys` }),
			'/keys': async () => {
				fetches += 1;
				const exported = keys.map(async ({ kid, publicKey }) => ({
					...(await exportJWK(publicKey)),
					...{ kid, alg: 'ES256', use: 'sig' },
				}));
				return { keys: await Promise.all(exported) };
			},
		};
		const document = documents[request.url ?? ''];
		response.statusCode = broken ? 500 : document === undefined ? 404 : 200;
		response.end(JSON.stringify((await document?.()) ?? {}));
	});
	const url = (): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: url(),
		caPem: authority.certPem,
		session: async (claims) => {
			const now = Math.floor(Date.now() / 1000);
			const whole = { iss: url(), aud: 'envtier-api', iat: now, exp: now + 300, ...claims };
			const payload = Object.fromEntries(Object.entries(whole).filter(([, claim]) => claim !== undefined));
			const signer = keys.at(-1);
			if (signer === undefined) throw new Error('no key');
			return await new SignJWT(payload as JWTPayload)
				.setProtectedHeader({ alg: 'ES256', kid: signer.kid })
				.sign(signer.privateKey);
		},
		rotate: async () => {
			keys = [...keys, await make(`next-${keys.length}`)];
		},
		fetches: () => fetches,
		setBroken: (state) => {
			broken = state;
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
