import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Answer } from '../../support/http.ts';
import { type BaoCall, expectOk, type VaultAccess, vaultApi } from '../../support/openbao.ts';
import { mountKv } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import type { Backend } from './backend.ts';
import { fillReal } from './real.ts';

/**
 * Your own Vault: ENVTIER_TEST_VAULT, with ENVTIER_TEST_VAULT_TOKEN, and ENVTIER_TEST_VAULT_CACERT for the
 * file of its CA. Undefined where it is not set. VAULT_ADDR is not used: a person must choose the Vault on
 * purpose.
 */
export function borrowedVault(
	{
		ENVTIER_TEST_VAULT: addr,
		ENVTIER_TEST_VAULT_TOKEN: token,
		ENVTIER_TEST_VAULT_CACERT: ca,
	}: NodeJS.ProcessEnv = process.env,
): VaultAccess | undefined {
	if (!addr) return undefined;
	if (!token) throw new Error('ENVTIER_TEST_VAULT needs ENVTIER_TEST_VAULT_TOKEN');
	return { addr: addr.replace(/\/+$/, ''), caPem: ca ? readFileSync(ca, 'utf8') : '', rootToken: token };
}

/** What tests mount and name; each gets the prefix there. */
const MOUNTS = /^(secret|legacy|transit)(?=\/|$)/;
const AUTH_MOUNTS = /^auth\/(jwt|kubernetes)(?=\/|$)/;
const MADE = /^sys\/(mounts|auth|policies\/acl)\//;
const SHOWN_MOUNT = /^sys\/internal\/ui\/mounts\//;
/** Nobody lends a Vault for these. */
const FORBIDDEN = /^sys\/(seal|unseal|init|rotate|rekey|step-down|namespaces)\b/;

/**
 * Uses that Vault as a backend of one suite. Everything that tests create has a random prefix: mounts, auth
 * mounts and policies. The prefix is added to requests and removed from responses, so tests see their own
 * names. Everything is removed at the end.
 */
export async function startBorrowed(access: VaultAccess): Promise<Backend> {
	const prefix = `envtier-test-${randomBytes(6).toString('hex')}-`;
	const direct = vaultApi(access).request;
	/** Paths to delete, the last one made first. */
	const made: string[] = [];
	const accessors: string[] = [];
	const request: Backend['request'] = async (method, path, what = {}) => {
		if (FORBIDDEN.test(path) || what.namespace !== undefined) {
			throw new Error(`${method} ${path} is nothing for somebody's own Vault`);
		}
		const theirs = pathOf(prefix, path);
		const answer = await direct(method, theirs, bodyOf(prefix, path, what));
		if (answer.status < 300) {
			if (MADE.test(path) && method !== 'GET' && method !== 'DELETE') made.push(theirs);
			if (path === 'auth/token/create') accessors.push(accessorIn(answer));
		}
		return ownNames(prefix, answer);
	};
	const remove = async (): Promise<void> => {
		for (const accessor of accessors.splice(0)) {
			await direct('POST', 'auth/token/revoke-accessor', { body: { accessor } });
		}
		const failed: string[] = [];
		for (const path of [...new Set(made.splice(0))].reverse()) {
			const { status, text } = await direct('DELETE', path);
			if (status >= 300) failed.push(`${path}: ${status} ${text}`);
		}
		if (failed.length > 0) throw new Error(`left in that Vault:\n${failed.join('\n')}`);
	};
	const api = { rootToken: access.rootToken, request };
	try {
		const self = expectOk(await direct('GET', 'auth/token/lookup-self'), `the token for ${access.addr}`);
		if (!(self as TokenLookup).data.policies.includes('root')) {
			throw new Error('ENVTIER_TEST_VAULT_TOKEN has not the policy root, which some of the tests are about');
		}
		await mountKv(api, 'secret', 2);
		await until('KV v2 to be ready', async () => (await request('GET', 'secret/config')).status === 200);
		const jwt = await fillReal(api);
		const unheardOf = () => Promise.reject(new Error("somebody's own Vault is not sealed by tests"));
		return { ...api, jwt, seal: unheardOf, unseal: unheardOf, [Symbol.asyncDispose]: remove };
	} catch (thrown) {
		await remove();
		throw thrown;
	}
}

interface TokenLookup {
	readonly data: { readonly policies: readonly string[] };
}

/** The path as it is there. */
function pathOf(prefix: string, path: string): string {
	return path
		.replace(MOUNTS, `${prefix}$1`)
		.replace(AUTH_MOUNTS, `auth/${prefix}$1`)
		.replace(MADE, `$&${prefix}`)
		.replace(SHOWN_MOUNT, `$&${prefix}`);
}

interface Named {
	readonly policy?: string;
	readonly paths?: readonly string[];
	readonly policies?: readonly string[];
	readonly token_policies?: readonly string[];
}

/** What goes with the request, with paths and names as they are there. */
function bodyOf(prefix: string, path: string, what: BaoCall): BaoCall {
	if (typeof what.body !== 'object' || what.body === null || !/^(sys|auth)\//.test(path)) return what;
	const { policy, paths, policies, token_policies: granted, ...body } = what.body as Named;
	const named = (names: readonly string[]) => names.map((name) => `${prefix}${name}`);
	return {
		...what,
		body: {
			...body,
			...(policy === undefined ? {} : { policy: policyOf(prefix, policy) }),
			...(paths === undefined ? {} : { paths: paths.map((one) => pathOf(prefix, one)) }),
			...(policies === undefined ? {} : { policies: named(policies) }),
			...(granted === undefined ? {} : { token_policies: named(granted) }),
		},
	};
}

/** A policy in its JSON form, about the paths as they are there. */
function policyOf(prefix: string, text: string): string {
	const { path } = JSON.parse(text) as { readonly path: object };
	const there = Object.entries(path).map(([pattern, rules]) => [pathOf(prefix, pattern), rules]);
	return JSON.stringify({ path: Object.fromEntries(there) });
}

/** The answer, with the names that tests know. */
function ownNames(prefix: string, answer: Answer): Answer {
	const text = answer.text.replaceAll(prefix, '');
	const location = answer.headers['location'];
	const headers = typeof location === 'string' ? { location: location.replaceAll(prefix, '') } : undefined;
	return {
		...answer,
		headers: { ...answer.headers, ...headers },
		text,
		json: answer.json === undefined ? undefined : JSON.parse(text),
	};
}

function accessorIn({ json }: Answer): string {
	return (json as { auth: { accessor: string } }).auth.accessor;
}
